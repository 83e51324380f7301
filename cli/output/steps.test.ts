import t from 'tap'
import { fakeShell } from '../testing/fakes.ts'
import { readyEvent, renderBanner } from './banner.ts'
import { outputForm, renderStep } from './steps.ts'
import { formatAge, renderTable } from './table.ts'
import { planCluster } from '../cluster/cluster-plan.ts'

const step = { name: 'members', detail: 'm1 m2 m3 listening', ms: 94.4, n: 4, of: 8 }

void t.test('colours are for terminals that did not ask for none', async (t) => {
  const shell = fakeShell()
  const onTerminal = { ...shell, stdout: { ...shell.stdout, isTty: true } }
  t.equal(outputForm(shell, {}), 'plain')
  t.equal(outputForm(onTerminal, {}), 'colour')
  t.equal(outputForm(onTerminal, { plain: true }), 'plain')
  t.equal(outputForm(onTerminal, { color: false }), 'plain')
  t.equal(outputForm({ ...onTerminal, env: { NO_COLOR: '1' } }, {}), 'plain')
  t.equal(outputForm({ ...onTerminal, env: { CI: 'true' } }, {}), 'plain')
  t.equal(outputForm(onTerminal, { json: true }), 'json')
})

void t.test('a step is one line in every form', async (t) => {
  t.match(renderStep('plain', step), /^ ✓ members +m1 m2 m3 listening +94 ms\n$/)
  t.same(JSON.parse(renderStep('json', step)), { v: 1, type: 'step', ...step })
})

void t.test('the banner says plainly when pods are simulated and what is missing', async (t) => {
  const cluster = planCluster({
    name: 'blue',
    id: 'abc123',
    token: 't',
    createdAt: '',
    skediaVersion: '',
    shape: { members: 3, apiservers: 2, nodes: 1, fakeNodes: 0 },
    basePort: 6443,
    runtime: { kind: 'fake', reason: 'runc missing' },
    networkIndex: undefined,
  })
  const event = readyEvent({
    cluster,
    dir: '/d',
    readiness: { missing: ['m2'], timedOut: false },
    readyMs: 2100,
    reasons: { m2: 'frame 4 is damaged' },
  })
  t.match(event, {
    type: 'degraded',
    endpoint: 'https://127.0.0.1:6443',
    kubeconfig: '/d/kubeconfig',
    readyMs: 2100,
  })
  const text = renderBanner('plain', event)
  t.match(text, /SIMULATED by the fake runtime: no container runs \(runc missing\)/)
  t.match(text, /Tolerates +losing 0 of 3 members/)
  t.match(text, /Missing +m2: frame 4 is damaged/)
  t.match(text, /export KUBECONFIG=\/d\/kubeconfig/)
})

void t.test('columns are as wide as their widest cell; ages read as kubectl shows them', async (t) => {
  t.equal(
    renderTable([
      ['a', 'long'],
      ['wider', 'b'],
    ]),
    'a      long\nwider  b\n',
  )
  t.same([5_000, 119_000, 240_000, 7_800_000, 200_000_000].map(formatAge), [
    '5s',
    '119s',
    '4m',
    '2h10m',
    '2d',
  ])
})

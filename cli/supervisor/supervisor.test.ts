import t from 'tap'
import { silentLog } from '../../platform/log.ts'
import { silentMetrics } from '../../platform/metrics.ts'
import { type ByteSource, type Network, NetworkError } from '../../platform/network.ts'
import type { Powers } from '../../platform/powers.ts'
import { seededRandom } from '../../platform/random.ts'
import { planCluster } from '../cluster/cluster-plan.ts'
import { FakeClock, FakeFiles, FakeProcesses } from '../testing/fakes.ts'
import { Supervisor } from './supervisor.ts'

const cluster = planCluster({
  name: 'skedia',
  id: 'abc123',
  token: 't',
  createdAt: '',
  skediaVersion: '',
  shape: { members: 3, apiservers: 1, nodes: 0, fakeNodes: 0 },
  basePort: 6443,
  runtime: { kind: 'fake' },
  networkIndex: undefined,
})

function bodyOf(text: string): ByteSource {
  const chunks = [new TextEncoder().encode(text)]
  return { read: () => Promise.resolve(chunks.shift()), cancel: () => {} }
}

/** What the processes' health endpoints answer, by process name; a missing one refuses. */
type Answers = Record<string, { readonly leader: string; readonly term: number } | 'ready'>

function networkOf(answers: Answers, posts: string[]): Network {
  const refuse = () =>
    Promise.reject(new NetworkError({ code: 'ECONNREFUSED', message: 'refused', maybeDelivered: false }))
  return {
    listenFrames: refuse,
    dialFrames: refuse,
    listenHttp: refuse,
    listenBytes: refuse,
    dialBytes: refuse,
    httpClient: () => ({
      upgrade: refuse,
      close: () => {},
      request: ({ method, url, headers }) => {
        const port = Number(new URL(url).port)
        const name = cluster.processes.find((spec) => spec.ports['health'] === port)?.name ?? ''
        const answer = answers[name]
        if (answer === undefined) return refuse()
        if (method === 'POST') posts.push(`${name}${new URL(url).pathname} ${headers?.['authorization']}`)
        const detail =
          answer === 'ready'
            ? undefined
            : {
                id: name,
                role: answer.leader === name ? 'leader' : 'follower',
                leaderId: answer.leader,
                term: answer.term,
                commitIndex: 5,
                appliedIndex: 5,
                fsyncP99Ms: 1,
                lastChange: '',
              }
        return Promise.resolve({
          status: 200,
          headers: {},
          body: bodyOf(JSON.stringify({ name, ready: true, detail })),
        })
      },
    }),
  }
}

async function running(answers: Answers) {
  const clock = new FakeClock()
  const processes = new FakeProcesses()
  const posts: string[] = []
  const refused = () => {
    throw new Error('not in this test')
  }
  const powers: Powers = {
    clock,
    processes,
    files: new FakeFiles(),
    random: seededRandom(1n),
    network: networkOf(answers, posts),
    log: silentLog,
    metrics: silentMetrics,
    fatal: refused,
    crypto: { digest: refused, signRs256: refused, verifyRs256: refused, publicKeyOf: refused },
    disk: {
      open: refused,
      readFile: refused,
      replaceFile: refused,
      list: refused,
      exists: refused,
      makeDirectory: refused,
      rename: refused,
      remove: refused,
      syncDirectory: refused,
      lock: refused,
    },
  }
  const supervisor = new Supervisor({
    powers,
    cluster,
    dir: '/c',
    nodePath: '/node',
    nodeVersion: '20.20.2',
    entry: '/skedia.js',
    faultToken: 'secret',
    env: {},
    onNote: () => {},
  })
  await supervisor.start(() => true)
  return { supervisor, processes, posts, clock }
}

const healthy: Answers = {
  m1: { leader: 'm2', term: 4 },
  m2: { leader: 'm2', term: 4 },
  m3: { leader: 'm2', term: 4 },
}

void t.test('"leader" is the member that leads now, and the answer says what it was', async (t) => {
  const { supervisor } = await running(healthy)
  t.match(await supervisor.act('kill', 'leader'), { name: 'm2', kind: 'store', role: 'leader', term: 4 })
  const down = supervisor.views().filter((view) => view.phase === 'down')
  t.same(
    down.map((view) => view.name),
    ['m2'],
  )
  t.match(
    await supervisor.act('start', 'leader'),
    { name: 'm2' },
    'to start the leader is to bring back who was killed',
  )
})

void t.test('without a leader nobody is killed', async (t) => {
  const { supervisor, processes } = await running({ m1: { leader: 'm2', term: 4 } })
  await t.rejects(supervisor.act('kill', 'leader'), { code: 'E_NO_LEADER', exitCode: 69 })
  t.notOk(processes.children.some((child) => child.signals.includes('SIGKILL')))
})

void t.test('links are cut by the member itself, with the token', async (t) => {
  const { supervisor, posts } = await running(healthy)
  await supervisor.act('cut', 'm1')
  t.same(posts, ['m1/cut Bearer secret'])
  const status = await supervisor.status()
  t.match(status.members[0], { name: 'm1', cut: true, healthy: false })
  t.equal(status.toleratesLosing, 0)
  t.match(await supervisor.act('heal', 'leader'), { name: 'm1' }, 'to heal the leader is to heal who was cut')
})

void t.test('only members have links, and only what exists can be hit', async (t) => {
  const { supervisor } = await running({ ...healthy, a1: 'ready' })
  await t.rejects(supervisor.act('cut', 'a1'), { code: 'E_NO_PROCESS' })
  await t.rejects(supervisor.act('kill', 'm9'), { code: 'E_NO_PROCESS', found: /m1 m2 m3/ })
})

void t.test('a stop ends everything, what depends on others first', async (t) => {
  const { supervisor, processes, clock } = await running(healthy)
  const order: string[] = []
  for (const child of processes.children) {
    const push = child.signals.push.bind(child.signals)
    child.signals.push = (...signals) => {
      order.push(child.options.args.find((arg) => !arg.startsWith('-') && !arg.startsWith('/')) ?? '')
      return push(...signals)
    }
  }
  await supervisor.stop()
  await clock.advance(1)
  t.same([...new Set(order)], ['controller-manager', 'scheduler', 'apiserver', 'front', 'store'])
  t.equal(processes.alive.size, 0)
})

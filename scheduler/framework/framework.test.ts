import t from 'tap'
import { nodeInfoOf } from '../cache/node-info.ts'
import { podInfoOf } from '../cache/pod-info.ts'
import { nodeResourcesFit } from '../plugins/node-resources-fit.ts'
import { Nominator } from '../queue/nominator.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import { nodeOf, podOf } from '../testing/objects.ts'
import { CycleState } from './cycle-state.ts'
import { formatDiagnosis } from './diagnosis.ts'
import type { Plugin } from './extension-points.ts'
import { Framework } from './framework.ts'
import { unresolvable, unschedulable } from './rejection.ts'

const clock = new ManualClock()

function frameworkOf(...plugins: readonly Plugin[]): { framework: Framework; nominator: Nominator } {
  const nominator = new Nominator()
  const weighted = plugins.map((plugin, index) => ({ plugin, weight: index + 1 }))
  return { framework: new Framework({ plugins: weighted, clock, nominator: () => nominator }), nominator }
}

const pod = podInfoOf(podOf({ name: 'p', cpu: '1', priority: 5 }))
const node = nodeInfoOf(nodeOf({ name: 'n1', cpu: '1' }))

void t.test(
  'room that is promised to an equally important pod is not given away, to a lesser one it is',
  (t) => {
    const { framework, nominator } = frameworkOf(nodeResourcesFit())
    nominator.nominate(podInfoOf(podOf({ name: 'equal', cpu: '1', priority: 5 })), 'n1')
    t.match(framework.filterWithNominated(new CycleState(), pod, node), { reasons: ['Insufficient cpu'] })
    nominator.nominate(podInfoOf(podOf({ name: 'equal', cpu: '1', priority: 4 })), 'n1')
    t.equal(framework.filterWithNominated(new CycleState(), pod, node), undefined)
    nominator.nominate(pod, 'n1')
    t.equal(
      framework.filterWithNominated(new CycleState(), pod, node),
      undefined,
      'its own promise is no obstacle',
    )
    t.end()
  },
)

void t.test('scores are weighted and summed, and a plugin that skips says nothing', (t) => {
  const { framework } = frameworkOf(
    { name: 'one', score: () => 10 },
    { name: 'skips', preScore: () => 'skip', score: () => 100 },
    { name: 'three', score: () => 20 },
  )
  t.same(
    framework.score(new CycleState(), pod, [node]).map(({ total }) => total),
    [10 * 1 + 20 * 3],
  )
  t.end()
})

void t.test('a score outside its bounds is a bug and is said to be one', (t) => {
  const { framework } = frameworkOf({ name: 'wild', score: () => 101 })
  t.throws(() => framework.score(new CycleState(), pod, [node]), /wild scored n1 with 101/)
  t.end()
})

void t.test('what was reserved last is given back first', (t) => {
  const undone: string[] = []
  const reserving = (name: string): Plugin => ({ name, unreserve: () => void undone.push(name) })
  const { framework } = frameworkOf(reserving('a'), reserving('b'))
  framework.unreserve(new CycleState(), pod, 'n1')
  t.same(undone, ['b', 'a'])
  t.end()
})

void t.test('a permit that takes too long is a rejection that names its plugin', async (t) => {
  const { framework } = frameworkOf({
    name: 'slow',
    permit: () => ({
      timeoutMs: 500,
      wait: (signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    }),
  })
  const permitted = framework.permit(new CycleState(), pod, 'n1', new AbortController().signal)
  clock.advance(500)
  t.match(await permitted, {
    plugin: 'slow',
    reasons: [/permit pod default\/p \(slow\): no answer within 500 ms/],
  })
})

void t.test('two plugins that leave no node in common say so', (t) => {
  const only = (name: string, nodeName: string): Plugin => ({
    name,
    preFilter: () => ({ kind: 'only', nodeNames: new Set([nodeName]) }),
  })
  const { framework } = frameworkOf(only('b', 'n1'), only('a', 'n2'))
  t.match(framework.preFilter(new CycleState(), pod, [node]), {
    kind: 'rejected',
    rejection: { reasons: ["node(s) didn't satisfy plugin(s) [a b] simultaneously"] },
  })
  t.end()
})

void t.test('the event text counts each reason, in the order of their text', (t) => {
  const rejections = new Map([
    ['n1', unschedulable('p', 'Insufficient memory', 'Insufficient cpu')],
    ['n2', unschedulable('p', 'Insufficient cpu')],
  ])
  const absentRejection = unresolvable('q', 'elsewhere')
  const diagnosis = { nodesTotal: 12, rejections, absentRejection, preFilterMessage: '' }
  t.equal(
    formatDiagnosis(diagnosis),
    '0/12 nodes are available: 1 Insufficient memory, 10 elsewhere, 2 Insufficient cpu.',
  )
  t.equal(
    formatDiagnosis({ ...diagnosis, preFilterMessage: 'nowhere' }, 'preemption: no.'),
    '0/12 nodes are available: nowhere. preemption: no.',
  )
  t.end()
})

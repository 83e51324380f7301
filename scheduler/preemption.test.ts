import t from 'tap'
import type { PodDisruptionBudget } from '../api/types.ts'
import { nodeInfoOf } from './cache/node-info.ts'
import { podInfoOf } from './cache/pod-info.ts'
import { CycleState } from './framework/cycle-state.ts'
import { Framework } from './framework/framework.ts'
import { nodeResourcesFit } from './plugins/node-resources-fit.ts'
import { type Candidate, pickCandidate, selectVictims } from './preemption.ts'
import { Nominator } from './queue/nominator.ts'
import { ManualClock } from './testing/manual-clock.ts'
import { nodeOf, podOf, type PodShape } from './testing/objects.ts'

const nominator = new Nominator()
const filters = new Framework({
  plugins: [{ plugin: nodeResourcesFit(), weight: 1 }],
  clock: new ManualClock(),
  nominator: () => nominator,
})

function victimsFor(
  incoming: PodShape,
  pods: readonly PodShape[],
  budgets: readonly PodDisruptionBudget[] = [],
) {
  const node = nodeInfoOf(
    nodeOf({ name: 'n1', cpu: '4' }),
    pods.map((pod) => podInfoOf(podOf(pod))),
  )
  const result = selectVictims(
    { filters, state: new CycleState(), pod: podInfoOf(podOf(incoming)), budgets },
    node,
  )
  if (!('victims' in result)) return result.reasons.join()
  return { names: result.victims.map(({ name }) => name), violations: result.budgetViolations }
}

function budget(app: string, disruptionsAllowed: number): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: app, namespace: 'default' },
    spec: { selector: { matchLabels: { app } } },
    status: { disruptionsAllowed, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
  }
}

void t.test('only as many go as must, the least important first', (t) => {
  const pods = [
    { name: 'a', cpu: '2', priority: 1 },
    { name: 'b', cpu: '1', priority: 5 },
    { name: 'c', cpu: '1', priority: 3 },
  ]
  t.same(victimsFor({ name: 'x', cpu: '1', priority: 10 }, pods), { names: ['a'], violations: 0 })
  t.same(victimsFor({ name: 'x', cpu: '3', priority: 10 }, pods), { names: ['c', 'a'], violations: 0 })
  t.end()
})

void t.test('pods that are as important stay, and if they are in the way nothing helps', (t) => {
  const pods = [
    { name: 'a', cpu: '3', priority: 10 },
    { name: 'b', cpu: '1', priority: 1 },
  ]
  t.equal(victimsFor({ name: 'x', cpu: '2', priority: 10 }, pods), 'Insufficient cpu')
  t.equal(
    victimsFor({ name: 'x', cpu: '1', priority: 1 }, pods),
    'No preemption victims found for incoming pod',
  )
  t.end()
})

void t.test('of equals the one that has run longest stays', (t) => {
  const pods = [
    { name: 'young', cpu: '2', priority: 1, startTime: '2026-01-02T00:00:00Z' },
    { name: 'old', cpu: '2', priority: 1, startTime: '2026-01-01T00:00:00Z' },
  ]
  t.same(victimsFor({ name: 'x', cpu: '2', priority: 2 }, pods), { names: ['young'], violations: 0 })
  t.end()
})

void t.test('a pod whose budget is used up is spared before a more important one without a budget', (t) => {
  const pods = [
    { name: 'guarded', cpu: '2', priority: 1, labels: { app: 'db' } },
    { name: 'free', cpu: '2', priority: 5 },
  ]
  const incoming = { name: 'x', cpu: '2', priority: 10 }
  t.same(victimsFor(incoming, pods, [budget('db', 0)]), { names: ['free'], violations: 0 })
  t.same(victimsFor(incoming, pods, [budget('db', 1)]), { names: ['guarded'], violations: 0 })
  const all = { name: 'x', cpu: '4', priority: 10 }
  t.same(victimsFor(all, pods, [budget('db', 0)]), { names: ['free', 'guarded'], violations: 1 })
  t.end()
})

void t.test(
  'the choice between nodes follows violations, priorities, sums, counts, then the latest start',
  (t) => {
    const candidate = (
      nodeName: string,
      budgetViolations: number,
      ...victims: (readonly [number, string?])[]
    ): Candidate => ({
      nodeName,
      budgetViolations,
      victims: victims.map(([priority, startTime], index) =>
        podInfoOf(podOf({ name: `${nodeName}-${index}`, priority, startTime })),
      ),
    })
    const best = (...candidates: readonly Candidate[]) => pickCandidate(candidates)?.nodeName
    t.equal(best(candidate('a', 1, [1]), candidate('b', 0, [9])), 'b')
    t.equal(best(candidate('a', 0, [5]), candidate('b', 0, [4], [4], [4])), 'b')
    t.equal(best(candidate('a', 0, [5], [4]), candidate('b', 0, [5], [3])), 'b')
    t.equal(best(candidate('a', 0, [5], [0]), candidate('b', 0, [5])), 'b')
    t.equal(
      best(candidate('a', 0, [5, '2026-01-01T00:00:00Z']), candidate('b', 0, [5, '2026-01-02T00:00:00Z'])),
      'b',
    )
    t.equal(best(), undefined)
    t.end()
  },
)

import t from 'tap'
import { replicaSets } from '../api/apps/replica-set.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetSpec, ReplicaSet } from '../api/types.ts'
import { planBudget } from './disruption.ts'
import { epochMs, podOf } from './testing/objects.ts'

const owner: ReplicaSet = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name: 'web', namespace: 'default', uid: 'uid-set' },
}
const pods = ['a', 'b', 'c', 'd'].map((name) =>
  podOf({ name, owner: { object: owner, resource: replicaSets } }),
)
const scaleOf = () => ({ uid: 'uid-set', replicas: 4 })

function budgetOf(
  spec: PodDisruptionBudgetSpec,
  status?: PodDisruptionBudget['status'],
): PodDisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'b', generation: 2 },
    spec,
    status,
  }
}

t.test('a budget allows what is healthy beyond what must be', (t) => {
  const allowed = (spec: PodDisruptionBudgetSpec, healthy = pods) =>
    planBudget({ budget: budgetOf(spec), pods: healthy, scaleOf, nowMs: epochMs }).status.disruptionsAllowed
  t.equal(allowed({ minAvailable: 3 }), 1)
  t.equal(allowed({ minAvailable: '50%' }), 2)
  t.equal(allowed({ maxUnavailable: 1 }), 1)
  t.equal(allowed({ maxUnavailable: '30%' }), 2)
  t.equal(allowed({ minAvailable: 5 }), 0)
  t.equal(allowed({ maxUnavailable: 1 }, pods.slice(0, 3)), 0, 'a missing pod is an unavailable one')
  t.equal(allowed({ minAvailable: 0 }, []), 0)
  t.end()
})

t.test('an evicted pod does not count as healthy until it is gone or its time is over', (t) => {
  const status = {
    currentHealthy: 4,
    desiredHealthy: 3,
    disruptionsAllowed: 0,
    expectedPods: 4,
    disruptedPods: { a: '2026-01-01T00:00:00Z' },
  }
  const budget = budgetOf({ minAvailable: 3 }, status)
  const soon = planBudget({ budget, pods, scaleOf, nowMs: epochMs + 1000 })
  t.match(soon.status, { currentHealthy: 3, disruptionsAllowed: 0, disruptedPods: { a: String } })
  t.equal(soon.requeueAfterMs, 119_001)
  const late = planBudget({ budget, pods, scaleOf, nowMs: epochMs + 121_000 })
  t.match(late.status, { currentHealthy: 4, disruptionsAllowed: 1 })
  t.equal(late.status.disruptedPods, undefined)
  t.same(late.notDeleted, ['a'])
  t.end()
})

t.test('what cannot be counted allows nothing and says so', (t) => {
  const budget = budgetOf({ maxUnavailable: 1 })
  const { status } = planBudget({ budget, pods, scaleOf: () => undefined, nowMs: epochMs })
  t.equal(status.disruptionsAllowed, 0)
  t.match(status.conditions, [{ type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed' }])
  t.end()
})

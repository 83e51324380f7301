import fc from 'fast-check'
import t from 'tap'
import { replicaSets } from '../api/apps/replica-set.ts'
import { pods } from '../api/core/pod.ts'
import { forbidden, namespaceTerminating } from '../api/meta/status.ts'
import type { ReplicaSet } from '../api/types.ts'
import { planReplicaSet, replicaSetStatus } from './replicaset.ts'
import { ClusterWorld } from './testing/cluster-world.ts'
import { epochMs, podOf } from './testing/objects.ts'

const now = '2026-01-01T00:00:00Z'

function setOf(replicas: number, more: Partial<NonNullable<ReplicaSet['spec']>> = {}): ReplicaSet {
  const labels = { app: 'web' }
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'web', namespace: 'default', generation: 3 },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c' }] } },
      ...more,
    },
  }
}

const podsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => podOf({ name: `p${index}`, labels: { app: 'web' } }))
const observe = (replicaSet: ReplicaSet, owned = podsOf(0)) => ({
  replicaSet,
  pods: owned,
  siblings: owned,
  nowMs: epochMs + 60_000,
})

t.test('the plan closes the distance exactly, at most a burst at once', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1500 }), fc.integer({ min: 0, max: 700 }), (replicas, count) => {
      const action = planReplicaSet(observe(setOf(replicas), podsOf(count)))
      const change =
        action.type === 'create' ? action.count : action.type === 'delete' ? -action.pods.length : 0
      const wanted = replicas - count
      if (change !== Math.sign(wanted) * Math.min(Math.abs(wanted), 500))
        throw new Error(`${change} for ${wanted}`)
    }),
    { numRuns: 60 },
  )
  t.pass('60 sizes')
  t.end()
})

t.test('a set that is going away makes and removes nothing', (t) => {
  const set = setOf(3)
  const going = { ...set, metadata: { ...set.metadata, deletionTimestamp: now } }
  t.same(planReplicaSet(observe(going)), { type: 'none' })
  t.end()
})

t.test('the status counts pods, ready ones, and those ready for long enough', (t) => {
  const set = setOf(3, { minReadySeconds: 30 })
  const owned = [
    podOf({ name: 'a', labels: { app: 'web' }, readySinceMs: epochMs }),
    podOf({ name: 'b', labels: { app: 'web' }, readySinceMs: epochMs + 50_000 }),
    podOf({ name: 'c', labels: { app: 'other' }, ready: false }),
  ]
  t.match(replicaSetStatus(observe(set, owned), undefined, now), {
    replicas: 3,
    fullyLabeledReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 1,
    observedGeneration: 3,
  })
  t.end()
})

t.test('a failure is said in a condition until it is over', (t) => {
  const set = setOf(3)
  const failed = replicaSetStatus(observe(set), new Error('no quota'), now)
  t.match(failed.conditions, [
    { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'no quota' },
  ])
  const after = replicaSetStatus(observe({ ...set, status: failed }), undefined, now)
  t.same(after.conditions, [])
  t.end()
})

t.test(
  'a quota that refuses all is asked with one pod at a time, and all pods come when it is lifted',
  async (t) => {
    const world = await ClusterWorld.start(1n, { controllers: ['replicaset-controller'] })
    let isClosed = true
    let asked = 0
    world.cluster.intercept = ({ method, target }) => {
      if (!isClosed || method !== 'POST' || target.kind.resource !== 'pods') return undefined
      asked += 1
      return { type: 'refuse', error: forbidden(target.kind, '', 'exceeded quota') }
    }
    world.cluster.set(replicaSets, setOf(20))
    const condition = () => world.cluster.get(replicaSets, 'default', 'web')?.status?.conditions?.[0]?.reason
    await world.until(() => condition() === 'FailedCreate', 'the condition')
    await world.base.world.run(2000)
    t.ok(asked < 15, `${asked} requests`)
    isClosed = false
    await world.until(() => world.activePods().length === 20, 'all pods', 120_000)
    await world.until(() => condition() === undefined, 'the condition to go')
  },
)

t.test('in a namespace that is going away nothing is tried again and again', async (t) => {
  const world = await ClusterWorld.start(2n, { controllers: ['replicaset-controller'] })
  let asked = 0
  world.cluster.intercept = ({ method, target }) => {
    if (method !== 'POST' || target.kind.resource !== 'pods') return undefined
    asked += 1
    return { type: 'refuse', error: namespaceTerminating(target.kind, '', 'default') }
  }
  world.cluster.set(replicaSets, setOf(3))
  await world.base.world.run(20_000)
  t.ok(asked <= 3, `${asked} requests`)
  t.equal(world.cluster.all(pods).length, 0)
})

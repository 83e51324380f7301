import t from 'tap'
import { nodes } from '../api/core/node.ts'
import { pods } from '../api/core/pod.ts'
import { planPodGc } from './pod-gc.ts'
import { ClusterWorld } from './testing/cluster-world.ts'
import { epochMs, podOf } from './testing/objects.ts'

t.test('orphaned, never scheduled and surplus ended pods go, others stay', (t) => {
  const observed = [
    podOf({ name: 'fine', nodeName: 'n1' }),
    podOf({ name: 'lost', nodeName: 'gone' }),
    podOf({ name: 'never', phase: 'Pending', deleted: true }),
    podOf({ name: 'old', phase: 'Succeeded', nodeName: 'n1', createdMs: epochMs }),
    podOf({ name: 'new', phase: 'Failed', nodeName: 'n1', createdMs: epochMs + 60_000 }),
  ]
  const plan = planPodGc({
    pods: observed,
    isNodeGone: (name) => name === 'gone',
    terminatedMax: 1,
  })
  const names = (list: readonly { metadata: { name?: string | undefined } }[]) =>
    list.map(({ metadata }) => metadata.name)
  t.same(
    [names(plan.orphaned), names(plan.unscheduled), names(plan.terminated)],
    [['lost'], ['never'], ['old']],
  )
  t.end()
})

t.test('a node must be missing for the whole quarantine before its pods are given up', async (t) => {
  const world = await ClusterWorld.start(1n, { controllers: ['pod-garbage-collector-controller'] })
  world.cluster.set(pods, podOf({ name: 'lost', nodeName: 'n1' }))
  await world.base.world.run(5000)
  world.deadNodes.add('n1')
  world.cluster.remove(nodes, undefined, 'n1')
  await world.base.world.run(35_000)
  t.ok(world.cluster.get(pods, 'default', 'lost'))
  await world.until(() => world.cluster.get(pods, 'default', 'lost') === undefined, 'the pod to go', 60_000)
})

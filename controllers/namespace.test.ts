import t from 'tap'
import { catalog } from '../api/catalog.ts'
import { configMaps } from '../api/core/config-map.ts'
import { namespaces } from '../api/core/namespace.ts'
import { pods } from '../api/core/pod.ts'
import { anyKind } from '../api/meta/kind-definition.ts'
import { findCondition } from '../api/meta/conditions.ts'
import { namespaceConditions, namespacedContent } from './namespace.ts'
import { ClusterWorld, namespaceOf } from './testing/cluster-world.ts'
import { podOf } from './testing/objects.ts'

t.test('the conditions say what is left and what holds it, in upstream words', (t) => {
  const remains = {
    counts: new Map([
      ['pods.', 2],
      ['configmaps.', 1],
    ]),
    finalizers: new Map([['example.com/hold', 2]]),
    failures: [],
  }
  const conditions = namespaceConditions(namespaceOf('a'), remains, '2026-01-01T00:00:00Z')
  t.match(findCondition(conditions, 'NamespaceContentRemaining'), {
    status: 'True',
    reason: 'SomeResourcesRemain',
    message:
      'Some resources are remaining: configmaps. has 1 resource instances, pods. has 2 resource instances',
  })
  t.match(findCondition(conditions, 'NamespaceFinalizersRemaining'), {
    message:
      'Some content in the namespace has finalizers remaining: example.com/hold in 2 resource instances',
  })
  t.equal(findCondition(conditions, 'NamespaceDeletionContentFailure')?.status, 'False')
  t.end()
})

t.test('each stored collection of a namespace is emptied once', (t) => {
  const kinds = namespacedContent(catalog)
  t.ok(kinds.every(({ namespaced }) => namespaced))
  t.equal(new Set(kinds.map(({ storagePath }) => storagePath)).size, kinds.length)
  t.ok(kinds.some(({ resource }) => resource === 'configmaps'))
  t.end()
})

t.test('a namespace goes after its content, and its pods go before the rest', async (t) => {
  const world = await ClusterWorld.start(1n, { controllers: ['namespace-controller'] })
  const { cluster } = world
  cluster.set(namespaces, namespaceOf('team'))
  cluster.set(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'team' } })
  cluster.set(
    pods,
    podOf({ name: 'slow', namespace: 'team', finalizers: ['example.com/hold'], nodeName: 'n1' }),
  )
  cluster.set(configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'b', namespace: 'default' },
  })
  // The server's part: a namespace's deletion only marks it, its spec's finalizers hold it.
  cluster.change(namespaces, undefined, 'team', (namespace) => ({
    ...namespace,
    metadata: { ...namespace.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
  }))
  const isHeld = () =>
    findCondition(
      cluster.get(namespaces, undefined, 'team')?.status?.conditions,
      'NamespaceFinalizersRemaining',
    )?.status === 'True'
  await world.until(isHeld, 'the condition about the pod')
  t.ok(cluster.get(configMaps, 'team', 'a'), 'the map waits for the pod')
  cluster.change(pods, 'team', 'slow', (pod) => ({ ...pod, metadata: { ...pod.metadata, finalizers: [] } }))
  await world.until(() => cluster.get(namespaces, undefined, 'team') === undefined, 'the namespace to go')
  t.equal(cluster.get(configMaps, 'team', 'a'), undefined)
  t.ok(cluster.get(configMaps, 'default', 'b'), 'its neighbour stays')
  t.ok(anyKind(configMaps).namespaced)
})

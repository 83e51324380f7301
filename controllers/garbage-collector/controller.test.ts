import t from 'tap'
import { configMaps } from '../../api/core/config-map.ts'
import { catalog } from '../../api/catalog.ts'
import { anyKind } from '../../api/meta/kind-definition.ts'
import type { ConfigMap, OwnerReference } from '../../api/types.ts'
import { seededRandom } from '../../platform/random.ts'
import { ClusterWorld } from '../testing/cluster-world.ts'
import { collectedKinds } from './controller.ts'

// Real seconds for the whole file, on a machine that is busy with other tests.
t.setTimeout(240_000)

const controllers = ['garbage-collector-controller']
const kind = configMaps

function reference(name: string, options: { uid?: string; block?: boolean } = {}): OwnerReference {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name,
    uid: options.uid ?? `uid-${name}`,
    blockOwnerDeletion: options.block,
  }
}

function put(
  world: ClusterWorld,
  name: string,
  owners: readonly OwnerReference[] = [],
  uid = `uid-${name}`,
): void {
  const metadata = { name, namespace: 'default', uid, ownerReferences: owners }
  world.cluster.set(kind, { apiVersion: 'v1', kind: 'ConfigMap', metadata })
}

const find = (world: ClusterWorld, name: string): ConfigMap | undefined =>
  world.cluster.get(kind, 'default', name)
const names = (world: ClusterWorld) =>
  world.cluster
    .all(kind)
    .map(({ metadata }) => metadata.name ?? '')
    .toSorted()

/** Deletes as a user would. */
function remove(
  world: ClusterWorld,
  name: string,
  propagationPolicy: 'Background' | 'Foreground' | 'Orphan',
): void {
  const anyConfigMaps = anyKind(configMaps)
  const target = { kind: anyConfigMaps, namespace: 'default', name, subresource: undefined }
  world.cluster.delete(anyConfigMaps, target, { propagationPolicy })
}

async function started(seed: bigint): Promise<ClusterWorld> {
  const world = await ClusterWorld.start(seed, { controllers, nodes: 0 })
  await world.until(() => world.managers[0]?.manager.status().running === true, 'the manager to run')
  return world
}

t.test('dependents go after their owner in the background, generation by generation', async (t) => {
  const world = await started(1n)
  put(world, 'a')
  put(world, 'b', [reference('a')])
  put(world, 'c', [reference('b')])
  put(world, 'free')
  await world.base.world.run(1000)
  remove(world, 'a', 'Background')
  await world.until(() => names(world).join() === 'free', 'only the free one')
  t.pass('collected')
})

t.test('foreground deletion keeps the owner until its blocking dependents are gone', async (t) => {
  const world = await started(2n)
  put(world, 'a')
  put(world, 'b', [reference('a', { block: true })])
  put(world, 'c', [reference('b', { block: true })])
  await world.base.world.run(1000)
  const order: string[] = []
  world.cluster.watch(world.cluster.version, ({ type, object }) => {
    if (type === 'DELETED') order.push(object.metadata.name ?? '')
  })
  remove(world, 'a', 'Foreground')
  t.ok(find(world, 'a'))
  await world.until(() => names(world).length === 0, 'all to be gone')
  t.same(order, ['c', 'b', 'a'])
})

t.test('orphaned dependents stay without a reference', async (t) => {
  const world = await started(3n)
  put(world, 'a')
  put(world, 'b', [reference('a')])
  await world.base.world.run(1000)
  remove(world, 'a', 'Orphan')
  await world.until(() => names(world).join() === 'b', 'the owner to go')
  await world.base.world.run(5000)
  t.same(find(world, 'b')?.metadata.ownerReferences ?? [], [])
})

t.test('an object with one owner left stays and loses only the dangling reference', async (t) => {
  const world = await started(4n)
  put(world, 'a')
  put(world, 'b')
  put(world, 'c', [reference('a'), reference('b')])
  await world.base.world.run(1000)
  remove(world, 'a', 'Background')
  await world.until(() => find(world, 'c')?.metadata.ownerReferences?.length === 1, 'one reference')
  t.match(find(world, 'c')?.metadata.ownerReferences, [{ name: 'b' }])
})

t.test('an owner that was never there, or has another uid, counts as gone', async (t) => {
  const world = await started(5n)
  put(world, 'a')
  put(world, 'absent-owner', [reference('nobody')])
  put(world, 'wrong-uid', [reference('a', { uid: 'uid-of-an-earlier-a' })])
  put(world, 'right', [reference('a')])
  await world.until(() => names(world).join() === 'a,right', 'two to go')
  t.pass('collected')
})

t.test('an owner of an unknown kind is left alone', async (t) => {
  const world = await started(6n)
  put(world, 'a', [{ apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', uid: 'uid-w' }])
  await world.base.world.run(20_000)
  t.ok(find(world, 'a'))
})

t.test('two that wait for each other in the foreground are both let go', async (t) => {
  const world = await started(7n)
  put(world, 'a', [reference('b', { block: true })])
  put(world, 'b', [reference('a', { block: true })])
  await world.base.world.run(1000)
  remove(world, 'a', 'Foreground')
  await world.until(() => names(world).length === 0, 'the circle to go', 120_000)
  t.pass('gone')
})

for (const seed of [41n, 42n, 43n, 44n, 45n]) {
  t.test(`nothing with a living owner is ever deleted, and all without one goes, seed ${seed}`, async (t) => {
    const world = await started(seed)
    const random = seededRandom(seed)
    const violations: string[] = []
    world.cluster.intercept = ({ method, target }) => {
      if (method !== 'DELETE' || target.kind.resource !== 'configmaps') return undefined
      const owners = find(world, target.name ?? '')?.metadata.ownerReferences ?? []
      const living = owners.filter(({ name, uid }) => {
        const owner = find(world, name)
        return owner?.metadata.uid === uid && owner.metadata.deletionTimestamp === undefined
      })
      if (living.length > 0) violations.push(`${target.name} has ${living.map(({ name }) => name).join()}`)
      return undefined
    }
    for (let step = 0; step < 60; step += 1) {
      const index = random.int(25)
      const name = `o${index}`
      const owners = Array.from({ length: random.int(3) }, () => random.int(index + 1)).filter(
        (owner) => owner < index,
      )
      if (random.int(3) > 0 && !find(world, name)) {
        const references = [...new Set(owners)].map((owner) => {
          const uid = find(world, `o${owner}`)?.metadata.uid ?? 'uid-of-nobody'
          return reference(`o${owner}`, { uid, block: random.int(2) === 0 })
        })
        put(world, name, references, `uid-${step}-${name}`)
      } else if (find(world, name) && !find(world, name)?.metadata.deletionTimestamp) {
        remove(world, name, random.int(2) === 0 ? 'Foreground' : 'Background')
      }
      await world.base.world.run(random.int(500))
    }
    const isSettled = () =>
      names(world).every((name) => {
        const { ownerReferences = [], deletionTimestamp } = find(world, name)?.metadata ?? {}
        if (deletionTimestamp !== undefined) return false
        return ownerReferences.every((owner) => find(world, owner.name)?.metadata.uid === owner.uid)
      })
    await world.until(isSettled, 'every reference to be to a living owner', 120_000)
    await world.base.world.run(2000)
    t.ok(isSettled())
    t.same(violations, [])
  })
}

t.test('every stored collection is watched once, and Events never', (t) => {
  const kinds = collectedKinds(catalog)
  const paths = kinds.map(({ storagePath }) => storagePath)
  t.equal(new Set(paths).size, paths.length)
  t.notOk(paths.includes('events'))
  t.ok(paths.includes('pods') && paths.includes('replicasets'))
  t.end()
})

import t from 'tap'
import { configMaps } from '../api/core/config-map.ts'
import { TaskGroup } from '../platform/tasks.ts'
import { seededRandom } from '../platform/random.ts'
import { createInformers } from './informers.ts'
import { testWorld, type TestWorld } from './testing/world.ts'

function start(world: TestWorld, name: string) {
  const { process, client } = world.client(name)
  const tasks = new TaskGroup((error) => process.powers.fatal(error))
  const informers = createInformers(process.powers, client, tasks)
  const informer = informers.for(configMaps)
  informers.start()
  return { informer, informers, tasks, process }
}

function put({ cluster }: TestWorld, name: string, value: number): void {
  cluster.set(configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data: { value: String(value) },
  })
}

const names = (
  objects: readonly { metadata: { name?: string | undefined; resourceVersion?: string | undefined } }[],
) => objects.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`).sort()

t.test('the cache follows the server through the end of watches', async (t) => {
  const world = await testWorld(1n)
  put(world, 'a', 1)
  const { informer, informers } = start(world, 'k')
  await world.settle(informers.waitForSync())
  t.equal(informer.list().length, 1)
  for (let round = 0; round < 5; round += 1) {
    await world.world.run(40_000)
    put(world, `b${round}`, round)
  }
  await world.until(() => informer.list().length === 6, 'all objects')
})

t.test('after a compaction the list is asked for again and deletions are not missed', async (t) => {
  const world = await testWorld(2n, 1)
  put(world, 'a', 1)
  put(world, 'b', 1)
  const { informer } = start(world, 'k')
  await world.until(() => informer.list().length === 2, 'the first list')
  const deleted: string[] = []
  informer.onChange({ delete: ({ metadata }) => deleted.push(metadata.name ?? '') })
  world.world.network.links.cut('k', 'a1')
  world.world.network.links.cut('a1', 'k')
  await world.world.run(20_000)
  world.cluster.remove(configMaps, 'default', 'a')
  put(world, 'c', 1)
  world.cluster.compact()
  world.world.network.links.healAll()
  await world.until(() => informer.get('default', 'c') !== undefined, 'the new list')
  t.same(deleted, ['a'])
})

for (const seed of [11n, 12n, 13n, 14n, 15n, 16n]) {
  t.test(`the cache equals the server after cuts, resets and compactions, seed ${seed}`, async (t) => {
    const world = await testWorld(seed)
    const random = seededRandom(seed)
    const { informer } = start(world, 'k')
    const versions = new Map<string, number>()
    const back: string[] = []
    informer.onChange({
      update: (_, { metadata }) => {
        const version = Number(metadata.resourceVersion)
        if (version < (versions.get(metadata.name ?? '') ?? 0)) back.push(metadata.name ?? '')
        versions.set(metadata.name ?? '', version)
      },
    })
    for (let step = 0; step < 60; step += 1) {
      const name = `o${random.int(8)}`
      if (random.int(4) === 0) world.cluster.remove(configMaps, 'default', name)
      else put(world, name, step)
      const server = `a${random.int(2) + 1}`
      const { links } = world.world.network
      if (random.int(6) === 0) links.cut('k', server)
      if (random.int(6) === 0) links.cut(server, 'k')
      if (random.int(6) === 0) links.healAll()
      if (random.int(8) === 0) world.world.network.resetBetween('k', server)
      if (random.int(15) === 0) world.cluster.compact()
      await world.world.run(random.int(4000))
    }
    world.world.network.links.healAll()
    await world.until(
      () => names(informer.list()).join() === names(world.cluster.all(configMaps)).join(),
      'the cache to be equal',
    )
    t.same(back, [], 'no object went back in time')
  })
}

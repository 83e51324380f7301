import t from 'tap'
import { controllers } from './catalog.ts'
import { ClusterWorld } from './testing/cluster-world.ts'
import { deploymentOf } from './testing/objects.ts'

// Real seconds for the whole file, on a machine that is busy with other tests.
t.setTimeout(240_000)

t.test('the catalogue is sorted and names nothing twice', (t) => {
  const names = controllers.map(({ name }) => name)
  t.same(names, [...new Set(names)].sort())
  t.end()
})

for (const { name } of controllers) {
  t.test(`${name} starts alone, writes nothing once all is well, and ends when it is told to`, async (t) => {
    const world = await ClusterWorld.start(1n, { controllers: [name] })
    world.createDeployment(deploymentOf('web'))
    await world.until(() => world.managers[0]?.manager.status().running === true, 'the controller to run')
    await world.base.world.run(30_000)
    world.cluster.writes.length = 0
    await world.base.world.run(60_000)
    t.same(
      world.cluster.writes.filter((write) => !write.endsWith(' leases')),
      [],
    )
    await world.base.settle(world.managers[0]?.manager.close() ?? Promise.resolve(), 5000)
    t.notOk(world.managers[0]?.manager.isLeading())
    t.same(world.base.world.violations, [])
  })
}

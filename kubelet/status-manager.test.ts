import t from 'tap'
import { pods } from '../api/core/pod.ts'
import type { Pod, PodStatus } from '../api/types.ts'
import { SimWorld } from '../platform/sim/index.ts'
import { StatusManager, withStatus } from './status-manager.ts'
import { MemoryApi } from './testing/memory-api.ts'
import { podOf } from './testing/pod-fixtures.ts'

async function place() {
  const world = new SimWorld(1n)
  const { powers } = world.startProcess({ name: 'n1', machine: world.machine('n1') })
  const api = new MemoryApi(powers.clock)
  const manager = new StatusManager({ client: api, clock: powers.clock, log: powers.log })
  const client = api.resource(pods, 'default')
  const pod = await client.create(podOf())
  return { world, api, manager, client, pod }
}

const running: PodStatus = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }

t.test('a status is written once, and not again while it stays', async (t) => {
  const { world, manager, client, pod } = await place()
  manager.set(pod, running, false)
  await world.run(100)
  const written = await client.get('web')
  t.match(written.status, running)
  manager.set(written, { ...running }, false)
  await world.run(100)
  t.equal((await client.get('web')).metadata.resourceVersion, written.metadata.resourceVersion)
})

t.test('what another writer did meanwhile is kept', async (t) => {
  const { world, manager, client, pod } = await place()
  const conditions = [{ type: 'PodScheduled', status: 'True' }]
  await client.updateStatus({ ...pod, status: { conditions } })
  manager.set(pod, running, false)
  await world.run(100)
  const { status } = await client.get('web')
  t.same(
    status?.conditions?.map(({ type }) => type),
    ['Ready', 'PodScheduled'],
  )
  t.equal(status?.phase, 'Running')
})

t.test('while no apiserver answers it goes on trying, and writes the newest', async (t) => {
  const { world, api, manager, client, pod } = await place()
  api.isDown = true
  manager.set(pod, running, false)
  await world.run(20_000)
  manager.set(pod, { phase: 'Failed' }, false)
  api.isDown = false
  await world.run(6000)
  t.equal((await client.get('web')).status?.phase, 'Failed')
})

t.test('a deleted pod goes only when nothing of it runs', async (t) => {
  const { world, manager, client } = await place()
  await client.delete('web', { gracePeriodSeconds: 30 })
  const deleted = await client.get('web')
  manager.set(deleted, running, false)
  await world.run(1000)
  t.equal((await client.list()).items.length, 1)
  manager.set(deleted, { phase: 'Succeeded' }, true)
  await world.run(1000)
  t.equal((await client.list()).items.length, 0)
})

t.test('a new pod of the same name is left alone', async (t) => {
  const { world, manager, client, pod } = await place()
  await client.delete('web', { gracePeriodSeconds: 0 })
  const namesake: Pod = { ...podOf(), metadata: { name: 'web', namespace: 'default', uid: 'another' } }
  await client.create(namesake)
  manager.set(pod, { phase: 'Failed' }, true)
  await world.run(2000)
  const found = await client.get('web')
  t.equal(found.metadata.uid, 'another')
  t.equal(found.status?.phase, undefined)
})

t.test('own conditions are replaced, foreign ones follow', async (t) => {
  const pod = {
    ...podOf(),
    status: {
      conditions: [
        { type: 'Ready', status: 'False' },
        { type: 'example.com/gate', status: 'True' },
      ],
    },
  }
  t.same(withStatus(pod, running).status?.conditions, [
    { type: 'Ready', status: 'True' },
    { type: 'example.com/gate', status: 'True' },
  ])
})

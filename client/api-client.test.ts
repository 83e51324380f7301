import t from 'tap'
import { configMaps } from '../api/core/config-map.ts'
import { isConflict, isNotFound } from '../api/meta/status.ts'
import type { ConfigMap } from '../api/types.ts'
import { NetworkError } from '../platform/network.ts'
import { testWorld } from './testing/world.ts'

function map(name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data }
}

t.test('create, get, update, patch and delete reach the server and errors keep their reason', async (t) => {
  const { client, settle } = await testWorld(1n)
  const maps = client('k').client.resource(configMaps, 'default')
  const created = await settle(maps.create(map('a', { x: '1' })))
  t.match(created.metadata, { name: 'a', uid: /uid-/ })
  await settle(maps.patch('a', { data: { y: '2' } }, { type: 'merge' }))
  const stale = maps.update({ ...created, data: { z: '3' } })
  t.ok(await settle(stale.then(() => false, isConflict)), 'a stale update is a conflict')
  t.same((await settle(maps.get('a'))).data, { x: '1', y: '2' })
  await settle(maps.delete('a'))
  t.ok(await settle(maps.get('a').then(() => false, isNotFound)))
})

t.test('a dead server costs one attempt and the next one answers', async (t) => {
  const { world, client, servers, settle } = await testWorld(2n)
  const [first] = servers
  if (first) world.kill(first)
  for (const name of ['k1', 'k2', 'k3', 'k4']) {
    const maps = client(name).client.resource(configMaps, 'default')
    await settle(maps.create(map(`from-${name}`)))
    t.ok((await settle(maps.list())).items.length > 0)
  }
  t.ok(world.nowMs < 2000)
})

t.test('a write whose answer was lost is not sent again', async (t) => {
  const { cluster, client, settle } = await testWorld(3n)
  cluster.intercept = () => ({ type: 'lose-answer' })
  const maps = client('k').client.resource(configMaps, 'default')
  const error = await settle(
    maps.create(map('once')).then(
      () => undefined,
      (reason: unknown) => reason,
    ),
  )
  t.ok(error instanceof NetworkError && error.maybeDelivered)
  t.same(cluster.writes, ['POST configmaps'])
})

t.test('reads go on at the other server while one link is cut in silence', async (t) => {
  const { world, client, servers, cluster, settle } = await testWorld(4n)
  const { client: api } = client('k')
  cluster.set(configMaps, map('a'))
  for (const server of servers) {
    world.network.links.cut('k', server.name)
    const { items } = await settle(api.resource(configMaps).list())
    t.equal(items.length, 1)
    world.network.links.heal('k', server.name)
  }
})

t.test('a watch on a link that falls silent fails within ten seconds', async (t) => {
  const { world, client, servers, cluster, settle } = await testWorld(5n, 1)
  const { client: api } = client('k')
  const stream = await settle(
    api.resource(configMaps).watch({ resourceVersion: String(cluster.version), timeoutSeconds: 3600 }),
  )
  cluster.set(configMaps, map('a'))
  t.match(await settle(stream.read()), { type: 'ADDED', object: { metadata: { name: 'a' } } })
  world.network.links.cut('k', 'a1')
  world.network.links.cut('a1', 'k')
  const sinceMs = world.nowMs
  await t.rejects(settle(stream.read()), { name: 'NetworkError' })
  t.ok(world.nowMs - sinceMs <= 10_000, `noticed after ${world.nowMs - sinceMs} ms`)
  t.equal(servers.length, 1)
})

t.test('a quiet watch on a healthy link stays open', async (t) => {
  const { world, client, cluster, settle } = await testWorld(6n, 1)
  const { client: api } = client('k')
  const stream = await settle(
    api.resource(configMaps).watch({ resourceVersion: String(cluster.version), timeoutSeconds: 3600 }),
  )
  const reading = stream.read()
  await world.run(300_000)
  cluster.set(configMaps, map('late'))
  t.match(await settle(reading), { type: 'ADDED', object: { metadata: { name: 'late' } } })
  stream.cancel()
  t.equal(await settle(stream.read()), undefined)
})

t.test('an aborted signal ends a request at once with its reason', async (t) => {
  const { world, client, settle } = await testWorld(7n, 1)
  const { client: api } = client('k')
  world.network.links.cut('k', 'a1')
  const controller = new AbortController()
  const listing = api.resource(configMaps).list({ signal: controller.signal })
  const rejected = t.rejects(listing, { message: 'enough' })
  await world.run(100)
  controller.abort(new Error('enough'))
  await settle(rejected)
  t.ok(world.nowMs < 1000)
})

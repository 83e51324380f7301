import t from 'tap'
import { simIdentity, simTokenKey, SimWorld } from '../../platform/sim/index.ts'
import { uncovered } from '../authz/cover.ts'
import { ServerWorld } from '../server.fixture.ts'
import { asObject } from '../storage/parse.ts'
import { withDefaults } from './bootstrap.ts'
import { liveAddresses, sliceObjects } from './identity.ts'
import { clusterRoleData } from './cluster-roles.ts'

function worldOf(): ServerWorld {
  return new ServerWorld({ world: new SimWorld(11n), identity: simIdentity, tokenKey: simTokenKey })
}

const slicePath = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'

void t.test('apiservers that start at once agree, and a later one finds nothing to write', async (t) => {
  const world = worldOf()
  const servers = await Promise.all(['a1', 'a2', 'a3'].map((name) => world.settle(world.launch(name))))
  t.ok(await world.world.runUntil(() => servers.every((server) => server.isReady()), 10_000))
  const roles = await world.call('GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles')
  const versions = Object.values(roles.json['items'] ?? {}).map(
    (item) => item['metadata']?.['resourceVersion'],
  )
  t.ok(versions.length > 50)
  const before = world.store.revision
  await world.start('a4')
  const changed = world.store.revision - before
  t.ok(changed <= 4, `a4 wrote its Lease and the endpoints only (${changed} writes)`)
  await world.world.run(11_000)
  const slice = await world.call('GET', `${slicePath}/kubernetes`)
  t.same(
    slice.json['endpoints'],
    ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'].map((ip) => ({
      addresses: [ip],
      conditions: { ready: true },
    })),
  )
  await world.close()
})

void t.test('an apiserver that dies leaves the endpoints, one that closes leaves them at once', async (t) => {
  const world = await worldOf().start('a1')
  const second = await world.settle(world.launch('a2'))
  await world.world.runUntil(() => second.isReady(), 5_000)
  await world.world.run(1_000)
  const count = async () => {
    const slice = await world.call('GET', `${slicePath}/kubernetes`)
    return Object.keys(slice.json['endpoints'] ?? {}).length
  }
  t.equal(await count(), 2)
  await world.settle(second.close())
  t.equal(await count(), 1)
  await world.close()
})

void t.test('replicas on one host get a slice per port', (t) => {
  const lease = (address: string, renewTime: string) =>
    asObject({
      metadata: { name: address, annotations: { 'apiserver.skedia.dev/advertise-address': address } },
      spec: { renewTime },
    })
  const now = Date.parse('2026-01-01T00:01:00Z')
  const alive = liveAddresses(
    [
      lease('10.0.0.1:6444', '2026-01-01T00:00:55.000000Z'),
      lease('10.0.0.1:6443', '2026-01-01T00:00:50.000000Z'),
      lease('10.0.0.9:6443', '2026-01-01T00:00:10.000000Z'),
    ],
    now,
  )
  t.same(alive, [
    { host: '10.0.0.1', port: 6443 },
    { host: '10.0.0.1', port: 6444 },
  ])
  t.same(
    sliceObjects(alive).map((slice) => slice.metadata.name),
    ['kubernetes', 'kubernetes-6444'],
  )
  t.end()
})

void t.test('defaults that are missing are added, what people added stays, and opting out is heard', (t) => {
  const wanted = asObject({ metadata: {}, rules: [{ verbs: ['get'] }, { verbs: ['list'] }] })
  const edited = asObject({ metadata: {}, rules: [{ verbs: ['own'] }, { verbs: ['get'] }] })
  t.same(withDefaults(edited, wanted, 'rules')['rules'], [
    { verbs: ['own'] },
    { verbs: ['get'] },
    { verbs: ['list'] },
  ])
  t.equal(withDefaults(wanted, wanted, 'rules'), wanted)
  const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' }
  const optedOut = asObject({ metadata: { annotations }, rules: [] })
  t.equal(withDefaults(optedOut, wanted, 'rules'), optedOut)
  t.end()
})

void t.test('view is part of edit, edit of admin, and nothing of them is more than cluster-admin', (t) => {
  const rules = (name: string) => clusterRoleData.find((role) => role.name === name)?.rules ?? []
  t.same(uncovered(rules('edit'), rules('view')), [])
  t.same(uncovered(rules('admin'), rules('edit')), [])
  t.same(uncovered(rules('cluster-admin'), rules('admin')), [])
  t.ok(uncovered(rules('view'), rules('edit')).length > 0)
  t.ok(uncovered(rules('admin'), rules('cluster-admin')).length > 0)
  t.end()
})

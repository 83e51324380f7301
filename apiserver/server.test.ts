import t from 'tap'
import { simIdentity, simTokenKey, SimWorld } from '../platform/sim/index.ts'
import { readEvents, ServerWorld } from './server.fixture.ts'

const pods = '/api/v1/namespaces/default/pods'
const configMaps = '/api/v1/namespaces/default/configmaps'

function configMap(name: string, data: Readonly<Record<string, string>> = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data }
}

function pod(name: string, spec: Readonly<Record<string, unknown>> = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: { containers: [{ name: 'c', image: 'busybox' }], ...spec },
  }
}

async function started(): Promise<ServerWorld> {
  const simulation = { world: new SimWorld(7n), identity: simIdentity, tokenKey: simTokenKey }
  const world = await new ServerWorld(simulation).start()
  await world.call('POST', '/api/v1/namespaces/default/serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default' },
  })
  return world
}

void t.test('a fresh cluster has its namespaces, Service, roles and endpoints', async (t) => {
  const world = await started()
  const namespaces = await world.call('GET', '/api/v1/namespaces')
  const names = Array.from(
    Object.values(namespaces.json['items'] ?? {}),
    (item) => item['metadata']?.['name'],
  )
  t.same(names, ['default', 'kube-node-lease', 'kube-public', 'kube-system'])
  const service = await world.call('GET', '/api/v1/namespaces/default/services/kubernetes')
  t.equal(service.json['spec']?.['clusterIP'], '10.96.0.1')
  const slice = await world.call(
    'GET',
    '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes',
  )
  t.same(slice.json['endpoints']?.['0']?.['addresses'], ['10.0.0.1'])
  t.equal((await world.call('GET', '/readyz')).text, 'ok')
  await world.close()
})

void t.test('the life of an object: create, get, update, stale update, patch, delete', async (t) => {
  const world = await started()
  const created = await world.call('POST', configMaps, configMap('a', { x: '1' }))
  t.equal(created.status, 201)
  t.match(created.json['metadata']?.['uid'], /^[0-9a-f-]{36}$/)
  t.equal((await world.call('POST', configMaps, configMap('a'))).json['reason'], 'AlreadyExists')
  const got = await world.call('GET', `${configMaps}/a`)
  t.same(got.json['metadata'], created.json['metadata'])
  const same = await world.call('PUT', `${configMaps}/a`, got.json)
  t.equal(
    same.json['metadata']?.['resourceVersion'],
    got.json['metadata']?.['resourceVersion'],
    'a no-op keeps it',
  )
  const changed = await world.call('PUT', `${configMaps}/a`, { ...got.json, data: { x: '2' } })
  t.equal(changed.status, 200)
  const stale = await world.call('PUT', `${configMaps}/a`, { ...got.json, data: { x: '3' } })
  t.same([stale.status, stale.json['reason']], [409, 'Conflict'])
  t.match(stale.json['message'], /the object has been modified; please apply your changes/)
  const merge = { 'content-type': 'application/merge-patch+json' }
  const patched = await world.call(
    'PATCH',
    `${configMaps}/a`,
    { data: { y: '1', x: null } },
    { headers: merge },
  )
  t.same(patched.json['data'], { y: '1' })
  const gone = await world.call('DELETE', `${configMaps}/a`)
  t.same([gone.status, gone.json['status']], [200, 'Success'])
  t.same((await world.call('GET', `${configMaps}/a`)).json['details'], { name: 'a', kind: 'configmaps' })
  t.equal((await world.call('DELETE', `${configMaps}/a`)).status, 404)
  await world.close()
})

void t.test('bad input gets the status and reason that Kubernetes uses', async (t) => {
  const world = await started()
  const strict = `${configMaps}?fieldValidation=Strict`
  const unknown = await world.call('POST', strict, { ...configMap('a'), foo: 1 })
  t.equal(unknown.status, 400)
  t.match(unknown.json['message'], /strict decoding error: unknown field "foo"/)
  const warned = await world.call('POST', configMaps, { ...configMap('a'), foo: 1 })
  t.equal(warned.status, 201)
  t.match(warned.headers['warning'], /299 - "unknown field \\"foo\\""/)
  const wrong = await world.call('POST', configMaps, { ...configMap('b'), data: 5 })
  t.equal(wrong.status, 400)
  const name = await world.call('POST', configMaps, configMap('No_Good'))
  t.same([name.status, name.json['reason']], [422, 'Invalid'])
  const large = await world.call('POST', configMaps, configMap('c', { x: 'x'.repeat(4 * 1024 * 1024) }))
  t.same([large.status, large.json['reason']], [413, 'RequestEntityTooLarge'])
  const type = await world.call('POST', configMaps, 'x', { headers: { 'content-type': 'text/plain' } })
  t.equal(type.status, 415)
  t.equal((await world.call('GET', configMaps, undefined, { headers: { accept: 'text/html' } })).status, 406)
  t.equal((await world.call('GET', '/apis/nope/v1/things')).status, 404)
  t.equal((await world.call('PATCH', '/api/v1/componentstatuses/x', {})).status, 405)
  t.equal((await world.call('POST', '/api/v1/namespaces/nope/configmaps', configMap('a'))).status, 404)
  t.equal((await world.call('GET', `${configMaps}?labelSelector=a=b=c`)).status, 400)
  t.equal((await world.call('GET', `${configMaps}?resourceVersionMatch=Exact`)).status, 422)
  t.equal((await world.call('GET', '/api/v1/%zz')).status, 400)
  await world.close()
})

void t.test('who is not known is 401, who may not is 403, and anyone may ask for health', async (t) => {
  const world = await started()
  const bad = await world.call('GET', pods, undefined, { user: '', headers: { authorization: 'Bearer x' } })
  t.same([bad.status, bad.json['reason']], [401, 'Unauthorized'])
  const nobody = await world.call('GET', pods, undefined, { user: '' })
  t.same([nobody.status, nobody.json['reason']], [403, 'Forbidden'])
  t.match(
    nobody.json['message'],
    /^pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "default"/,
  )
  t.equal((await world.call('GET', '/livez', undefined, { user: '' })).status, 200)
  const jane = { user: 'jane', groups: ['devs'] }
  t.equal((await world.call('GET', pods, undefined, jane)).status, 403)
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings'
  await world.call('POST', rbac, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'devs' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'devs' }],
  })
  await world.world.run(100)
  t.equal((await world.call('GET', pods, undefined, jane)).status, 200)
  t.equal((await world.call('GET', '/api/v1/namespaces/kube-system/pods', undefined, jane)).status, 403)
  t.equal((await world.call('POST', pods, pod('x'), jane)).status, 403)
  const as = { headers: { 'impersonate-user': 'jane', 'impersonate-group': 'devs' } }
  t.equal((await world.call('GET', pods, undefined, as)).status, 200)
  t.equal((await world.call('POST', pods, pod('x'), as)).status, 403)
  t.equal((await world.call('GET', pods, undefined, { ...jane, headers: as.headers })).status, 403)
  await world.close()
})

void t.test('nobody gives away more than they have', async (t) => {
  const world = await started()
  const group = 'rbac.authorization.k8s.io'
  const path = `/apis/${group}/v1/namespaces/default`
  const binding = (name: string, role: string, subject: string) => ({
    apiVersion: `${group}/v1`,
    kind: 'RoleBinding',
    metadata: { name },
    roleRef: { apiGroup: group, kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'User', apiGroup: group, name: subject }],
  })
  const role = (name: string, resources: readonly string[], verbs: readonly string[]) => ({
    apiVersion: `${group}/v1`,
    kind: 'Role',
    metadata: { name },
    rules: [{ apiGroups: [''], resources, verbs }],
  })
  await world.call('POST', `${path}/rolebindings`, binding('jane', 'admin', 'jane'))
  await world.world.run(100)
  const jane = { user: 'jane' }
  t.equal((await world.call('POST', `${path}/rolebindings`, binding('a', 'edit', 'joe'), jane)).status, 201)
  const refused = await world.call('POST', `${path}/rolebindings`, binding('b', 'cluster-admin', 'joe'), jane)
  t.equal(refused.status, 403)
  t.match(refused.json['message'], /attempting to grant RBAC permissions not currently held/)
  t.equal((await world.call('POST', `${path}/roles`, role('r', ['pods'], ['get']), jane)).status, 201)
  t.equal((await world.call('POST', `${path}/roles`, role('s', ['nodes'], ['get']), jane)).status, 403)
  t.equal((await world.call('POST', `${path}/roles`, role('s', ['pods'], ['*']), jane)).status, 403)
  await world.close()
})

void t.test('a service account token works until its account is gone', async (t) => {
  const world = await started()
  const account = '/api/v1/namespaces/default/serviceaccounts/default'
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} }
  const issued = await world.call('POST', `${account}/token`, request)
  t.equal(issued.status, 201)
  const token = String(issued.json['status']?.['token'])
  const bearer = { user: '', headers: { authorization: `Bearer ${token}` } }
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const self = await world.call('POST', path, review, bearer)
  t.equal(self.json['status']?.['userInfo']?.['username'], 'system:serviceaccount:default:default')
  t.equal(
    (await world.call('POST', `${account}/token`, { ...request, spec: { expirationSeconds: 5 } })).status,
    422,
  )
  await world.call('DELETE', account)
  await world.world.run(11_000)
  t.equal((await world.call('POST', path, review, bearer)).status, 401)
  await world.close()
})

void t.test('a pod gets its account, its token volume and its tolerations, and is bound once', async (t) => {
  const world = await started()
  const created = await world.call('POST', pods, pod('p'))
  t.equal(created.status, 201)
  const { spec = {} } = created.json
  t.equal(spec['serviceAccountName'], 'default')
  t.match(spec['volumes']?.['0']?.['name'], /^kube-api-access-/)
  t.equal(Object.keys(spec['tolerations'] ?? {}).length, 2)
  t.equal(created.json['status']?.['phase'], 'Pending')
  const bind = (node: string) =>
    world.call('POST', `${pods}/p/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'p' },
      target: { kind: 'Node', name: node },
    })
  t.equal((await bind('n1')).status, 201)
  const second = await bind('n2')
  t.same([second.status, second.json['reason']], [409, 'Conflict'])
  const plain = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'q' }, target: { name: 'n1' } }
  const bindings = '/api/v1/namespaces/default/bindings'
  t.equal((await world.call('POST', bindings, plain)).status, 404)
  await world.call('POST', pods, pod('q'))
  t.equal((await world.call('POST', bindings, plain)).status, 201)
  t.equal((await world.call('POST', bindings, plain)).status, 409)
  t.match((await world.call('POST', `${pods}/p/exec`)).json['message'], /Upgrade request required/)
  const bound = await world.call('GET', `${pods}/p`)
  t.equal(bound.json['spec']?.['nodeName'], 'n1')
  t.match(JSON.stringify(bound.json['status']?.['conditions']), /"PodScheduled","status":"True"/)
  await world.close()
})

void t.test('pods go at once, gracefully, or with their last finalizer', async (t) => {
  const world = await started()
  await world.call('POST', pods, pod('unscheduled'))
  t.equal((await world.call('DELETE', `${pods}/unscheduled`)).status, 200)
  t.equal((await world.call('GET', `${pods}/unscheduled`)).status, 404)
  await world.call('POST', pods, pod('running', { nodeName: 'n1' }))
  const marked = await world.call('DELETE', `${pods}/running`)
  t.equal(marked.json['metadata']?.['deletionGracePeriodSeconds'], 30)
  t.equal((await world.call('GET', `${pods}/running`)).status, 200)
  const again = await world.call('DELETE', `${pods}/running`)
  t.equal(again.json['metadata']?.['resourceVersion'], marked.json['metadata']?.['resourceVersion'])
  const uid = { preconditions: { uid: 'another' } }
  t.equal((await world.call('DELETE', `${pods}/running`, uid)).status, 409)
  await world.call('DELETE', `${pods}/running`, { gracePeriodSeconds: 0 })
  t.equal((await world.call('GET', `${pods}/running`)).status, 404)
  const held = { ...configMap('held'), metadata: { name: 'held', finalizers: ['example.com/hold'] } }
  await world.call('POST', configMaps, held)
  const pending = await world.call('DELETE', `${configMaps}/held`)
  t.ok(pending.json['metadata']?.['deletionTimestamp'])
  const merge = { headers: { 'content-type': 'application/merge-patch+json' } }
  const more = { metadata: { finalizers: ['example.com/hold', 'example.com/new'] } }
  t.equal((await world.call('PATCH', `${configMaps}/held`, more, merge)).status, 422)
  await world.call('PATCH', `${configMaps}/held`, { metadata: { finalizers: null } }, merge)
  t.equal((await world.call('GET', `${configMaps}/held`)).status, 404)
  await world.close()
})

void t.test(
  'a watch shows what a list does not, bookmarks included, and old versions are Expired',
  async (t) => {
    const world = await started()
    const list = await world.call('GET', configMaps)
    const version = String(list.json['metadata']?.['resourceVersion'])
    await world.call('POST', configMaps, configMap('a'))
    const path = `${configMaps}?watch=true&resourceVersion=${version}&allowWatchBookmarks=true&timeoutSeconds=5`
    const body = await world.open('GET', path)
    await world.call('DELETE', `${configMaps}/a`)
    const events = await readEvents(world, body, 4)
    t.same(
      events.map((event) => event['type']),
      ['ADDED', 'DELETED', 'BOOKMARK'],
    )
    t.ok(Number(events[2]?.['object']?.['metadata']?.['resourceVersion']) > Number(version))
    const old = await world.open('GET', `${configMaps}?watch=true&resourceVersion=1`)
    const [error] = await readEvents(world, old, 1)
    t.same(
      [error?.['type'], error?.['object']?.['reason'], error?.['object']?.['code']],
      ['ERROR', 'Expired', 410],
    )
    const initial = `${configMaps}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`
    const streamed = await readEvents(world, await world.open('GET', initial), 1)
    t.same(streamed[0]?.['object']?.['metadata']?.['annotations'], { 'k8s.io/initial-events-end': 'true' })
    await world.close()
  },
)

void t.test('pages of a list are of one revision, whatever is written between them', async (t) => {
  const world = await started()
  for (const name of ['a', 'b', 'c', 'd', 'e']) await world.call('POST', configMaps, configMap(name))
  const first = await world.call('GET', `${configMaps}?limit=2`)
  t.equal(first.json['metadata']?.['remainingItemCount'], 3)
  await world.call('POST', configMaps, configMap('bb'))
  await world.call('DELETE', `${configMaps}/d`)
  const token = String(first.json['metadata']?.['continue'])
  const second = await world.call('GET', `${configMaps}?limit=2&continue=${token}`)
  const third = await world.call(
    'GET',
    `${configMaps}?limit=2&continue=${String(second.json['metadata']?.['continue'])}`,
  )
  const names = [first, second, third].flatMap((page) =>
    Array.from(Object.values(page.json['items'] ?? {}), (item) => item['metadata']?.['name']),
  )
  t.same(names, ['a', 'b', 'c', 'd', 'e'])
  t.equal(second.json['metadata']?.['resourceVersion'], first.json['metadata']?.['resourceVersion'])
  t.equal(third.json['metadata']?.['continue'], undefined)
  await world.store.compact(world.store.revision)
  const late = await world.call('GET', `${configMaps}?limit=2&continue=${token}`)
  t.same([late.status, late.json['reason']], [410, 'Expired'])
  const rest = await world.call(
    'GET',
    `${configMaps}?continue=${String(late.json['metadata']?.['continue'])}`,
  )
  t.equal(rest.status, 200)
  t.equal((await world.call('GET', `${configMaps}?continue=nonsense`)).status, 400)
  await world.close()
})

void t.test('patches that lose a race are applied again, up to five times', async (t) => {
  const world = await started()
  await world.call('POST', configMaps, configMap('a', { n: '0' }))
  let races = 4
  const key = '/registry/configmaps/default/a'
  world.store.beforeTxn = (request) => {
    const isOurs = new TextDecoder().decode(request.compare[0]?.key) === key
    if (!isOurs || races === 0) return
    races -= 1
    world.store.put(
      key,
      JSON.stringify({
        ...configMap('a', { race: `${races}` }),
        metadata: { name: 'a', namespace: 'default', uid: 'u' },
      }),
    )
  }
  const merge = { headers: { 'content-type': 'application/merge-patch+json' } }
  const won = await world.call('PATCH', `${configMaps}/a`, { data: { mine: '1' } }, merge)
  t.same([won.status, won.json['data']], [200, { race: '0', mine: '1' }])
  races = 5
  const lost = await world.call('PATCH', `${configMaps}/a`, { data: { mine: '2' } }, merge)
  t.same([lost.status, lost.json['reason']], [409, 'Conflict'])
  await world.close()
})

void t.test('a write without quorum is a 503 that says so, and an unknown outcome a 504', async (t) => {
  const world = await started()
  world.store.faults.push('no-leader')
  const refused = await world.call('POST', configMaps, configMap('a'))
  t.same([refused.status, refused.json['reason']], [503, 'ServiceUnavailable'])
  t.match(refused.json['message'], /no quorum, nothing was written/)
  t.equal(
    refused.headers['retry-after'],
    undefined,
    'the store was waited for: client-go must not repeat it ten times',
  )
  world.store.faults.push('lose-before', 'no-leader')
  t.equal((await world.call('POST', configMaps, configMap('a'))).status, 504)
  world.store.faults.push('lose-after')
  t.equal((await world.call('POST', configMaps, configMap('a'))).status, 201)
  await world.close()
})

void t.test('services get addresses and ports once each, and dry runs and refusals keep none', async (t) => {
  const world = await started()
  const path = '/api/v1/namespaces/default/services'
  const service = (name: string, spec: Readonly<Record<string, unknown>>) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { ports: [{ port: 80 }], ...spec },
  })
  const a = await world.call('POST', path, service('a', { type: 'NodePort', clusterIP: '10.96.0.50' }))
  t.equal(a.status, 201)
  const nodePort = Number(a.json['spec']?.['ports']?.['0']?.['nodePort'])
  t.ok(nodePort >= 30_000 && nodePort <= 32_767)
  const taken = await world.call('POST', path, service('b', { clusterIP: '10.96.0.50' }))
  t.same([taken.status, taken.json['reason']], [422, 'Invalid'])
  const outside = await world.call('POST', path, service('b', { clusterIP: '10.1.0.50' }))
  t.match(outside.json['message'], /not in the valid range/)
  const port = { type: 'NodePort', ports: [{ port: 80, nodePort }] }
  t.equal((await world.call('POST', path, service('b', port))).status, 422)
  const dry = await world.call('POST', `${path}?dryRun=All`, service('b', { clusterIP: '10.96.0.51' }))
  t.equal(dry.status, 201)
  t.equal((await world.call('POST', path, service('b', { clusterIP: '10.96.0.51' }))).status, 201)
  await world.call('DELETE', `${path}/a`)
  t.equal((await world.call('POST', path, service('c', { ...port, clusterIP: '10.96.0.50' }))).status, 201)
  const merge = { headers: { 'content-type': 'application/merge-patch+json' } }
  const changed = await world.call('PATCH', `${path}/c`, { spec: { type: 'ClusterIP' } }, merge)
  t.equal(changed.json['spec']?.['ports']?.['0']?.['nodePort'], undefined)
  t.equal((await world.call('POST', path, service('d', port))).status, 201)
  await world.close()
})

void t.test('Tables, metadata only, YAML, discovery and OpenAPI are served as asked', async (t) => {
  const world = await started()
  await world.call('POST', pods, pod('p'))
  const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }
  const shown = await world.call('GET', pods, undefined, { headers: table })
  t.equal(shown.json['kind'], 'Table')
  t.equal(shown.json['rows']?.['0']?.['cells']?.['0'], 'p')
  t.equal(shown.json['rows']?.['0']?.['object']?.['kind'], 'PartialObjectMetadata')
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
  }
  t.equal(
    (await world.call('POST', path, review, { headers: { accept: table.accept.split(',')[0] ?? '' } }))
      .status,
    406,
  )
  t.equal((await world.call('POST', path, review)).json['status']?.['allowed'], true)
  const partial = { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' }
  t.equal(
    (await world.call('GET', pods, undefined, { headers: partial })).json['kind'],
    'PartialObjectMetadataList',
  )
  t.match(
    (await world.call('GET', `${pods}/p`, undefined, { headers: { accept: 'application/yaml' } })).text,
    /^apiVersion: v1\n/,
  )
  const aggregated = { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' }
  const groups = await world.call('GET', '/apis', undefined, { headers: aggregated })
  t.equal(
    groups.headers['content-type'],
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  )
  t.equal(
    (
      await world.call('GET', '/apis', undefined, {
        headers: { ...aggregated, 'if-none-match': groups.headers['etag'] ?? '' },
      })
    ).status,
    304,
  )
  t.equal((await world.call('GET', '/api/v1')).json['kind'], 'APIResourceList')
  const index = await world.call('GET', '/openapi/v3')
  const url = String(index.json['paths']?.['apis/apps/v1']?.['serverRelativeURL'])
  t.ok((await world.call('GET', url)).json['components']?.['schemas']?.['io.k8s.api.apps.v1.Deployment'])
  const gnostic = { accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf' }
  const v2 = await world.call('GET', '/openapi/v2', undefined, { headers: gnostic })
  t.same(
    [v2.status, v2.headers['content-type']],
    [200, 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'],
  )
  t.equal((await world.call('GET', '/openapi/v2')).json['swagger'], '2.0')
  t.equal((await world.call('GET', '/version')).json['minor'], '33')
  await world.close()
})

void t.test('server-side apply creates, merges, and says who is in the way', async (t) => {
  const world = await started()
  const apply = (manager: string, data: Readonly<Record<string, string>>, force = false) =>
    world.call('PATCH', `${configMaps}/a?fieldManager=${manager}&force=${force}`, configMap('a', data), {
      headers: { 'content-type': 'application/apply-patch+yaml' },
    })
  t.equal((await apply('one', { x: '1' })).status, 201)
  t.equal((await apply('two', { y: '1' })).status, 200)
  const refused = await apply('two', { x: '2', y: '1' })
  t.same([refused.status, refused.json['reason']], [409, 'Conflict'])
  t.equal(refused.json['details']?.['causes']?.['0']?.['reason'], 'FieldManagerConflict')
  const forced = await apply('two', { x: '2', y: '1' }, true)
  t.same(forced.json['data'], { x: '2', y: '1' })
  const dropped = await apply('two', { x: '2' })
  t.same(dropped.json['data'], { x: '2' })
  await world.close()
})

void t.test('a namespace that is going away takes nothing new and goes with its finalizer', async (t) => {
  const world = await started()
  await world.call('POST', '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'n' },
  })
  const terminating = await world.call('DELETE', '/api/v1/namespaces/n')
  t.equal(terminating.json['status']?.['phase'], 'Terminating')
  const refused = await world.call('POST', '/api/v1/namespaces/n/configmaps', configMap('a'))
  t.same(
    [refused.status, refused.json['details']?.['causes']?.['0']?.['reason']],
    [403, 'NamespaceTerminating'],
  )
  const current = await world.call('GET', '/api/v1/namespaces/n')
  await world.call('PUT', '/api/v1/namespaces/n/finalize', { ...current.json, spec: { finalizers: [] } })
  t.equal((await world.call('GET', '/api/v1/namespaces/n')).status, 404)
  t.equal((await world.call('DELETE', '/api/v1/namespaces/default')).status, 403)
  await world.close()
})

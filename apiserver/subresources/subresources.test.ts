import t from 'tap'
import { simIdentity, simTokenKey, SimWorld } from '../../platform/sim/index.ts'
import type { ByteConnection } from '../../platform/network.ts'
import { ServerWorld } from '../server.fixture.ts'
import { asObject } from '../storage/parse.ts'
import { spend } from './eviction.ts'
import { parsePlace } from './proxy.ts'

const pods = '/api/v1/namespaces/default/pods'
const encoder = new TextEncoder()
const decoder = new TextDecoder()

async function started(): Promise<ServerWorld> {
  const simulation = { world: new SimWorld(5n), identity: simIdentity, tokenKey: simTokenKey }
  const world = await new ServerWorld(simulation).start()
  await world.call('POST', '/api/v1/namespaces/default/serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default' },
  })
  return world
}

function pod(name: string, nodeName = 'n1') {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'web' } },
    spec: { nodeName, containers: [{ name: 'c', image: 'busybox' }] },
  }
}

async function addNode(world: ServerWorld): Promise<void> {
  const path = '/api/v1/nodes'
  await world.call('POST', path, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } })
  const merge = { headers: { 'content-type': 'application/merge-patch+json' } }
  const status = {
    addresses: [{ type: 'InternalIP', address: 'n1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
  }
  await world.call('PATCH', `${path}/n1/status`, { status }, merge)
}

async function echo(connection: ByteConnection): Promise<void> {
  for (;;) {
    const chunk = await connection.read()
    if (!chunk) break
    await connection.write(encoder.encode(decoder.decode(chunk).toUpperCase()))
  }
  connection.end()
}

async function addKubelet(world: ServerWorld): Promise<string[]> {
  const seen: string[] = []
  const { network } = world.powersOn('n1')
  await world.settle(
    network.listenHttp({
      address: { host: 'n1', port: 10250 },
      tls: world.identity('system:node:n1', ['system:nodes']),
      handler: {
        request: async (request) => {
          seen.push(`${request.peer?.commonName ?? 'nobody'} ${request.method} ${request.url}`)
          return { status: 200, headers: { 'content-type': 'text/plain' }, body: 'line 1\nline 2\n' }
        },
        upgrade: async (request) => {
          seen.push(`${request.headers['upgrade'] ?? ''} ${request.url}`)
          const headers = { connection: 'Upgrade', upgrade: request.headers['upgrade'] ?? '' }
          return { status: 101, headers, serve: echo }
        },
      },
    }),
  )
  return seen
}

void t.test('logs and exec are between the client and the kubelet', async (t) => {
  const world = await started()
  await addNode(world)
  const seen = await addKubelet(world)
  await world.call('POST', pods, pod('p'))
  const log = await world.call('GET', `${pods}/p/log?tailLines=2&container=c`)
  t.equal(log.text, 'line 1\nline 2\n')
  t.match(seen[0], /^kube-apiserver-kubelet-client GET \/containerLogs\/default\/p\/c\?tailLines=2$/)
  t.equal((await world.call('GET', `${pods}/p/log?container=nope`)).status, 400)
  t.equal((await world.call('GET', `${pods}/nope/log`)).status, 404)
  t.equal((await world.call('GET', '/api/v1/nodes/n1/proxy/stats/summary?x=1')).text, 'line 1\nline 2\n')
  t.match(seen[1], /GET \/stats\/summary\?x=1$/)
  const client = world.powersOn('client').network.httpClient({
    tls: world.identity('kubernetes-admin', ['system:masters']),
    connectTimeoutMs: 1000,
  })
  const answer = await world.settle(
    client.upgrade({
      method: 'GET',
      url: `https://a1:6443${pods}/p/exec?command=sh&stdin=true`,
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-protocol': 'v5.channel.k8s.io' },
    }),
  )
  t.equal(answer.status, 101)
  t.equal(seen[2], 'websocket /exec/default/p/c?command=sh&stdin=true')
  if ('connection' in answer) {
    await world.settle(answer.connection.write(encoder.encode('hello')))
    t.equal(decoder.decode(await world.settle(answer.connection.read())), 'HELLO')
    answer.connection.end()
    t.equal(await world.settle(answer.connection.read()), undefined)
  }
  await world.close()
})

void t.test('a kubelet that cannot be reached is a 503 that names it', async (t) => {
  const world = await started()
  await addNode(world)
  await world.call('POST', pods, pod('p'))
  const answer = await world.call('GET', `${pods}/p/log`)
  t.equal(answer.status, 503)
  t.match(answer.json['message'], /https:\/\/n1:10250/)
  await world.close()
})

void t.test('an eviction spends the budget, and waits for it when there is none left', async (t) => {
  const world = await started()
  for (const name of ['a', 'b']) {
    await world.call('POST', pods, pod(name))
    const running = { status: { phase: 'Running' } }
    await world.call('PATCH', `${pods}/${name}/status`, running, {
      headers: { 'content-type': 'application/merge-patch+json' },
    })
  }
  const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets'
  const budget = await world.call('POST', budgets, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web' },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
  })
  t.equal(budget.status, 201)
  const status = {
    observedGeneration: 1,
    disruptionsAllowed: 1,
    currentHealthy: 2,
    desiredHealthy: 1,
    expectedPods: 2,
  }
  await world.call(
    'PATCH',
    `${budgets}/web/status`,
    { status },
    { headers: { 'content-type': 'application/merge-patch+json' } },
  )
  const evict = (name: string, query = '') =>
    world.call('POST', `${pods}/${name}/eviction${query}`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name },
    })
  t.equal((await evict('a', '?dryRun=All')).status, 201)
  t.equal((await evict('a')).status, 201)
  const refused = await evict('b')
  t.same([refused.status, refused.json['reason']], [429, 'TooManyRequests'])
  t.equal(refused.json['details']?.['causes']?.['0']?.['reason'], 'DisruptionBudget')
  t.ok((await world.call('GET', `${pods}/a`)).json['metadata']?.['deletionTimestamp'])
  t.notOk((await world.call('GET', `${pods}/b`)).json['metadata']?.['deletionTimestamp'])
  await world.close()
})

void t.test('a budget whose status is behind its spec allows nothing', (t) => {
  const budget = asObject({
    metadata: { name: 'b', generation: 2 },
    status: { observedGeneration: 1, disruptionsAllowed: 5 },
  })
  t.throws(() => spend(budget, 'p', 'now'), { code: 429 })
  const fresh = asObject({
    metadata: { name: 'b', generation: 2 },
    status: { observedGeneration: 2, disruptionsAllowed: 5 },
  })
  t.same(spend(fresh, 'p', 'now')['status'], {
    observedGeneration: 2,
    disruptionsAllowed: 4,
    disruptedPods: { p: 'now' },
  })
  t.end()
})

void t.test('scale changes replicas and nothing else', async (t) => {
  const world = await started()
  const deployments = '/apis/apps/v1/namespaces/default/deployments'
  const labels = { app: 'web' }
  await world.call('POST', deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'x' }] } },
    },
  })
  const scale = await world.call('GET', `${deployments}/web/scale`)
  t.same([scale.json['spec'], scale.json['status']], [{ replicas: 1 }, { replicas: 0, selector: 'app=web' }])
  const merge = { headers: { 'content-type': 'application/merge-patch+json' } }
  t.same(
    (await world.call('PATCH', `${deployments}/web/scale`, { spec: { replicas: 3 } }, merge)).json['spec'],
    { replicas: 3 },
  )
  const stale = await world.call('PUT', `${deployments}/web/scale`, { ...scale.json, spec: { replicas: 9 } })
  t.equal(stale.status, 409)
  t.equal(
    (await world.call('PATCH', `${deployments}/web/scale`, { spec: { replicas: -1 } }, merge)).status,
    422,
  )
  const deployment = await world.call('GET', `${deployments}/web`)
  t.same([deployment.json['spec']?.['replicas'], deployment.json['metadata']?.['generation']], [3, 2])
  await world.close()
})

void t.test('a token bound to a pod ends with the pod', async (t) => {
  const world = await started()
  const created = await world.call('POST', pods, pod('p'))
  const uid = created.json['metadata']?.['uid']
  const spec = { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'p', uid } }
  const path = '/api/v1/namespaces/default/serviceaccounts/default/token'
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec }
  const issued = await world.call('POST', path, request)
  const token = issued.json['status']?.['token']
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } }
  const reviews = '/apis/authentication.k8s.io/v1/tokenreviews'
  const good = await world.call('POST', reviews, review)
  t.equal(good.json['status']?.['authenticated'], true)
  t.same(good.json['status']?.['user']?.['extra']?.['authentication.kubernetes.io/pod-name'], ['p'])
  t.equal(
    (
      await world.call('POST', path, {
        ...request,
        spec: { boundObjectRef: { ...spec.boundObjectRef, uid: 'x' } },
      })
    ).status,
    409,
  )
  await world.call('DELETE', `${pods}/p`, { gracePeriodSeconds: 0 })
  await world.world.run(11_000)
  t.equal((await world.call('POST', reviews, review)).json['status']?.['authenticated'], undefined)
  const other = { ...review, spec: { token, audiences: ['elsewhere'] } }
  t.equal((await world.call('POST', reviews, other)).json['status']?.['authenticated'], undefined)
  await world.close()
})

void t.test('a kubelet writes its own node and pods, and reads what its pods refer to', async (t) => {
  const world = await started()
  await addNode(world)
  await world.call('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n2' } })
  await world.call('POST', pods, pod('mine'))
  await world.call('POST', pods, pod('other', 'n2'))
  const secrets = '/api/v1/namespaces/default/secrets'
  for (const name of ['used', 'unused'])
    await world.call('POST', secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name } })
  const using = pod('using')
  await world.call('POST', pods, { ...using, spec: { ...using.spec, imagePullSecrets: [{ name: 'used' }] } })
  const me = {
    user: 'system:node:n1',
    groups: ['system:nodes'],
    headers: { 'content-type': 'application/merge-patch+json' },
  }
  const status = { status: { phase: 'Running' } }
  t.equal((await world.call('PATCH', `${pods}/mine/status`, status, me)).status, 200)
  t.equal((await world.call('PATCH', `${pods}/other/status`, status, me)).status, 403)
  t.equal((await world.call('PATCH', '/api/v1/nodes/n1/status', { status: { phase: 'x' } }, me)).status, 200)
  t.equal((await world.call('PATCH', '/api/v1/nodes/n2/status', { status: { phase: 'x' } }, me)).status, 403)
  t.equal((await world.call('PATCH', '/api/v1/nodes/n1', { spec: { taints: [] } }, me)).status, 403)
  t.equal((await world.call('GET', `${secrets}/used`, undefined, me)).status, 200)
  t.equal((await world.call('GET', `${secrets}/unused`, undefined, me)).status, 403)
  t.equal((await world.call('GET', secrets, undefined, me)).status, 403)
  t.equal(
    (await world.call('DELETE', `${pods}/other`, { gracePeriodSeconds: 0 }, { ...me, headers: {} })).status,
    403,
  )
  await world.close()
})

void t.test('two apiservers never give out one address or one node port twice', async (t) => {
  const world = await started()
  await world.start('a2')
  const path = '/api/v1/namespaces/default/services'
  const create = (server: string, name: string, clusterIP: string) =>
    world.call(
      'POST',
      path,
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name },
        spec: { clusterIP, type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] },
      },
      { server },
    )
  const [first, second] = await Promise.all([
    create('a1', 'x', '10.96.0.77'),
    create('a2', 'y', '10.96.0.77'),
  ])
  t.same([first.status, second.status].sort(), [201, 422])
  const same = await Promise.all([create('a1', 'z', '10.96.0.78'), create('a2', 'z', '10.96.0.78')])
  t.same(
    same.map((answer) => answer.status).filter((status) => status === 201).length,
    0,
    'the port is taken',
  )
  await world.close()
})

void t.test('a proxy target is a name, a name with a port, or a scheme with both', (t) => {
  t.same(parsePlace('a'), { name: 'a', port: '' })
  t.same(parsePlace('a:80'), { name: 'a', port: '80' })
  t.same(parsePlace('http:a:web'), { name: 'a', port: 'web' })
  t.throws(() => parsePlace('https:a:443'), { code: 400 })
  t.throws(() => parsePlace('a:b:c:d'), { code: 400 })
  t.end()
})

import t from 'tap'
import { nodes } from '../api/core/node.ts'
import { services } from '../api/core/service.ts'
import { endpointSlices } from '../api/discovery/endpoint-slice.ts'
import { testWorld, type TestWorld } from '../client/testing/world.ts'
import { readAll } from '../client/byte-source.ts'
import { createFakeKernelRules, type FakeKernelRules } from './kernel-rules.ts'
import { type Proxy, type ProxyConfig, removeProxyRules, startProxy } from './proxy.ts'
import { serviceOf, sliceOf } from './testing/objects.ts'

interface Setup {
  readonly world: TestWorld
  readonly kernel: FakeKernelRules
  readonly proxy: Proxy
}

async function setup(
  seed: bigint,
  config: Partial<ProxyConfig> = {},
  kernel = createFakeKernelRules(),
): Promise<Setup> {
  const world = await testWorld(seed)
  world.cluster.set(nodes, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1' },
    spec: { podCIDR: '10.244.1.0/24' },
  })
  const { process, client } = world.client('p1')
  const proxy = await startProxy(process.powers, {
    nodeName: 'n1',
    client,
    mode: 'nftables',
    clusterCidr: '10.244.0.0/16',
    kernel,
    ...config,
  })
  return { world, kernel, proxy }
}

const lastScript = ({ nftScripts }: FakeKernelRules) => nftScripts[nftScripts.length - 1] ?? ''

void t.test(
  'a Service and its endpoints reach the kernel within half a second, and leave it again',
  async (t) => {
    const { world, kernel, proxy } = await setup(1n)
    await world.until(() => proxy.health().isHealthy, 'the first sync')
    world.cluster.set(services, serviceOf({ name: 'web', nodePort: 30080 }))
    world.cluster.set(endpointSlices, sliceOf('web', [{ ip: '10.244.1.5' }]))
    await world.until(() => kernel.nftScripts.join().includes('dnat to 10.244.1.5:8080'), 'the endpoint', 500)
    world.cluster.remove(services, 'default', 'web')
    await world.until(() => /delete chain ip kube-proxy service-/.test(lastScript(kernel)), 'the end', 500)
    t.match(
      kernel.nftScripts.join(),
      /delete element ip kube-proxy service-ips \{ 10\.96\.0\.10 \. tcp \. 80 :/,
    )
    t.same(world.world.violations, [])
  },
)

void t.test('many changes at once are one change of the rules', async (t) => {
  const { world, kernel, proxy } = await setup(2n)
  await world.until(() => proxy.health().isHealthy, 'the first sync')
  const before = kernel.nftScripts.length
  for (let index = 1; index <= 50; index += 1) {
    world.cluster.set(services, serviceOf({ name: `s${index}`, clusterIP: `10.96.1.${index}` }))
  }
  await world.until(() => kernel.nftScripts.join().includes('10.96.1.50'), 'all of them')
  t.ok(kernel.nftScripts.length - before <= 3)
})

void t.test('a kernel that refuses is asked again, with everything', async (t) => {
  const { world, kernel, proxy } = await setup(3n, { maxSyncMs: 1000 })
  await world.until(() => proxy.health().isHealthy, 'the first sync')
  kernel.failure = new Error('nft: out of memory')
  world.cluster.set(services, serviceOf({ name: 'web' }))
  await world.world.run(5000)
  t.equal(proxy.health().isHealthy, false)
  kernel.failure = undefined
  await world.until(() => lastScript(kernel).includes('10.96.0.10'), 'the repetition')
  t.match(lastScript(kernel), /^add table ip kube-proxy\ndelete table ip kube-proxy\n/)
  await world.until(() => proxy.health().isHealthy, 'health')
  t.ok(true)
})

void t.test('where nftables does not work iptables is used, and the log says so', async (t) => {
  const kernel = createFakeKernelRules()
  kernel.hasNft = false
  const { world, proxy } = await setup(4n, {}, kernel)
  t.equal(proxy.mode, 'iptables')
  t.match(world.world.logLines.join('\n'), /nftables does not work on this kernel: using iptables/)
  world.cluster.set(services, serviceOf({ name: 'web' }))
  world.cluster.set(endpointSlices, sliceOf('web', [{ ip: '10.244.1.5' }]))
  await world.until(
    () => kernel.iptablesInputs.join().includes('--to-destination 10.244.1.5:8080'),
    'the endpoint',
  )
})

void t.test('where nothing works the start fails and says what to do', async (t) => {
  const kernel = createFakeKernelRules()
  kernel.hasNft = false
  kernel.failure = new Error('iptables-restore: Permission denied')
  await t.rejects(
    setup(5n, {}, kernel),
    /takes no Service rules.*Operation not supported.*Permission denied.*as root/,
  )
})

void t.test('flows of a UDP endpoint that is gone are ended', async (t) => {
  const { world, kernel, proxy } = await setup(6n)
  await world.until(() => proxy.health().isHealthy, 'the first sync')
  world.cluster.set(services, serviceOf({ name: 'dns', protocol: 'UDP', port: 53 }))
  const slice = (...ips: string[]) =>
    sliceOf(
      'dns',
      ips.map((ip) => ({ ip })),
      { protocol: 'UDP', port: 53 },
    )
  world.cluster.set(endpointSlices, slice('10.244.1.5', '10.244.1.6'))
  await world.until(() => kernel.nftScripts.join().includes('10.244.1.6:53'), 'both endpoints')
  world.cluster.set(endpointSlices, slice('10.244.1.5'))
  await world.until(
    () => kernel.deletedFlows.some(({ endpointIp }) => endpointIp === '10.244.1.6'),
    'the end',
  )
  t.notOk(kernel.deletedFlows.some(({ endpointIp }) => endpointIp === '10.244.1.5'))
})

void t.test('health is served over HTTP, 503 until the first success', async (t) => {
  const kernel = createFakeKernelRules()
  const { world } = await setup(7n, { healthz: { host: 'p1', port: 10256 } }, kernel)
  const { process } = world.client('curl')
  const http = process.powers.network.httpClient({ connectTimeoutMs: 1000 })
  const ask = async () => {
    const response = await http.request({ method: 'GET', url: 'http://p1:10256/healthz' })
    await readAll(response.body, { sizeBytesMax: 4096, signal: new AbortController().signal })
    return response.status
  }
  t.equal(await world.settle(ask()), 503)
  await world.until(() => kernel.nftScripts.length > 1, 'the first sync')
  t.equal(await world.settle(ask()), 200)
})

void t.test('clean-up asks for the removal of everything in both dialects', async (t) => {
  const { world, kernel } = await setup(8n)
  const { process } = world.client('cleaner')
  await removeProxyRules(process.powers, kernel)
  t.equal(lastScript(kernel), 'add table ip kube-proxy\ndelete table ip kube-proxy\n')
})

import t from 'tap'
import type { EndpointSlice, Service } from '../api/types.ts'
import { createNodeCrypto } from '../platform/node/crypto.ts'
import { createNodeProcesses } from '../platform/node/processes.ts'
import { type Dialect, iptablesDialect, nftablesDialect } from './dialects.ts'
import { createKernelRules } from './node-kernel-rules.ts'
import { digestWith } from './proxy.ts'
import { virtualServices } from './rules.ts'
import { staleFlows } from './stale-flows.ts'
import { clientIp, nodeIp, podCidr, TestNode } from './testing/namespaces.ts'
import { serviceOf, sliceOf } from './testing/objects.ts'

const node = new TestNode(createNodeProcesses())
const kernel = createKernelRules(createNodeProcesses(), { namespace: node.nodeNamespace })
const digest = digestWith(createNodeCrypto())
const clusterIp = '10.96.0.10'

t.before(() => node.open(3))
t.teardown(() => node.close())

async function applyTo(
  dialect: Dialect,
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  bridged = false,
) {
  const network = { clusterCidr: podCidr, unfilteredBridgeCidr: bridged ? podCidr : undefined }
  await dialect.apply(virtualServices(services, slices, { name: 'n1', zone: '' }), network)
}

function endpoints(...indexes: number[]) {
  return sliceOf(
    'web',
    indexes.map((index) => ({ ip: node.podIp(index) })),
  )
}

for (const dialect of [nftablesDialect(kernel, digest), iptablesDialect(kernel, digest)]) {
  void t.test(`${dialect.name} on the real kernel`, async (t) => {
    t.teardown(() => dialect.cleanup())
    await kernel.filterBridges()

    await t.test('the probe passes and leaves nothing', async (t) => {
      await dialect.probe()
      t.notMatch(await node.sh('node', 'nft list tables'), /probe/)
    })

    await t.test('a cluster IP spreads over all endpoints, from a pod and from outside', async (t) => {
      await applyTo(dialect, [serviceOf({ name: 'web' })], [endpoints(1, 2, 3)])
      for (const from of ['pod1', 'client', 'node']) {
        const counts = await node.askOften(from, clusterIp, 40)
        t.same([...counts.keys()].sort(), ['pod1', 'pod2', 'pod3'], `asked from ${from}`)
      }
    })

    await t.test('an endpoint that is gone gets nothing any more', async (t) => {
      await applyTo(dialect, [serviceOf({ name: 'web' })], [endpoints(2)])
      t.same([...(await node.askOften('client', clusterIp, 15)).keys()], ['pod2'])
    })

    await t.test('a pod reaches itself through its own Service', async (t) => {
      await applyTo(dialect, [serviceOf({ name: 'web' })], [endpoints(2)])
      t.equal(await node.ask('pod2', clusterIp), 'pod2')
    })

    await t.test('a Service without endpoints refuses at once rather than hang', async (t) => {
      await applyTo(dialect, [serviceOf({ name: 'web' })], [])
      t.match(await node.complaint('pod1', clusterIp), /refused/i)
      t.match(await node.complaint('client', clusterIp), /refused/i)
    })

    await t.test('a node port serves clients outside, and another port of the node does not', async (t) => {
      await applyTo(dialect, [serviceOf({ name: 'web', nodePort: 30080 })], [endpoints(1, 2, 3)])
      const counts = await node.askOften('client', `${nodeIp}:30080`, 30)
      t.same([...counts.keys()].sort(), ['pod1', 'pod2', 'pod3'])
      t.equal(await node.ask('client', `${nodeIp}:30081`), '')
    })

    await t.test('with the Local policy only endpoints of this node answer', async (t) => {
      const service = serviceOf({ name: 'web', nodePort: 30080, spec: { externalTrafficPolicy: 'Local' } })
      const slice = sliceOf('web', [{ ip: node.podIp(1), nodeName: 'n2' }, { ip: node.podIp(3) }])
      await applyTo(dialect, [service], [slice])
      t.same([...(await node.askOften('client', `${nodeIp}:30080`, 12)).keys()], ['pod3'])
      t.same([...(await node.askOften('pod2', `${nodeIp}:30080`, 20)).keys()].sort(), ['pod1', 'pod3'])
    })

    await t.test(
      'session affinity keeps a client at one endpoint, also over a change of the others',
      async (t) => {
        const service = serviceOf({ name: 'web', spec: { sessionAffinity: 'ClientIP' } })
        await applyTo(dialect, [service], [endpoints(1, 2)])
        const first = [...(await node.askOften('client', clusterIp, 12)).keys()]
        t.equal(first.length, 1)
        await applyTo(dialect, [service], [endpoints(1, 2, 3)])
        t.same([...(await node.askOften('client', clusterIp, 12)).keys()], first)
      },
    )

    await t.test('an external IP that points at the node works', async (t) => {
      const service = serviceOf({ name: 'web', spec: { externalIPs: ['10.213.9.9'] } })
      await applyTo(dialect, [service], [endpoints(1)])
      t.equal(await node.ask('client', '10.213.9.9'), 'pod1')
    })

    await t.test('pods of one bridge reach each other also where bridges are not filtered', async (t) => {
      await node.sh('node', 'echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables')
      await applyTo(dialect, [serviceOf({ name: 'web' })], [endpoints(2)], true)
      t.equal(await node.ask('pod1', clusterIp), 'pod2')
      await kernel.filterBridges()
    })

    await t.test('a load balancer address serves only the ranges that may use it', async (t) => {
      const guarded = (range: string): Service => ({
        ...serviceOf({ name: 'web', spec: { type: 'LoadBalancer', loadBalancerSourceRanges: [range] } }),
        status: { loadBalancer: { ingress: [{ ip: '10.213.9.8' }] } },
      })
      await applyTo(dialect, [guarded('198.51.100.0/24')], [endpoints(1)])
      t.equal(await node.ask('client', '10.213.9.8'), '')
      await applyTo(dialect, [guarded(`${clientIp}/32`)], [endpoints(1)])
      t.equal(await node.ask('client', '10.213.9.8'), 'pod1')
    })

    await t.test('a deleted Service is gone, and cleanup leaves no rule of ours', async (t) => {
      await applyTo(dialect, [], [])
      t.equal(await node.ask('client', clusterIp), '')
      await dialect.cleanup()
      t.notMatch(await node.sh('node', 'nft list ruleset'), /kube-proxy|KUBE-/)
    })
  })
}

void t.test('the kernel forgets UDP flows to an endpoint that is gone, and no others', async (t) => {
  const dialect = nftablesDialect(kernel, digest)
  t.teardown(() => dialect.cleanup())
  const service = serviceOf({ name: 'dns', protocol: 'UDP', port: 53, nodePort: 30053 })
  const slice = (...indexes: number[]) =>
    sliceOf(
      'dns',
      indexes.map((index) => ({ ip: node.podIp(index) })),
      { protocol: 'UDP', port: 53 },
    )
  const at = (...indexes: number[]) =>
    virtualServices([service], [slice(...indexes)], { name: 'n1', zone: '' })
  await applyTo(dialect, [service], [slice(1, 2)])
  const knock = `for i in $(seq 30); do echo x > /dev/udp/${clusterIp}/53; echo x > /dev/udp/${nodeIp}/30053; done`
  await node.sh('client', `bash -c '${knock}'`)
  const flows = async () => {
    const lines = (await node.sh('node', 'conntrack -L -p udp 2>/dev/null')).split('\n')
    const to = (ip: string, port: string) =>
      lines.filter((line) => line.includes(`src=${ip} `) && line.includes(`dport=${port}`)).length
    return [1, 2].map((index) => [to(node.podIp(index), '53') > 0, to(node.podIp(index), '30053') > 0])
  }
  t.same(
    await flows(),
    [
      [true, true],
      [true, true],
    ],
    'both endpoints by both ways',
  )
  for (const flow of staleFlows(at(1, 2), at(2))) await kernel.deleteFlow(flow)
  t.same(await flows(), [
    [false, false],
    [true, true],
  ])
})

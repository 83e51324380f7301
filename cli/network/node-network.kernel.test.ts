/** Needs root, ip and nft: makes a cluster's network on the real kernel, uses it, and takes it away. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import t from 'tap'
import { createNodePowers } from '../../platform/node/powers.ts'
import { planCluster } from '../cluster/cluster-plan.ts'
import { hostTableOf } from './network-plan.ts'
import { chooseNetworkIndex, ensureNodeNetwork, removeNodeNetwork } from './node-network.ts'

const powers = createNodePowers({ component: 'test', logLevel: 'silent' })

async function output(command: string, args: readonly string[]): Promise<string> {
  return (await powers.processes.run({ command, args, timeoutMs: 10_000, allowFailure: true })).stdout
}

void t.test('two nodes reach each other and the host; afterwards nothing is left', async (t) => {
  const directory = mkdtempSync(`${tmpdir()}/skedia-network-`)
  const id = Array.from(powers.random.bytes(3), (byte) => byte.toString(16).padStart(2, '0')).join('')
  const { network } = planCluster({
    name: 'kernel-test',
    id,
    token: 't',
    createdAt: '',
    skediaVersion: '',
    shape: { members: 1, apiservers: 1, nodes: 2, fakeNodes: 0 },
    basePort: 6443,
    runtime: { kind: 'runc' },
    networkIndex: await chooseNetworkIndex(powers, new Set()),
  })
  if (network === undefined) throw new Error('no network was planned')
  const marker = `${directory}/ip-forward`
  t.teardown(async () => {
    await removeNodeNetwork(powers, network, marker)
    rmSync(directory, { recursive: true })
  })

  await ensureNodeNetwork(powers, network, marker)
  await ensureNodeNetwork(powers, network, marker)
  t.pass('it can be made twice')
  const [one, two] = network.nodes
  if (one === undefined || two === undefined) throw new Error('no nodes were planned')
  const routes = await output('ip', ['-n', one.namespace, 'route'])
  t.match(routes, new RegExp(`default via ${network.bridgeAddress}`))
  t.match(routes, new RegExp(`${two.podCidr} via ${two.address}`))
  t.match(
    await output('ip', ['route']),
    new RegExp(`${one.podCidr} via ${one.address} dev ${network.bridge}`),
  )
  t.match(await output('nft', ['list', 'tables']), new RegExp(hostTableOf(network)))

  const listening = powers.network.listenBytes({
    address: { host: network.bridgeAddress, port: 0 },
    onConnection: (connection) => connection.cancel(),
  })
  const { address, close } = await listening
  const dial = `require('net').connect(${address.port}, '${address.host}').on('connect', () => process.exit(0)).on('error', () => process.exit(1))`
  const dialled = await powers.processes.run({
    command: 'nsenter',
    args: [`--net=/run/netns/${one.namespace}`, process.execPath, '-e', dial],
    timeoutMs: 10_000,
    allowFailure: true,
  })
  t.equal(dialled.code, 0, 'a node reaches the host at the bridge')
  await close()

  await removeNodeNetwork(powers, network, marker)
  t.notOk(existsSync(`/sys/class/net/${network.bridge}`), 'no bridge')
  t.same(
    readdirSync('/run/netns').filter((name) => name.includes(id)),
    [],
    'no namespace',
  )
  t.notMatch(await output('nft', ['list', 'tables']), new RegExp(hostTableOf(network)), 'no table')
  t.notMatch(await output('ip', ['route']), new RegExp(network.bridge), 'no route')
})

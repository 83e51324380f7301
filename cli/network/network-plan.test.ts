import t from 'tap'
import { planCluster } from '../cluster/cluster-plan.ts'
import { hostLines, hostLinkOf, hostRules, nodeLines, removalLines } from './network-plan.ts'

const network = planCluster({
  name: 'blue',
  id: 'abc123',
  token: 't',
  createdAt: '',
  skediaVersion: '',
  shape: { members: 1, apiservers: 1, nodes: 20, fakeNodes: 0 },
  basePort: 6443,
  runtime: { kind: 'runc' },
  networkIndex: 0,
}).network

void t.test('every interface name fits into the kernel’s 15 characters', async (t) => {
  if (network === undefined) throw new Error('no network')
  for (const name of [network.bridge, ...network.nodes.map((node) => hostLinkOf(network, node))]) {
    t.ok(name.length <= 15, name)
  }
})

void t.test('whatever is made on the host is removed again', async (t) => {
  if (network === undefined) throw new Error('no network')
  const made = hostLines(network).flatMap((line) => /^(?:link add|netns add) (\S+)/.exec(line)?.[1] ?? [])
  const removed = removalLines(network).flatMap(
    (line) => /^(?:link del|netns del) (\S+)/.exec(line)?.[1] ?? [],
  )
  t.same([...made].sort(), [...removed].sort())
})

void t.test('a node has a route to every other node’s pods and none to its own', async (t) => {
  if (network === undefined) throw new Error('no network')
  const [first] = network.nodes
  if (first === undefined) throw new Error('no node')
  const routes = nodeLines(network, first).filter((line) => line.startsWith('route replace 10.'))
  t.equal(routes.length, network.nodes.length - 1)
  t.notOk(routes.some((line) => line.includes(first.podCidr)))
})

void t.test('the host gets one table of its own, which can be applied twice', async (t) => {
  if (network === undefined) throw new Error('no network')
  const rules = hostRules(network)
  t.ok(rules.startsWith('table ip skedia_abc123\ndelete table ip skedia_abc123\n'))
  t.notMatch(rules, /table (ip|inet) (nat|filter)\b/)
})

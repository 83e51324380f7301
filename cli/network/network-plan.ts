/**
 * The kernel's side of a cluster with real pods, as text for `ip` and `nft`: a bridge per cluster, and per
 * node a network namespace with one leg on it. A pure function of the plan.
 *
 *     host ── sk<id>br 10.64.0.1/16 ──┬── n1: eth0 10.64.0.11 ── pods 10.244.1.0/24
 *                                     └── n2: eth0 10.64.0.12 ── pods 10.244.2.0/24
 *
 * Nodes reach one another's pods across the bridge, by routes in their own namespaces; the host reaches
 * them by routes of its own. Rules of Services live in the nodes' namespaces, never in the host's tables;
 * the host gets one table of its own, which masquerades what leaves the cluster.
 */
import type { ClusterNetwork, NodeNetworkSpec } from '../cluster/cluster-file.ts'

const nodePrefixLength = 16

/** The host's end of a node's cable; at most 15 characters. */
export function hostLinkOf(network: ClusterNetwork, node: NodeNetworkSpec): string {
  return `${network.bridge.slice(0, 8)}${node.node}`
}

/** The host's nftables table of a cluster. */
export function hostTableOf(network: ClusterNetwork): string {
  return `skedia_${network.bridge.slice(2, 8)}`
}

/** Lines for `ip -force -batch -` on the host. Each may find its work done already. */
export function hostLines(network: ClusterNetwork): readonly string[] {
  const perNode = network.nodes.flatMap((node) => {
    const link = hostLinkOf(network, node)
    return [
      `netns add ${node.namespace}`,
      `link add ${link} type veth peer name eth0 netns ${node.namespace}`,
      `link set ${link} master ${network.bridge}`,
      `link set ${link} up`,
      `route replace ${node.podCidr} via ${node.address} dev ${network.bridge}`,
    ]
  })
  return [
    `link add ${network.bridge} type bridge`,
    `addr add ${network.bridgeAddress}/${nodePrefixLength} dev ${network.bridge}`,
    `link set ${network.bridge} up`,
    ...perNode,
  ]
}

/** Lines for `ip -force -batch -` inside a node's namespace. */
export function nodeLines(network: ClusterNetwork, node: NodeNetworkSpec): readonly string[] {
  const others = network.nodes.filter((other) => other.node !== node.node)
  return [
    'link set lo up',
    `addr add ${node.address}/${nodePrefixLength} dev eth0`,
    'link set eth0 up',
    `route replace default via ${network.bridgeAddress}`,
    ...others.map((other) => `route replace ${other.podCidr} via ${other.address}`),
  ]
}

/** Lines for `ip -force -batch -` that take everything away; routes go with their link, cables with their namespace. */
export function removalLines(network: ClusterNetwork): readonly string[] {
  return [
    ...network.nodes.flatMap((node) => [
      `link del ${hostLinkOf(network, node)}`,
      `netns del ${node.namespace}`,
    ]),
    `link del ${network.bridge}`,
  ]
}

/** The host's table: replaced as a whole, so that it can be applied again. */
export function hostRules(network: ClusterNetwork): string {
  const table = hostTableOf(network)
  const inside = `{ ${network.nodeCidr}, ${network.podCidr} }`
  return `table ip ${table}
delete table ip ${table}
table ip ${table} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${inside} ip daddr != ${inside} oifname != "${network.bridge}" masquerade
  }
}
`
}

/** Takes the host's table away, whether it is there or not. */
export function hostRulesRemoval(network: ClusterNetwork): string {
  const table = hostTableOf(network)
  return `table ip ${table}\ndelete table ip ${table}\n`
}

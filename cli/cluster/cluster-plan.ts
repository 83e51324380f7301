/**
 * Which processes a cluster has and where they listen: a pure function of the wish. The same wish gives the
 * same plan, so a cluster that is started again finds its ports and addresses where they were.
 *
 * Ports, from the base `B` (default 6443): f1 on B, apiservers B+1…, store clients B+11…, peers B+21…, and
 * health endpoints and everything else from B+30, in the order of the processes.
 */
import type {
  ClusterFile,
  ClusterNetwork,
  ClusterShape,
  NodeNetworkSpec,
  ProcessKind,
  ProcessSpec,
  RuntimeChoice,
} from './cluster-file.ts'
import { clusterFileVersion } from './cluster-file.ts'

/** Ports that one cluster may take from its base on. */
export const portBlockSize = 120
export const apiserversMax = 9
export const nodesMax = 20
export const fakeNodesMax = 500
/** Address ranges 10.(64…95) for nodes and 10.(244…213) for pods. */
export const networksMax = 32
/** The kubelet's well-known port, free in a network namespace of its own. */
const kubeletPort = 10250
const kubeletHealthPort = 10248
const proxyHealthPort = 10256
const loopback = '127.0.0.1'

export interface PlanWish {
  readonly name: string
  readonly id: string
  readonly token: string
  readonly createdAt: string
  readonly skediaVersion: string
  readonly shape: ClusterShape
  readonly basePort: number
  readonly runtime: RuntimeChoice
  /** Which address range; undefined for a fake runtime. */
  readonly networkIndex: number | undefined
}

/** The whole cluster as it should be. */
export function planCluster(wish: PlanWish): ClusterFile {
  const network = wish.networkIndex === undefined ? undefined : planNetwork(wish, wish.networkIndex)
  return {
    version: clusterFileVersion,
    name: wish.name,
    id: wish.id,
    token: wish.token,
    createdAt: wish.createdAt,
    skediaVersion: wish.skediaVersion,
    shape: wish.shape,
    basePort: wish.basePort,
    serviceCidr: '10.96.0.0/16',
    runtime: wish.runtime,
    network,
    processes: planProcesses(wish, network),
  }
}

/** Every port of the host that the cluster listens on. */
export function hostPorts(cluster: ClusterFile): readonly { readonly name: string; readonly port: number }[] {
  return cluster.processes
    .filter((spec) => spec.host === loopback)
    .flatMap((spec) => Object.values(spec.ports).map((port) => ({ name: spec.name, port })))
}

function planNetwork(wish: PlanWish, index: number): ClusterNetwork {
  const subnet = `10.${64 + index}`
  const pods = `10.${244 - index}`
  const nodes: NodeNetworkSpec[] = numbers(wish.shape.nodes).map((i) => ({
    node: `n${i}`,
    namespace: `sk-${wish.id}-n${i}`,
    address: `${subnet}.0.${10 + i}`,
    podCidr: `${pods}.${i}.0/24`,
  }))
  return {
    index,
    bridge: `sk${wish.id}br`,
    bridgeAddress: `${subnet}.0.1`,
    nodeCidr: `${subnet}.0.0/16`,
    podCidr: `${pods}.0.0/16`,
    nodes,
  }
}

function planProcesses(wish: PlanWish, network: ClusterNetwork | undefined): readonly ProcessSpec[] {
  const { shape, basePort } = wish
  let next = basePort + 30
  const take = () => next++
  const spec = (name: string, kind: ProcessKind, ports: Record<string, number>): ProcessSpec => ({
    name,
    kind,
    host: loopback,
    ports: { ...ports, health: take() },
  })
  const members = numbers(shape.members).map((i) =>
    spec(`m${i}`, 'store', { client: basePort + 10 + i, peer: basePort + 20 + i }),
  )
  const apiservers = numbers(shape.apiservers).map((i) =>
    spec(`a${i}`, 'apiserver', { secure: basePort + i }),
  )
  const pair = (letter: string, kind: ProcessKind) => [1, 2].map((i) => spec(`${letter}${i}`, kind, {}))
  const managers = [...pair('c', 'controller-manager'), ...pair('s', 'scheduler')]
  const front = spec('f1', 'front', { secure: basePort })
  const nodes = numbers(shape.nodes).flatMap((i) => planNode(`${i}`, network?.nodes[i - 1], take))
  const fake: ProcessSpec[] =
    shape.fakeNodes > 0 ? [{ name: 'fake', kind: 'kubelet', host: loopback, ports: { health: take() } }] : []
  return [...members, ...apiservers, ...managers, front, ...nodes, ...fake]
}

function planNode(
  number: string,
  namespace: NodeNetworkSpec | undefined,
  take: () => number,
): readonly ProcessSpec[] {
  const node = `n${number}`
  const [host, kubelet, proxy] = namespace
    ? [namespace.address, { secure: kubeletPort, health: kubeletHealthPort }, { health: proxyHealthPort }]
    : [loopback, { secure: take(), health: take() }, { health: take() }]
  return [
    { name: node, kind: 'kubelet', host, ports: kubelet, node },
    { name: `p${number}`, kind: 'proxy', host, ports: proxy, node },
  ]
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

/**
 * The command line of each process: a pure function of the cluster. What the supervisor starts is what a
 * person could type on three machines; the flags are those of the upstream twins.
 */
import { formatAddress } from '../../platform/network.ts'
import { cgroupOf } from '../network/node-cleanup.ts'
import {
  type ClusterFile,
  type ClusterPaths,
  type NodeNetworkSpec,
  portOf,
  type ProcessSpec,
  processesOfKind,
} from './cluster-file.ts'

/** A command to spawn. */
export interface CommandLine {
  readonly command: string
  readonly args: readonly string[]
}

export interface ArgumentsInput {
  readonly cluster: ClusterFile
  readonly paths: ClusterPaths
  readonly nodePath: string
  readonly nodeVersion: string
  readonly entry: string
}

/**
 * V8's young generation is kept small where a process allocates little: 13 heaps share two cores' caches, and
 * a semi-space is resident as soon as it has been written once.
 */
const youngGenerationMb: Readonly<Record<ProcessSpec['kind'], number>> = {
  store: 4,
  apiserver: 4,
  'controller-manager': 4,
  scheduler: 4,
  kubelet: 4,
  proxy: 2,
  front: 2,
}

/**
 * A heap may outgrow what lives in it by a quarter, not by half or more: after a minute of load the leader held
 * 56 MB instead of 71, an apiserver 60 instead of 75 (proportional set size, Node 20). Only there: V8 may
 * drop such a flag, and a process with an unknown flag does not start.
 */
function heapFlags(nodeVersion: string): readonly string[] {
  return nodeVersion.startsWith('20.') ? ['--heap-growing-percent=25'] : []
}

/** How to start `spec`. */
export function commandLineOf(input: ArgumentsInput, spec: ProcessSpec): CommandLine {
  const nodeFlags = [`--max-semi-space-size=${youngGenerationMb[spec.kind]}`, ...heapFlags(input.nodeVersion)]
  const args = [...nodeFlags, input.entry, spec.kind, ...flagsOf(input, spec)]
  const netns = input.cluster.network?.nodes.find((node) => node.node === spec.node)
  if (netns === undefined) return { command: input.nodePath, args }
  // nsenter and not `ip netns exec`: the latter makes a mount namespace too, and mounts made in it would
  // vanish with the kubelet instead of waiting for the next one.
  return { command: 'nsenter', args: [`--net=/run/netns/${netns.namespace}`, input.nodePath, ...args] }
}

function flagsOf(input: ArgumentsInput, spec: ProcessSpec): readonly string[] {
  const health = [
    `--healthz-bind-address=${formatAddress({ host: spec.host, port: portOf(spec, 'health') })}`,
  ]
  switch (spec.kind) {
    case 'store':
      return [...storeFlags(input, spec), ...health]
    case 'apiserver':
      return [...apiserverFlags(input, spec), ...health]
    case 'controller-manager':
      return [...controllerManagerFlags(input, spec), ...health]
    case 'scheduler':
      return [
        ...clientFlags(input, 'scheduler', apiserverUrls(input.cluster, '127.0.0.1')),
        `--identity=${spec.name}`,
        ...health,
      ]
    case 'kubelet':
      return [...kubeletFlags(input, spec), ...health]
    case 'proxy':
      return [...proxyFlags(input, spec), ...health]
    case 'front':
      return [...frontFlags(input, spec), ...health]
  }
}

function storeFlags({ cluster, paths }: ArgumentsInput, spec: ProcessSpec): readonly string[] {
  const { pki } = paths
  const peers = processesOfKind(cluster, 'store').map(
    (peer) => `${peer.name}=https://${peer.host}:${portOf(peer, 'peer')}`,
  )
  return [
    `--name=${spec.name}`,
    `--data-dir=${paths.data}/${spec.name}`,
    `--listen-client-urls=https://${spec.host}:${portOf(spec, 'client')}`,
    `--listen-peer-urls=https://${spec.host}:${portOf(spec, 'peer')}`,
    `--initial-cluster=${peers.join(',')}`,
    `--initial-cluster-token=${cluster.token}`,
    `--cert-file=${pki}/${spec.name}-server.crt`,
    `--key-file=${pki}/${spec.name}-server.key`,
    `--trusted-ca-file=${pki}/store-ca.crt`,
    `--peer-cert-file=${pki}/${spec.name}-peer.crt`,
    `--peer-key-file=${pki}/${spec.name}-peer.key`,
    `--peer-trusted-ca-file=${pki}/peer-ca.crt`,
    `--fault-token-file=${paths.run}/fault-token`,
  ]
}

function apiserverFlags({ cluster, paths }: ArgumentsInput, spec: ProcessSpec): readonly string[] {
  const { pki } = paths
  const bridge = cluster.network?.bridgeAddress
  const members = processesOfKind(cluster, 'store').map(
    (member) => `https://${member.host}:${portOf(member, 'client')}`,
  )
  return [
    `--name=${spec.name}`,
    `--bind-address=${bridge === undefined ? spec.host : `${spec.host},${bridge}`}`,
    `--secure-port=${portOf(spec, 'secure')}`,
    `--advertise-address=${bridge ?? spec.host}`,
    `--etcd-servers=${members.join(',')}`,
    `--etcd-cafile=${pki}/store-ca.crt`,
    `--etcd-certfile=${pki}/apiserver-store.crt`,
    `--etcd-keyfile=${pki}/apiserver-store.key`,
    `--client-ca-file=${pki}/ca.crt`,
    `--tls-cert-file=${pki}/apiserver.crt`,
    `--tls-private-key-file=${pki}/apiserver.key`,
    `--kubelet-certificate-authority=${pki}/ca.crt`,
    `--kubelet-client-certificate=${pki}/apiserver-kubelet.crt`,
    `--kubelet-client-key=${pki}/apiserver-kubelet.key`,
    `--service-account-key-file=${pki}/sa.pub`,
    `--service-account-signing-key-file=${pki}/sa.key`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-cluster-ip-range=${cluster.serviceCidr}`,
  ]
}

function controllerManagerFlags(input: ArgumentsInput, spec: ProcessSpec): readonly string[] {
  const { cluster, paths } = input
  return [
    ...clientFlags(input, 'controller-manager', apiserverUrls(cluster, '127.0.0.1')),
    `--identity=${spec.name}`,
    `--root-ca-file=${paths.pki}/ca.crt`,
    `--service-account-private-key-file=${paths.pki}/sa.key`,
    ...(cluster.network ? [`--cluster-cidr=${cluster.network.podCidr}`] : []),
  ]
}

function kubeletFlags(input: ArgumentsInput, spec: ProcessSpec): readonly string[] {
  const { cluster, paths } = input
  if (spec.node === undefined) return fakeKubeletFlags(input)
  const network = namespaceOf(cluster, spec)
  return [
    ...clientFlags(input, spec.name, apiserverUrls(cluster, hostSeenFrom(cluster))),
    `--hostname-override=${spec.node}`,
    `--node-ip=${spec.host}`,
    `--port=${portOf(spec, 'secure')}`,
    `--root-dir=${paths.nodes}/${spec.node}`,
    `--image-dir=${paths.images}`,
    `--client-ca-file=${paths.pki}/ca.crt`,
    `--tls-cert-file=${paths.pki}/${spec.node}-server.crt`,
    `--tls-private-key-file=${paths.pki}/${spec.node}-server.key`,
    ...(network ? [`--pod-cidr=${network.podCidr}`, `--cgroup-root=${cgroupOf(cluster)}/${spec.node}`] : []),
    `--container-runtime=${cluster.runtime.kind}`,
  ]
}

function fakeKubeletFlags(input: ArgumentsInput): readonly string[] {
  const { cluster, paths } = input
  return [
    `--kubeconfig=${paths.pki}`,
    `--master=${apiserverUrls(cluster, '127.0.0.1')}`,
    `--fake-nodes=${cluster.shape.fakeNodes}`,
    '--node-ip=127.0.0.1',
    `--root-dir=${paths.nodes}`,
    `--image-dir=${paths.images}`,
    `--client-ca-file=${paths.pki}/ca.crt`,
    '--container-runtime=fake',
  ]
}

function proxyFlags(input: ArgumentsInput, spec: ProcessSpec): readonly string[] {
  const { cluster } = input
  return [
    ...clientFlags(input, spec.name, apiserverUrls(cluster, hostSeenFrom(cluster))),
    `--hostname-override=${spec.node ?? spec.name}`,
    `--proxy-mode=${cluster.network ? 'nftables' : 'none'}`,
    ...(cluster.network ? [`--cluster-cidr=${cluster.network.podCidr}`] : []),
  ]
}

function frontFlags({ cluster, paths }: ArgumentsInput, spec: ProcessSpec): readonly string[] {
  const backends = processesOfKind(cluster, 'apiserver').map((one) => `${one.host}:${portOf(one, 'secure')}`)
  return [
    `--listen-address=${spec.host}:${portOf(spec, 'secure')}`,
    `--backends=${backends.join(',')}`,
    `--ca-file=${paths.pki}/ca.crt`,
    `--cert-file=${paths.pki}/front.crt`,
    `--key-file=${paths.pki}/front.key`,
  ]
}

function clientFlags(input: ArgumentsInput, identity: string, servers: string): readonly string[] {
  return [`--kubeconfig=${input.paths.pki}/${identity}.kubeconfig`, `--master=${servers}`]
}

function namespaceOf(cluster: ClusterFile, spec: ProcessSpec): NodeNetworkSpec | undefined {
  return cluster.network?.nodes.find((node) => node.node === spec.node)
}

/** The address at which processes in a node's network namespace find the apiservers. */
function hostSeenFrom(cluster: ClusterFile): string {
  return cluster.network?.bridgeAddress ?? '127.0.0.1'
}

/** All apiservers, comma-separated: each client turns to the next when one does not answer. */
function apiserverUrls(cluster: ClusterFile, host: string): string {
  return processesOfKind(cluster, 'apiserver')
    .map((spec) => `https://${host}:${portOf(spec, 'secure')}`)
    .join(',')
}

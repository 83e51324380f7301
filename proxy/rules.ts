/**
 * From Services, EndpointSlices and the node to a table of virtual services: pure, and in no kernel's words.
 * What a renderer needs to know is all in here; what a Service may say and does not matter any more (names of
 * ports, readiness, policies' defaults) is not.
 *
 * Which endpoints get traffic: those that are ready; if none is, those that still serve while they terminate.
 * With a `Local` policy the same, among the endpoints on this node. Hints (zone or node) narrow the choice when
 * every usable endpoint carries one and at least one is meant for us.
 *
 * IPv4 only.
 *
 * Source: `pkg/proxy/topology.go`, `pkg/proxy/endpointslicecache.go`, KEP-1669, KEP-2433, KEP-4444.
 */
import type { Endpoint, EndpointSlice, Service, ServicePort } from '../api/types.ts'

export type Protocol = 'tcp' | 'udp' | 'sctp'

export interface Target {
  readonly ip: string
  readonly port: number
}

/** One port of one Service, as the kernel is to see it. */
export interface VirtualService {
  /** `namespace/name/protocol/portName`: unique, and stable while the Service lives. */
  readonly id: string
  readonly protocol: Protocol
  readonly clusterIp: string
  readonly port: number
  /** externalIPs and load balancer addresses. */
  readonly externalIps: readonly string[]
  readonly nodePort: number | undefined
  /** One client stays with one endpoint for so long after its last connection. */
  readonly affinitySeconds: number | undefined
  /** For traffic to the cluster IP. */
  readonly internal: readonly Target[]
  /** For traffic from outside, by whichever way it comes. */
  readonly external: readonly Target[]
  /** For pods and this node when they use an external address of a Service whose external policy is Local. */
  readonly cluster: readonly Target[]
  /** Local: the client's address is kept and no other node is used. */
  readonly externalPolicy: 'Cluster' | 'Local'
  /** Without internal (external) targets: reject while there are none anywhere, else drop. */
  readonly hasTargetsSomewhere: boolean
  /** Empty: everyone may use the load balancer addresses. */
  readonly sourceRanges: readonly string[]
  /** The external addresses that `sourceRanges` guards. */
  readonly guardedIps: readonly string[]
}

export interface NodeFacts {
  readonly name: string
  readonly zone: string
}

const serviceNameLabel = 'kubernetes.io/service-name'
const headlessLabel = 'service.kubernetes.io/headless'
const otherProxyLabel = 'service.kubernetes.io/service-proxy-name'
const defaultAffinitySeconds = 10_800

/** All virtual services, sorted by id. */
export function virtualServices(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  node: NodeFacts,
): readonly VirtualService[] {
  const slicesOf = groupSlices(slices)
  const found: VirtualService[] = []
  for (const service of services) {
    if (!isVirtual(service)) continue
    const key = `${service.metadata.namespace}/${service.metadata.name}`
    for (const port of service.spec?.ports ?? []) {
      found.push(virtualService({ service, port, slices: slicesOf.get(key) ?? [], node }))
    }
  }
  return found.sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** Headless Services, ExternalName Services and those that another proxy serves have no rules. */
function isVirtual({ metadata, spec }: Service): boolean {
  if (spec?.type === 'ExternalName' || metadata.labels?.[otherProxyLabel] !== undefined) return false
  const ip = spec?.clusterIP ?? ''
  return ip !== '' && ip !== 'None' && isIpv4(ip)
}

function groupSlices(slices: readonly EndpointSlice[]): ReadonlyMap<string, readonly EndpointSlice[]> {
  const groups = new Map<string, EndpointSlice[]>()
  for (const slice of slices) {
    const { namespace, labels = {} } = slice.metadata
    const name = labels[serviceNameLabel]
    if (slice.addressType !== 'IPv4' || name === undefined || labels[headlessLabel] !== undefined) continue
    const key = `${namespace}/${name}`
    const group = groups.get(key)
    if (group) group.push(slice)
    else groups.set(key, [slice])
  }
  return groups
}

interface Candidate extends Target {
  readonly isReady: boolean
  readonly isServing: boolean
  readonly isTerminating: boolean
  readonly isLocal: boolean
  readonly zones: readonly string[]
  readonly nodes: readonly string[]
}

function virtualService(options: {
  readonly service: Service
  readonly port: ServicePort
  readonly slices: readonly EndpointSlice[]
  readonly node: NodeFacts
}): VirtualService {
  const { service, port, slices, node } = options
  const { metadata, spec } = service
  const protocol = protocolOf(port.protocol)
  const candidates = candidatesFor(port, slices, node)
  const cluster = usable(narrowedByHints(candidates, node))
  const local = usable(candidates.filter(({ isLocal }) => isLocal))
  const isExternal = spec?.type === 'NodePort' || spec?.type === 'LoadBalancer'
  const externalPolicy = isExternal && spec?.externalTrafficPolicy === 'Local' ? 'Local' : 'Cluster'
  const loadBalancerIps = loadBalancerIpsOf(service)
  return {
    id: `${metadata.namespace}/${metadata.name}/${protocol}/${port.name ?? ''}`,
    protocol,
    clusterIp: spec?.clusterIP ?? '',
    port: port.port,
    externalIps: [...(spec?.externalIPs ?? []).filter(isIpv4), ...loadBalancerIps],
    nodePort: port.nodePort || undefined,
    affinitySeconds: affinityOf(service),
    internal: spec?.internalTrafficPolicy === 'Local' ? local : cluster,
    external: externalPolicy === 'Local' ? local : cluster,
    cluster,
    externalPolicy,
    hasTargetsSomewhere: usable(candidates).length > 0,
    sourceRanges: (spec?.loadBalancerSourceRanges ?? []).map((range) => range.trim()).filter(isIpv4Range),
    guardedIps: loadBalancerIps,
  }
}

function candidatesFor(
  port: ServicePort,
  slices: readonly EndpointSlice[],
  node: NodeFacts,
): readonly Candidate[] {
  const byTarget = new Map<string, Candidate>()
  for (const slice of slices) {
    const matching = (slice.ports ?? []).find(
      (other) =>
        (other.name ?? '') === (port.name ?? '') && protocolOf(other.protocol) === protocolOf(port.protocol),
    )
    if (matching?.port === undefined) continue
    for (const endpoint of slice.endpoints) {
      const [ip] = endpoint.addresses
      if (ip === undefined || !isIpv4(ip)) continue
      const candidate = candidateOf(endpoint, { ip, port: matching.port }, node)
      const key = `${ip}:${matching.port}`
      // While an endpoint moves between slices it is in both; the readier of the two is the newer.
      if (!byTarget.get(key)?.isReady) byTarget.set(key, candidate)
    }
  }
  return Array.from(byTarget.values()).sort(byTargetOrder)
}

function candidateOf(endpoint: Endpoint, target: Target, node: NodeFacts): Candidate {
  const { conditions, hints } = endpoint
  const isReady = conditions?.ready !== false
  return {
    ...target,
    isReady,
    isServing: conditions?.serving ?? isReady,
    isTerminating: conditions?.terminating === true,
    isLocal: endpoint.nodeName === node.name,
    zones: (hints?.forZones ?? []).map(({ name }) => name),
    nodes: (hints?.forNodes ?? []).map(({ name }) => name),
  }
}

/** Ready ones, or, so that a rollout never leaves a gap, those that still serve while they go. */
function usable(candidates: readonly Candidate[]): readonly Target[] {
  const ready = candidates.filter(({ isReady }) => isReady)
  const chosen = ready.length > 0 ? ready : candidates.filter((one) => one.isServing && one.isTerminating)
  return chosen.map(({ ip, port }) => ({ ip, port }))
}

function narrowedByHints(candidates: readonly Candidate[], node: NodeFacts): readonly Candidate[] {
  const ready = candidates.filter(({ isReady }) => isReady)
  const narrowed = (hintsOf: (candidate: Candidate) => readonly string[], own: string) => {
    if (own === '' || ready.some((candidate) => hintsOf(candidate).length === 0)) return []
    return ready.filter((candidate) => hintsOf(candidate).includes(own))
  }
  for (const choice of [
    narrowed(({ nodes }) => nodes, node.name),
    narrowed(({ zones }) => zones, node.zone),
  ]) {
    if (choice.length > 0) return choice
  }
  return candidates
}

function loadBalancerIpsOf({ spec, status }: Service): readonly string[] {
  if (spec?.type !== 'LoadBalancer') return []
  return (status?.loadBalancer?.ingress ?? [])
    .filter(({ ip, ipMode }) => ip !== undefined && isIpv4(ip) && ipMode !== 'Proxy')
    .map(({ ip = '' }) => ip)
}

function affinityOf({ spec }: Service): number | undefined {
  if (spec?.sessionAffinity !== 'ClientIP') return undefined
  return spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds
}

function protocolOf(text: string | undefined): Protocol {
  return text === 'UDP' ? 'udp' : text === 'SCTP' ? 'sctp' : 'tcp'
}

function byTargetOrder(a: Target, b: Target): number {
  return a.ip === b.ip ? a.port - b.port : a.ip < b.ip ? -1 : 1
}

/** Four decimal numbers: also what keeps foreign text out of the ruleset. */
export function isIpv4(text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)
}

/** An IPv4 address with or without a prefix length. */
export function isIpv4Range(text: string): boolean {
  const [ip = '', bits = '32', ...rest] = text.split('/')
  return rest.length === 0 && isIpv4(ip) && /^\d{1,2}$/.test(bits) && Number(bits) <= 32
}

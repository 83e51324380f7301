/**
 * What stands behind a Service: its pods as endpoints, grouped by the ports that they answer on (a named
 * targetPort may be another number in each pod). Shared by EndpointSlices and Endpoints. Pure.
 * Source: Kubernetes staging/src/k8s.io/endpointslice, pkg/controller/endpoint.
 */
import { isPodReady, isPodTerminal, isPodTerminating } from '../../api/core/pod-conditions.ts'
import { canonicalJson } from '../../api/meta/json.ts'
import type { Pod, Service, ServicePort } from '../../api/types.ts'
import { compareTexts } from '../framework/claim.ts'

export interface BackendPort {
  readonly name: string
  readonly port: number
  readonly protocol: string
  readonly appProtocol?: string | undefined
}

export interface Backend {
  readonly pod: Pod
  readonly address: string
  /** May get new connections. */
  readonly ready: boolean
  /** Answers, though it may be on its way out. */
  readonly serving: boolean
  readonly terminating: boolean
  readonly hostname?: string | undefined
}

/** Backends that share one list of ports, sorted by address. */
export interface BackendGroup {
  readonly ports: readonly BackendPort[]
  readonly backends: readonly Backend[]
}

export type AddressType = 'IPv4' | 'IPv6'

export function isHeadless(service: Service): boolean {
  return service.spec?.clusterIP === 'None'
}

/** The families that the Service wants slices for. */
export function addressTypes(service: Service): readonly AddressType[] {
  const families = service.spec?.ipFamilies ?? []
  if (families.length === 0) return [service.spec?.clusterIP?.includes(':') ? 'IPv6' : 'IPv4']
  return families.map((family) => (family === 'IPv6' ? 'IPv6' : 'IPv4'))
}

/** The pods' addresses of one family, grouped by ports, the groups in the order of their ports' text. */
export function backendGroups(
  service: Service,
  pods: readonly Pod[],
  type: AddressType,
): readonly BackendGroup[] {
  const groups = new Map<string, { ports: readonly BackendPort[]; backends: Backend[] }>()
  for (const pod of pods) {
    const backend = backendOf(service, pod, type)
    if (!backend) continue
    const ports = portsOf(service, pod)
    const key = canonicalJson(ports)
    const group = groups.get(key) ?? { ports, backends: [] }
    groups.set(key, group)
    group.backends.push(backend)
  }
  return [...groups]
    .sort(([a], [b]) => compareTexts(a, b))
    .map(([, { ports, backends }]) => ({ ports, backends: backends.sort(compareBackends) }))
}

function compareBackends(a: Backend, b: Backend): number {
  return compareTexts(a.address, b.address) || compareTexts(a.pod.metadata.uid, b.pod.metadata.uid)
}

/** Undefined for a pod without an address of that family, or that has ended. */
function backendOf(service: Service, pod: Pod, type: AddressType): Backend | undefined {
  if (isPodTerminal(pod)) return undefined
  const ips = pod.status?.podIPs?.map(({ ip }) => ip) ?? (pod.status?.podIP ? [pod.status.podIP] : [])
  const address = ips.find((ip) => ip.includes(':') === (type === 'IPv6'))
  if (!address) return undefined
  const terminating = isPodTerminating(pod)
  const serving = isPodReady(pod)
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating)
  const { hostname, subdomain } = pod.spec ?? {}
  const isNamed = hostname && subdomain === service.metadata.name
  return { pod, address, ready, serving, terminating, ...(isNamed ? { hostname } : {}) }
}

function portsOf(service: Service, pod: Pod): readonly BackendPort[] {
  return (service.spec?.ports ?? []).flatMap((servicePort) => {
    const port = targetPort(servicePort, pod)
    if (port === undefined) return []
    const { name = '', protocol = 'TCP', appProtocol } = servicePort
    return [{ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }]
  })
}

/** The number behind a targetPort in this pod; undefined when no container names it so. */
export function targetPort(servicePort: ServicePort, pod: Pod): number | undefined {
  const target = servicePort.targetPort ?? servicePort.port
  if (typeof target === 'number') return target === 0 ? servicePort.port : target
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
  const named = containers
    .flatMap(({ ports }) => ports ?? [])
    .find(({ name, protocol = 'TCP' }) => name === target && protocol === (servicePort.protocol ?? 'TCP'))
  return named?.containerPort
}

/**
 * Connections of UDP Services that the kernel goes on sending to where the rules no longer point: UDP has no
 * end, so conntrack keeps an entry for as long as packets come. Pure.
 *
 * Source: `pkg/proxy/conntrack/cleanup.go`.
 */
import type { Target, VirtualService } from './rules.ts'

/** What to delete of the connection tracking table. Exactly one of the two kinds of original destination. */
export interface StaleFlow {
  readonly originalIp: string | undefined
  readonly nodePort: number | undefined
  /** Only flows to this endpoint; undefined: all flows, which were made while there was no endpoint. */
  readonly endpointIp: string | undefined
}

/** Flows made stale by the change from `previous` to `next`. */
export function staleFlows(
  previous: readonly VirtualService[],
  next: readonly VirtualService[],
): readonly StaleFlow[] {
  const nextById = new Map(next.map((service) => [service.id, service]))
  const previousById = new Map(previous.map((service) => [service.id, service]))
  const flows: StaleFlow[] = []
  for (const service of previous) {
    if (service.protocol !== 'udp') continue
    const stillThere = new Set(targetsOf(nextById.get(service.id)).map(({ ip }) => ip))
    for (const { ip } of targetsOf(service)) {
      if (!stillThere.has(ip)) flows.push(...flowsOf(service, ip))
    }
  }
  for (const service of next) {
    if (service.protocol !== 'udp' || targetsOf(service).length === 0) continue
    if (targetsOf(previousById.get(service.id)).length === 0) flows.push(...flowsOf(service, undefined))
  }
  return unique(flows)
}

function flowsOf(service: VirtualService, endpointIp: string | undefined): readonly StaleFlow[] {
  const byIp = [service.clusterIp, ...service.externalIps].map((originalIp) => ({
    originalIp,
    nodePort: undefined,
    endpointIp,
  }))
  if (service.nodePort === undefined) return byIp
  return [...byIp, { originalIp: undefined, nodePort: service.nodePort, endpointIp }]
}

function targetsOf(service: VirtualService | undefined): readonly Target[] {
  return service ? [...service.internal, ...service.external, ...service.cluster] : []
}

function unique(flows: readonly StaleFlow[]): readonly StaleFlow[] {
  const byText = new Map(
    flows.map((flow) => [`${flow.originalIp} ${flow.nodePort} ${flow.endpointIp}`, flow]),
  )
  return Array.from(byText.values())
}

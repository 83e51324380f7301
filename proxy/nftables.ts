/**
 * Virtual services as an nftables table. Pure: services in, a table as data out; `nft-script.ts` turns two such
 * tables into the commands that lead from one to the other.
 *
 *   nat-prerouting, nat-output ─▶ services ─▶ @service-ips ─────▶ service-… ─▶ endpoint-… (dnat)
 *                                    │                    └──▶ external-… ─┬▶ service-…
 *                                    └─▶ @service-nodeports ──▶ external-… └▶ local-… ─▶ endpoint-…
 *   nat-postrouting ─▶ masquerading (what was marked)
 *   filter-* ─▶ @no-endpoint-services, @no-endpoint-nodeports (reject, drop), @cluster-ips (reject), @firewall-ips
 *
 * A lookup costs the same with one Service and with ten thousand: maps, not lists of rules. Of several
 * endpoints a random number chooses one. Traffic that must come back through this node is marked and
 * masqueraded: traffic to cluster IPs from outside the cluster, external traffic (unless the policy is Local),
 * and an endpoint that speaks to itself (hairpin).
 *
 * Source: `pkg/proxy/nftables` (README and proxier.go), KEP-3866.
 */
import type { Target, VirtualService } from './rules.ts'

export interface NftChain {
  /** `type nat hook prerouting priority dstnat` for a chain that the kernel enters by itself. */
  readonly hook?: string
  readonly rules: readonly string[]
}

export interface NftSet {
  /** The whole declaration: `type …; flags …`. */
  readonly declaration: string
  /** Undefined: filled by the kernel and not ours to change. */
  readonly elements?: readonly string[]
}

/** A table: names to contents. `maps` by key, giving a verdict. */
export interface NftTable {
  readonly chains: ReadonlyMap<string, NftChain>
  readonly sets: ReadonlyMap<string, NftSet>
  readonly maps: ReadonlyMap<
    string,
    { readonly type: string; readonly verdicts: ReadonlyMap<string, string> }
  >
}

export interface NetworkFacts {
  /** Where pods have their addresses; '' when it is not known, then nothing counts as outside. */
  readonly clusterCidr: string
  /**
   * This node's own pod range, where bridged traffic does not pass netfilter: then an answer from one pod to
   * another on the same bridge would not find its way back through the translation, so it is masqueraded.
   */
  readonly unfilteredBridgeCidr: string | undefined
}

/** Upstream's mark for packets that are to be masqueraded. */
const masqueradeMark = '0x4000'
const reject = 'goto reject-chain'

/** The table for these services. `digest` shortens long names, the same way for the same name. */
export function nftTable(
  services: readonly VirtualService[],
  network: NetworkFacts,
  digest: (text: string) => string,
): NftTable {
  const builder = new TableBuilder(network, digest)
  for (const service of services) builder.add(service)
  return builder.build()
}

class TableBuilder {
  readonly #chains = new Map<string, NftChain>()
  readonly #sets = new Map<string, NftSet>()
  readonly #serviceIps = new Map<string, string>()
  readonly #serviceNodePorts = new Map<string, string>()
  readonly #noEndpointServices = new Map<string, string>()
  readonly #noEndpointNodePorts = new Map<string, string>()
  readonly #firewallIps = new Map<string, string>()
  readonly #clusterIps = new Set<string>()
  readonly #network: NetworkFacts
  readonly #digest: (text: string) => string

  constructor(network: NetworkFacts, digest: (text: string) => string) {
    this.#network = network
    this.#digest = digest
  }

  add(service: VirtualService): void {
    const { protocol, port, clusterIp } = service
    this.#clusterIps.add(clusterIp)
    const serviceChain = this.#serviceChain('service', service, service.internal)
    const internalKey = `${clusterIp} . ${protocol} . ${port}`
    if (serviceChain) this.#serviceIps.set(internalKey, `goto ${serviceChain}`)
    else this.#noEndpointServices.set(internalKey, verdictWithoutTargets(service))
    this.#addExternal(service)
    this.#addFirewall(service)
  }

  build(): NftTable {
    for (const [name, chain] of baseChains(this.#network)) this.#chains.set(name, chain)
    this.#sets.set('cluster-ips', { declaration: 'type ipv4_addr', elements: Array.from(this.#clusterIps) })
    const byAddress = 'ipv4_addr . inet_proto . inet_service : verdict'
    const byPort = 'inet_proto . inet_service : verdict'
    return {
      chains: this.#chains,
      sets: this.#sets,
      maps: new Map([
        ['service-ips', { type: byAddress, verdicts: this.#serviceIps }],
        ['service-nodeports', { type: byPort, verdicts: this.#serviceNodePorts }],
        ['no-endpoint-services', { type: byAddress, verdicts: this.#noEndpointServices }],
        ['no-endpoint-nodeports', { type: byPort, verdicts: this.#noEndpointNodePorts }],
        ['firewall-ips', { type: byAddress, verdicts: this.#firewallIps }],
      ]),
    }
  }

  #addExternal(service: VirtualService): void {
    const { protocol, port, externalIps, nodePort } = service
    if (externalIps.length === 0 && nodePort === undefined) return
    const chain = this.#externalChain(service)
    for (const ip of externalIps) {
      const key = `${ip} . ${protocol} . ${port}`
      if (chain) this.#serviceIps.set(key, `goto ${chain}`)
      if (service.external.length === 0) this.#noEndpointServices.set(key, verdictWithoutTargets(service))
    }
    if (nodePort === undefined) return
    const key = `${protocol} . ${nodePort}`
    if (chain) this.#serviceNodePorts.set(key, `goto ${chain}`)
    if (service.external.length === 0) this.#noEndpointNodePorts.set(key, verdictWithoutTargets(service))
  }

  /** Undefined when nobody could use it. */
  #externalChain(service: VirtualService): string | undefined {
    const name = this.#name('external', service.id)
    if (service.externalPolicy === 'Cluster') {
      const all = this.#serviceChain('cluster', service, service.external)
      if (all === undefined) return undefined
      this.#chains.set(name, { rules: ['jump mark-for-masquerade', `goto ${all}`] })
      return name
    }
    const everywhere = this.#serviceChain('cluster', service, service.cluster)
    const here = this.#serviceChain('local', service, service.external)
    if (everywhere === undefined && here === undefined) return undefined
    const rules: string[] = []
    const { clusterCidr } = this.#network
    if (everywhere) {
      if (clusterCidr !== '') rules.push(`ip saddr ${clusterCidr} goto ${everywhere}`)
      rules.push('fib saddr type local jump mark-for-masquerade', `fib saddr type local goto ${everywhere}`)
    }
    if (here) rules.push(`goto ${here}`)
    this.#chains.set(name, { rules })
    return name
  }

  /** The chain that chooses among targets; undefined when there are none. */
  #serviceChain(
    kind: 'service' | 'cluster' | 'local',
    service: VirtualService,
    targets: readonly Target[],
  ): string | undefined {
    if (targets.length === 0) return undefined
    const name = this.#name(kind, service.id)
    const rules: string[] = []
    const { clusterCidr } = this.#network
    if (kind === 'service' && clusterCidr !== '') {
      const { clusterIp, protocol, port } = service
      rules.push(
        `ip daddr ${clusterIp} ${protocol} dport ${port} ip saddr != ${clusterCidr} jump mark-for-masquerade`,
      )
    }
    const chains = targets.map((target) => this.#endpoint(service, target))
    if (service.affinitySeconds !== undefined) {
      for (const { chain, affinity } of chains) rules.push(`ip saddr @${affinity} goto ${chain}`)
    }
    const choices = chains.map(({ chain }, index) => `${index} : goto ${chain}`).join(', ')
    rules.push(`numgen random mod ${targets.length} vmap { ${choices} }`)
    this.#chains.set(name, { rules })
    return name
  }

  #endpoint(
    service: VirtualService,
    { ip, port }: Target,
  ): { readonly chain: string; readonly affinity: string } {
    const id = `${service.id}__${ip}/${port}`
    const chain = this.#name('endpoint', id)
    const affinity = this.#affinityName(service, id)
    if (this.#chains.has(chain)) return { chain, affinity }
    const rules = [`ip saddr ${ip} jump mark-for-masquerade`]
    if (service.affinitySeconds !== undefined) {
      this.#sets.set(affinity, {
        declaration: `type ipv4_addr; flags dynamic,timeout; timeout ${service.affinitySeconds}s`,
      })
      rules.push(`update @${affinity} { ip saddr }`)
    }
    rules.push(`meta l4proto ${service.protocol} dnat to ${ip}:${port}`)
    this.#chains.set(chain, { rules })
    return { chain, affinity }
  }

  #addFirewall(service: VirtualService): void {
    const { guardedIps, sourceRanges, protocol, port } = service
    if (sourceRanges.length === 0) return
    const name = this.#name('firewall', service.id)
    this.#chains.set(name, { rules: [`ip saddr != { ${sourceRanges.join(', ')} } drop`] })
    for (const ip of guardedIps) this.#firewallIps.set(`${ip} . ${protocol} . ${port}`, `goto ${name}`)
  }

  /** With the time in it: a set that exists cannot be given another. */
  #affinityName({ affinitySeconds }: VirtualService, id: string): string {
    return affinitySeconds === undefined ? '' : this.#name(`affinity-${affinitySeconds}s`, id)
  }

  /** Names of chains may hold letters, digits, `/`, `.`, `-`, `_`, and 128 characters at most here. */
  #name(kind: string, id: string): string {
    const name = `${kind}-${this.#digest(id)}-${id}`
    return name.length <= nameLengthMax ? name : name.slice(0, nameLengthMax)
  }
}

const nameLengthMax = 120

/** Nobody serves it: say so at once. Somebody elsewhere does, but the policy says Local: keep silent. */
function verdictWithoutTargets({ hasTargetsSomewhere }: VirtualService): string {
  return hasTargetsSomewhere ? 'drop' : reject
}

function baseChains({ unfilteredBridgeCidr }: NetworkFacts): readonly (readonly [string, NftChain])[] {
  const checkEndpoints = [
    'ct state new ip daddr . meta l4proto . th dport vmap @no-endpoint-services',
    'ct state new fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @no-endpoint-nodeports',
  ]
  const masquerading = [
    `mark and ${masqueradeMark} == 0 return`,
    `mark set mark xor ${masqueradeMark}`,
    'masquerade fully-random',
  ]
  const bridged = unfilteredBridgeCidr
    ? [
        `ct status dnat ip saddr ${unfilteredBridgeCidr} ip daddr ${unfilteredBridgeCidr} masquerade fully-random`,
      ]
    : []
  return [
    ['reject-chain', { rules: ['reject'] }],
    ['mark-for-masquerade', { rules: [`mark set mark or ${masqueradeMark}`] }],
    ['masquerading', { rules: [...bridged, ...masquerading] }],
    [
      'services',
      {
        rules: [
          'ip daddr . meta l4proto . th dport vmap @service-ips',
          'fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @service-nodeports',
        ],
      },
    ],
    ['endpoints-check', { rules: checkEndpoints }],
    // Whatever still goes to a cluster IP here found no port of its Service.
    ['cluster-ips-check', { rules: ['ct state new ip daddr @cluster-ips reject'] }],
    ['firewall-check', { rules: ['ip daddr . meta l4proto . th dport vmap @firewall-ips'] }],
    ['nat-prerouting', { hook: 'type nat hook prerouting priority dstnat', rules: ['jump services'] }],
    ['nat-output', { hook: 'type nat hook output priority -100', rules: ['jump services'] }],
    ['nat-postrouting', { hook: 'type nat hook postrouting priority srcnat', rules: ['jump masquerading'] }],
    [
      'filter-prerouting-pre-dnat',
      { hook: 'type filter hook prerouting priority -110', rules: ['jump firewall-check'] },
    ],
    [
      'filter-output-pre-dnat',
      { hook: 'type filter hook output priority -110', rules: ['jump firewall-check'] },
    ],
    ['filter-input', { hook: 'type filter hook input priority 0', rules: ['jump endpoints-check'] }],
    [
      'filter-forward',
      {
        hook: 'type filter hook forward priority 0',
        rules: ['jump endpoints-check', 'jump cluster-ips-check'],
      },
    ],
    [
      'filter-output',
      {
        hook: 'type filter hook output priority 0',
        rules: ['jump endpoints-check', 'jump cluster-ips-check'],
      },
    ],
  ]
}

/**
 * Virtual services as input for `iptables-restore --noflush`: for kernels on which nftables' nat does not work.
 * Pure. Every chain that is named in the input is emptied and filled anew in one step; other people's chains
 * are not touched. The cost grows with the number of Services, which is why it is only the fallback.
 *
 *   PREROUTING, OUTPUT ─▶ KUBE-SERVICES ─┬▶ KUBE-SVC-… ─▶ KUBE-SEP-… (DNAT)
 *                                        ├▶ KUBE-EXT-… ─▶ KUBE-SVC-…, KUBE-SVL-…
 *                                        └▶ KUBE-NODEPORTS ─▶ KUBE-EXT-…
 *   POSTROUTING ─▶ KUBE-POSTROUTING (masquerade what KUBE-MARK-MASQ marked)
 *   INPUT, FORWARD, OUTPUT ─▶ KUBE-PROXY-CHECK (reject, drop)
 *
 * Source: `pkg/proxy/iptables/proxier.go`.
 */
import type { NetworkFacts } from './nftables.ts'
import type { Target, VirtualService } from './rules.ts'

export interface IptablesInput {
  /** What to give to `iptables-restore --noflush`. */
  readonly text: string
  /** Names of the chains in the nat table that belong to single services, to be deleted when they are no longer made. */
  readonly serviceChains: ReadonlySet<string>
}

const mark = '0x4000/0x4000'
const natChains = ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-MARK-MASQ', 'KUBE-POSTROUTING']
const filterChains = ['KUBE-PROXY-CHECK', 'KUBE-PROXY-FIREWALL']

/** The jumps from the kernel's own chains, which must exist once: table, chain, rule. */
export const iptablesJumps: readonly {
  readonly table: 'nat' | 'filter'
  readonly chain: string
  readonly rule: string
}[] = [
  { table: 'nat', chain: 'PREROUTING', rule: '-j KUBE-SERVICES' },
  { table: 'nat', chain: 'OUTPUT', rule: '-j KUBE-SERVICES' },
  { table: 'nat', chain: 'POSTROUTING', rule: '-j KUBE-POSTROUTING' },
  { table: 'filter', chain: 'INPUT', rule: '-m conntrack --ctstate NEW -j KUBE-PROXY-CHECK' },
  { table: 'filter', chain: 'FORWARD', rule: '-m conntrack --ctstate NEW -j KUBE-PROXY-CHECK' },
  { table: 'filter', chain: 'OUTPUT', rule: '-m conntrack --ctstate NEW -j KUBE-PROXY-CHECK' },
  { table: 'filter', chain: 'FORWARD', rule: '-j KUBE-PROXY-FIREWALL' },
]

/** Chains that `iptables-save` shows of an earlier life. */
export function serviceChainsIn(saved: string): ReadonlySet<string> {
  const names = saved.matchAll(/^:(KUBE-(?:SVC|SVL|EXT|SEP|CLU)-[A-Z0-9]+)/gm)
  return new Set(Array.from(names, ([, name = '']) => name))
}

/** Jumps that `iptables-save` does not show yet. */
export function missingJumps(saved: string): typeof iptablesJumps {
  return iptablesJumps.filter(({ chain, rule }) => {
    const target = rule.slice(rule.indexOf('-j '))
    return !saved.split('\n').some((line) => line.startsWith(`-A ${chain} `) && line.endsWith(target))
  })
}

/** `stale`: service chains of before, which are deleted unless they are made again. */
export function iptablesInput(options: {
  readonly services: readonly VirtualService[]
  readonly network: NetworkFacts
  readonly digest: (text: string) => string
  readonly stale: ReadonlySet<string>
  readonly jumps: typeof iptablesJumps
}): IptablesInput {
  const builder = new InputBuilder(options.network, options.digest)
  for (const service of options.services) builder.add(service)
  return builder.build(options.stale, options.jumps)
}

/** What `cleanup` gives to `iptables-restore --noflush`: everything of ours goes. */
export function iptablesRemoval(saved: string): string {
  const present = iptablesJumps.filter((jump) => !missingJumps(saved).includes(jump))
  const of = (table: string, chains: readonly string[]) => {
    const existing = chains.filter((name) => saved.includes(`\n:${name} `))
    const lines = [`*${table}`, ...existing.map((name) => `:${name} - [0:0]`)]
    for (const jump of present) if (jump.table === table) lines.push(`-D ${jump.chain} ${jump.rule}`)
    return [...lines, ...existing.map((name) => `-X ${name}`), 'COMMIT']
  }
  const nat = of('nat', [...natChains, ...serviceChainsIn(saved)])
  return `${[...nat, ...of('filter', filterChains)].join('\n')}\n`
}

class InputBuilder {
  readonly #network: NetworkFacts
  readonly #digest: (text: string) => string
  readonly #serviceChains = new Set<string>()
  readonly #nat: string[] = []
  readonly #services: string[] = []
  readonly #nodePorts: string[] = []
  readonly #checks: string[] = []
  readonly #firewall: string[] = []

  constructor(network: NetworkFacts, digest: (text: string) => string) {
    this.#network = network
    this.#digest = digest
  }

  add(service: VirtualService): void {
    const { id, protocol, port, clusterIp, externalIps, nodePort } = service
    const to = (ip: string) =>
      `-d ${ip}/32 -p ${protocol} -m ${protocol} --dport ${port} -m comment --comment "${id}"`
    const chain = this.#choice('SVC', service, service.internal)
    if (chain) {
      const { clusterCidr } = this.#network
      if (clusterCidr !== '')
        this.#nat.unshift(`-A ${chain} ! -s ${clusterCidr} ${to(clusterIp)} -j KUBE-MARK-MASQ`)
      this.#services.push(`-A KUBE-SERVICES ${to(clusterIp)} -j ${chain}`)
    } else this.#checks.push(`-A KUBE-PROXY-CHECK ${to(clusterIp)} ${verdict(service)}`)
    if (externalIps.length === 0 && nodePort === undefined) return
    const external = this.#external(service)
    const isBarren = service.external.length === 0
    for (const ip of externalIps) {
      if (external) this.#services.push(`-A KUBE-SERVICES ${to(ip)} -j ${external}`)
      if (isBarren) this.#checks.push(`-A KUBE-PROXY-CHECK ${to(ip)} ${verdict(service)}`)
    }
    this.#guard(service)
    if (nodePort === undefined) return
    const toNode = `-p ${protocol} -m ${protocol} --dport ${nodePort} -m comment --comment "${id}"`
    if (external) this.#nodePorts.push(`-A KUBE-NODEPORTS ${toNode} -j ${external}`)
    if (isBarren)
      this.#checks.push(`-A KUBE-PROXY-CHECK -m addrtype --dst-type LOCAL ${toNode} ${verdict(service)}`)
  }

  build(stale: ReadonlySet<string>, jumps: typeof iptablesJumps): IptablesInput {
    const gone = Array.from(stale).filter((name) => !this.#serviceChains.has(name))
    const declared = [...natChains, ...this.#serviceChains, ...gone]
    const jumpsOf = (table: string) =>
      jumps.filter((jump) => jump.table === table).map(({ chain, rule }) => `-A ${chain} ${rule}`)
    const { unfilteredBridgeCidr: bridge } = this.#network
    const nodePorts = '-A KUBE-SERVICES -m addrtype --dst-type LOCAL ! -d 127.0.0.0/8 -j KUBE-NODEPORTS'
    const lines = [
      '*filter',
      ...filterChains.map((name) => `:${name} - [0:0]`),
      ...jumpsOf('filter'),
      ...this.#checks,
      ...this.#firewall,
      'COMMIT',
      '*nat',
      ...declared.map((name) => `:${name} - [0:0]`),
      ...jumpsOf('nat'),
      '-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000',
      ...(bridge
        ? [
            `-A KUBE-POSTROUTING -s ${bridge} -d ${bridge} -m conntrack --ctstate DNAT -j MASQUERADE --random-fully`,
          ]
        : []),
      `-A KUBE-POSTROUTING -m mark ! --mark ${mark} -j RETURN`,
      '-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000',
      '-A KUBE-POSTROUTING -j MASQUERADE --random-fully',
      ...this.#services,
      nodePorts,
      ...this.#nodePorts,
      ...this.#nat,
      ...gone.map((name) => `-X ${name}`),
      'COMMIT',
    ]
    return { text: `${lines.join('\n')}\n`, serviceChains: this.#serviceChains }
  }

  #external(service: VirtualService): string | undefined {
    const everywhere = this.#choice('CLU', service, service.cluster)
    const here =
      service.externalPolicy === 'Local' ? this.#choice('SVL', service, service.external) : undefined
    if (everywhere === undefined && here === undefined) return undefined
    const chain = this.#declare('EXT', service.id)
    const { clusterCidr } = this.#network
    if (service.externalPolicy === 'Cluster') {
      this.#nat.push(`-A ${chain} -j KUBE-MARK-MASQ`, `-A ${chain} -j ${everywhere}`)
      return chain
    }
    if (everywhere) {
      if (clusterCidr !== '') this.#nat.push(`-A ${chain} -s ${clusterCidr} -j ${everywhere}`)
      this.#nat.push(
        `-A ${chain} -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ`,
        `-A ${chain} -m addrtype --src-type LOCAL -j ${everywhere}`,
      )
    }
    if (here) this.#nat.push(`-A ${chain} -j ${here}`)
    return chain
  }

  /** The n-th of N rules is taken with probability 1/(N−n), so that each endpoint is with 1/N. */
  #choice(
    kind: 'SVC' | 'SVL' | 'CLU',
    service: VirtualService,
    targets: readonly Target[],
  ): string | undefined {
    if (targets.length === 0) return undefined
    const chain = this.#declare(kind, service.id)
    const endpoints = targets.map((target) => ({ target, name: this.#endpoint(service, target) }))
    if (service.affinitySeconds !== undefined) {
      for (const { name } of endpoints) {
        const recent = `-m recent --name ${name} --rcheck --seconds ${service.affinitySeconds} --reap`
        this.#nat.push(`-A ${chain} ${recent} -j ${name}`)
      }
    }
    endpoints.forEach(({ name }, index) => {
      const left = targets.length - index
      const probability = (1 / left).toFixed(10)
      const chance = left > 1 ? `-m statistic --mode random --probability ${probability} ` : ''
      this.#nat.push(`-A ${chain} ${chance}-j ${name}`)
    })
    return chain
  }

  #endpoint(service: VirtualService, { ip, port }: Target): string {
    const id = `${service.id}__${ip}/${port}`
    const known = `KUBE-SEP-${this.#digest(id)}`
    if (this.#serviceChains.has(known)) return known
    const chain = this.#declare('SEP', id)
    const { protocol, affinitySeconds } = service
    const recent = affinitySeconds === undefined ? '' : `-m recent --name ${chain} --set `
    this.#nat.push(
      `-A ${chain} -s ${ip}/32 -j KUBE-MARK-MASQ`,
      `-A ${chain} -p ${protocol} ${recent}-m ${protocol} -j DNAT --to-destination ${ip}:${port}`,
    )
    return chain
  }

  #guard({ guardedIps, sourceRanges, protocol, port }: VirtualService): void {
    if (sourceRanges.length === 0) return
    for (const ip of guardedIps) {
      // The firewall sees packets after translation: it goes by the original destination, one way only.
      const to = `-p ${protocol} -m conntrack --ctdir ORIGINAL --ctorigdst ${ip} --ctorigdstport ${port}`
      for (const range of sourceRanges)
        this.#firewall.push(`-A KUBE-PROXY-FIREWALL -s ${range} ${to} -j RETURN`)
      this.#firewall.push(`-A KUBE-PROXY-FIREWALL ${to} -j DROP`)
    }
  }

  #declare(kind: string, id: string): string {
    const chain = `KUBE-${kind}-${this.#digest(id)}`
    this.#serviceChains.add(chain)
    return chain
  }
}

function verdict({ hasTargetsSomewhere }: VirtualService): string {
  return hasTargetsSomewhere ? '-j DROP' : '-j REJECT'
}

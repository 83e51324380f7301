/**
 * The two ways to tell the kernel. Each remembers what it has told, so that it can tell only what is new, and
 * forgets it when something went wrong: then the next call replaces everything.
 */
import type { KernelRules } from './kernel-rules.ts'
import { iptablesInput, iptablesRemoval, missingJumps, serviceChainsIn } from './iptables.ts'
import { nftScripts, nftTableName, removeTableScript } from './nft-script.ts'
import { type NetworkFacts, type NftTable, nftTable } from './nftables.ts'
import type { VirtualService } from './rules.ts'

export interface Dialect {
  readonly name: 'nftables' | 'iptables'
  /** Whether this kernel can carry it out; changes nothing. @throws ProcessError with the kernel's answer */
  probe(): Promise<void>
  /** Makes the kernel's rules be these. @throws ProcessError; the rules of before then hold, in whole or in part */
  apply(services: readonly VirtualService[], network: NetworkFacts): Promise<void>
  /** Looks whether someone has removed the rules; if so, the next `apply` writes all of them. */
  verify(): Promise<void>
  /** Removes everything that any earlier life has made. */
  cleanup(): Promise<void>
}

/** Names remembered by a dialect, so that a sync hashes only what is new; beyond it all are forgotten. */
const digestsMax = 200_000

function remembered(digest: Digest): Digest {
  const known = new Map<string, string>()
  return (text) => {
    const found = known.get(text)
    if (found !== undefined) return found
    if (known.size >= digestsMax) known.clear()
    const made = digest(text)
    known.set(text, made)
    return made
  }
}

/** Text to 16 characters of A–Z and 2–7, the same for the same text. */
export type Digest = (text: string) => string

const probeTable = 'ip kube-proxy-probe'
const nftProbe = [
  `add table ${probeTable}`,
  `add chain ${probeTable} endpoint`,
  `add rule ${probeTable} endpoint meta l4proto tcp dnat to 127.0.0.2:9`,
  `add chain ${probeTable} nat { type nat hook prerouting priority dstnat ; }`,
  `add rule ${probeTable} nat ip daddr 127.0.0.3 numgen random mod 1 vmap { 0 : goto endpoint }`,
  `add rule ${probeTable} nat fib daddr type local ip daddr 127.0.0.3 accept`,
  `add chain ${probeTable} post { type nat hook postrouting priority srcnat ; }`,
  `add rule ${probeTable} post ip daddr 127.0.0.3 masquerade fully-random`,
  `delete table ${probeTable}`,
  '',
].join('\n')

export function nftablesDialect(kernel: KernelRules, digest: Digest): Dialect {
  let applied: NftTable | undefined
  const shortDigest = remembered((text) => digest(text).slice(0, 8))
  return {
    name: 'nftables',
    probe: () => kernel.nft(nftProbe),
    async apply(services, network) {
      const next = nftTable(services, network, shortDigest)
      const { apply, cleanUp } = nftScripts(applied, next)
      applied = undefined
      if (apply !== '') await kernel.nft(apply)
      if (cleanUp !== '') await kernel.nft(cleanUp)
      applied = next
    },
    async verify() {
      try {
        await kernel.nft(`list chain ip ${nftTableName} services\n`)
      } catch {
        applied = undefined
      }
    },
    async cleanup() {
      applied = undefined
      await kernel.nft(removeTableScript)
    },
  }
}

const iptablesProbe = [
  '*nat',
  ':KUBE-PROXY-PROBE - [0:0]',
  '-A KUBE-PROXY-PROBE -p tcp -m tcp --dport 9 -m statistic --mode random --probability 0.5 -j DNAT --to-destination 127.0.0.2:9',
  '-A KUBE-PROXY-PROBE -m addrtype --dst-type LOCAL -j RETURN',
  '-F KUBE-PROXY-PROBE',
  '-X KUBE-PROXY-PROBE',
  'COMMIT',
  '',
].join('\n')

export function iptablesDialect(kernel: KernelRules, digest: Digest): Dialect {
  const knownDigest = remembered(digest)
  let text: string | undefined
  let chains: ReadonlySet<string> = new Set()
  return {
    name: 'iptables',
    probe: () => kernel.iptablesRestore(iptablesProbe),
    async apply(services, network) {
      const isFirst = text === undefined
      const saved = isFirst ? await kernel.iptablesSave() : ''
      const input = iptablesInput({
        services,
        network,
        digest: knownDigest,
        stale: isFirst ? serviceChainsIn(saved) : chains,
        jumps: isFirst ? missingJumps(saved) : [],
      })
      if (input.text === text) return
      text = undefined
      await kernel.iptablesRestore(input.text)
      text = input.text
      chains = input.serviceChains
    },
    async verify() {
      if (missingJumps(await kernel.iptablesSave()).length > 0) text = undefined
    },
    async cleanup() {
      text = undefined
      chains = new Set()
      await kernel.iptablesRestore(iptablesRemoval(await kernel.iptablesSave()))
    },
  }
}

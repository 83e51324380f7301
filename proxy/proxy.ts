/**
 * kube-proxy: watches Services, EndpointSlices and its own Node, and keeps the kernel's rules in step with them.
 * Runs in the network namespace of its node. Its end leaves the rules where they are, so that a restart is not
 * felt; `removeProxyRules` takes them away.
 */
import { nodes } from '../api/core/node.ts'
import { services } from '../api/core/service.ts'
import { endpointSlices } from '../api/discovery/endpoint-slice.ts'
import type { EndpointSlice, Node, Service } from '../api/types.ts'
import { type ApiClient, createInformers, type Informer } from '../client/index.ts'
import { messageOf } from '../platform/assert.ts'
import { formatTime } from '../platform/clock.ts'
import type { Crypto } from '../platform/crypto.ts'
import type { Address, HttpResponse, Listener } from '../platform/network.ts'
import type { Component, Powers } from '../platform/powers.ts'
import { TaskGroup } from '../platform/tasks.ts'
import { type Dialect, type Digest, iptablesDialect, nftablesDialect } from './dialects.ts'
import type { KernelRules } from './kernel-rules.ts'
import type { NetworkFacts } from './nftables.ts'
import { isIpv4Range, type VirtualService, virtualServices } from './rules.ts'
import { staleFlows } from './stale-flows.ts'
import { SyncLoop } from './sync-loop.ts'

/** `none`: watch and report, but touch no kernel (fake nodes). */
export type ProxyMode = 'nftables' | 'iptables' | 'none'

export interface ProxyConfig {
  readonly nodeName: string
  readonly client: ApiClient
  /** `nftables` falls back to `iptables` where the kernel cannot do it. */
  readonly mode: ProxyMode
  /** Where pods have their addresses; '' when not known. */
  readonly clusterCidr: string
  readonly kernel: KernelRules
  /** Serves /healthz and /livez there. */
  readonly healthz?: Address
  /** Between two changes of the rules at least. Default 100 ms. */
  readonly minSyncMs?: number
  /** A look whether the rules are still there at least that often. Default 30 s. */
  readonly maxSyncMs?: number
}

export interface ProxyHealth {
  readonly isHealthy: boolean
  /** RFC 3339 of the last success; undefined before the first. */
  readonly lastUpdated: string | undefined
  /** What is in use. */
  readonly mode: ProxyMode
}

export interface Proxy extends Component {
  readonly mode: ProxyMode
  health(): ProxyHealth
  /** Where /healthz is served. */
  readonly healthzAddress: Address | undefined
}

export type ProxyPowers = Pick<
  Powers,
  'clock' | 'random' | 'crypto' | 'network' | 'log' | 'metrics' | 'fatal'
>

const defaultMinSyncMs = 100
const defaultMaxSyncMs = 30_000

/**
 * Resolves when the kernel's abilities are known and the watching has begun; needs no reachable apiserver.
 * @throws when neither nftables nor iptables work here, with both answers
 */
export async function startProxy(powers: ProxyPowers, config: ProxyConfig): Promise<Proxy> {
  const dialect = await chooseDialect(powers, config)
  const worker = new ProxyWorker(powers, config, dialect)
  const listener = config.healthz && (await serveHealth(powers, config.healthz, () => worker.health()))
  worker.start()
  return {
    mode: worker.mode,
    health: () => worker.health(),
    healthzAddress: listener?.address,
    async close() {
      await listener?.close()
      await worker.close()
    },
  }
}

/** Removes what any earlier proxy has told this kernel, in both dialects. Missing tools are fine. */
export async function removeProxyRules(
  powers: Pick<Powers, 'crypto' | 'log'>,
  kernel: KernelRules,
): Promise<void> {
  const digest = digestWith(powers.crypto)
  for (const dialect of [nftablesDialect(kernel, digest), iptablesDialect(kernel, digest)]) {
    try {
      await dialect.cleanup()
    } catch (error) {
      powers.log.debug(`${dialect.name}: nothing cleaned up`, { error: messageOf(error) })
    }
  }
}

async function chooseDialect(powers: ProxyPowers, config: ProxyConfig): Promise<Dialect | undefined> {
  if (config.mode === 'none') return undefined
  const digest = digestWith(powers.crypto)
  const nft = nftablesDialect(config.kernel, digest)
  const iptables = iptablesDialect(config.kernel, digest)
  const failures: string[] = []
  for (const dialect of config.mode === 'nftables' ? [nft, iptables] : [iptables]) {
    try {
      await dialect.probe()
      if (failures.length > 0) {
        powers.log.warn('nftables does not work on this kernel: using iptables instead', {
          found: failures.join('; '),
        })
      }
      return dialect
    } catch (error) {
      failures.push(`${dialect.name}: ${messageOf(error)}`)
    }
  }
  throw new Error(
    `start the proxy of node ${config.nodeName}: this kernel takes no Service rules (${failures.join('; ')}); ` +
      'run it as root with nftables or iptables installed, or with --proxy-mode=none',
  )
}

class ProxyWorker {
  readonly mode: ProxyMode
  readonly #powers: ProxyPowers
  readonly #config: ProxyConfig
  readonly #dialect: Dialect | undefined
  readonly #tasks: TaskGroup
  readonly #loop: SyncLoop
  readonly #maxSyncMs: number
  #applied: readonly VirtualService[] = []
  #bridgesAreFiltered = false

  constructor(powers: ProxyPowers, config: ProxyConfig, dialect: Dialect | undefined) {
    this.#powers = powers
    this.#config = config
    this.#dialect = dialect
    this.mode = dialect?.name ?? 'none'
    this.#tasks = new TaskGroup((error) => powers.fatal(error))
    this.#maxSyncMs = config.maxSyncMs ?? defaultMaxSyncMs
    this.#loop = new SyncLoop({
      clock: powers.clock,
      minIntervalMs: config.minSyncMs ?? defaultMinSyncMs,
      maxIntervalMs: this.#maxSyncMs,
      sync: (isRegular) => this.#sync(isRegular),
      onFailure: (error, failures, retryMs) =>
        powers.log.error('could not change the rules', { error: messageOf(error), failures, retryMs }),
    })
  }

  #sources: { services: Informer<Service>; slices: Informer<EndpointSlice>; node: Informer<Node> } | undefined

  start(): void {
    const informers = createInformers(this.#powers, this.#config.client, this.#tasks)
    const others = '!service.kubernetes.io/service-proxy-name'
    const sources = {
      services: informers.for(services, { labelSelector: others }),
      slices: informers.for(endpointSlices, { labelSelector: `!service.kubernetes.io/headless,${others}` }),
      node: informers.for(nodes, { fieldSelector: `metadata.name=${this.#config.nodeName}` }),
    }
    this.#sources = sources
    const touch = () => this.#loop.touch()
    sources.services.onChange({ add: touch, update: touch, delete: touch })
    sources.slices.onChange({ add: touch, update: touch, delete: touch })
    let facts = ''
    const nodeChanged = (node: Node) => {
      // Heartbeats change the Node all the time; only these two matter.
      const now = `${zoneOf(node)} ${node.spec?.podCIDR}`
      if (now !== facts) touch()
      facts = now
    }
    sources.node.onChange({ add: nodeChanged, update: (_previous, next) => nodeChanged(next) })
    informers.start()
    this.#tasks.run('proxy', async (signal) => {
      await this.#prepareKernel()
      await informers.waitForSync(signal)
      this.#loop.touch()
      await this.#loop.run(signal)
    })
  }

  health(): ProxyHealth {
    const { clock } = this.#powers
    const nowMs = clock.monotonicMs()
    const { dirtySinceMs, lastSyncedMs } = this.#loop
    const isLate = dirtySinceMs !== undefined && nowMs - dirtySinceMs > 2 * this.#maxSyncMs
    const lastUpdated =
      lastSyncedMs === undefined ? undefined : formatTime(clock.wallMs() - (nowMs - lastSyncedMs))
    return { isHealthy: lastSyncedMs !== undefined && !isLate, lastUpdated, mode: this.mode }
  }

  close(): Promise<void> {
    return this.#tasks.close()
  }

  async #prepareKernel(): Promise<void> {
    if (this.#dialect === undefined) return
    const { kernel } = this.#config
    this.#bridgesAreFiltered = await kernel.filterBridges().catch(() => false)
    const isForwarding = await kernel.forwardPackets().catch(() => false)
    if (!isForwarding)
      this.#powers.log.warn('this node does not forward packets: pods reach nothing beyond it')
  }

  async #sync(isRegular: boolean): Promise<void> {
    if (this.#dialect === undefined || this.#sources === undefined) return
    const node = this.#sources.node.get(undefined, this.#config.nodeName)
    const next = virtualServices(this.#sources.services.list(), this.#sources.slices.list(), {
      name: this.#config.nodeName,
      zone: node ? zoneOf(node) : '',
    })
    const { clusterCidr } = this.#config
    const podCidr = node?.spec?.podCIDR ?? ''
    const network: NetworkFacts = {
      clusterCidr: isIpv4Range(clusterCidr) ? clusterCidr : '',
      unfilteredBridgeCidr: this.#bridgesAreFiltered || !isIpv4Range(podCidr) ? undefined : podCidr,
    }
    if (isRegular) await this.#dialect.verify()
    await this.#dialect.apply(next, network)
    const flows = staleFlows(this.#applied, next)
    this.#applied = next
    for (const flow of flows) {
      await this.#config.kernel.deleteFlow(flow).catch((error: unknown) => {
        this.#powers.log.warn('could not end stale UDP flows', { ...flow, error: messageOf(error) })
      })
    }
  }
}

function zoneOf(node: Node): string {
  return node.metadata.labels?.['topology.kubernetes.io/zone'] ?? ''
}

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Base32 of the first 80 bits of SHA-256, as upstream names its chains. */
export function digestWith(crypto: Crypto): Digest {
  return (text) => {
    let digest = ''
    let bits = 0
    let bitCount = 0
    for (const byte of crypto.digest(text).subarray(0, 10)) {
      bits = (bits << 8) | byte
      bitCount += 8
      while (bitCount >= 5) {
        bitCount -= 5
        digest += base32[(bits >> bitCount) & 31]
      }
      bits &= (1 << bitCount) - 1
    }
    return digest
  }
}

async function serveHealth(
  powers: ProxyPowers,
  address: Address,
  health: () => ProxyHealth,
): Promise<Listener> {
  const respond = (url: string): HttpResponse => {
    const headers = { 'content-type': 'application/json' }
    const { isHealthy, lastUpdated } = health()
    const body = JSON.stringify({ lastUpdated, currentTime: formatTime(powers.clock.wallMs()) })
    const [path] = url.split('?')
    if (path === '/livez' || path === '/healthz') return { status: isHealthy ? 200 : 503, headers, body }
    return { status: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found\n' }
  }
  return powers.network.listenHttp({
    address,
    tls: undefined,
    handler: { request: async (request) => respond(request.url) },
  })
}

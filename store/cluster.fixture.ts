/** A store cluster in a simulated world, for the tests of this room: production members on pretended machines. */
import { defined } from '../platform/assert.ts'
import { seededRandom } from '../platform/random.ts'
import { type SimProcess, SimWorld, simIdentity } from '../platform/sim/index.ts'
import { MemoryBackendHost } from './backend/memory/memory-backend.ts'
import { createStoreClient, type StoreClient } from './client/index.ts'
import { type StoreMember, type StoreMemberConfig, startStoreMember } from './index.ts'

export interface FixtureMember {
  readonly name: string
  readonly host: MemoryBackendHost
  process: SimProcess
  member: StoreMember | undefined
}

export interface FixtureOptions {
  readonly seed: bigint
  readonly members?: number
  readonly config?: Partial<StoreMemberConfig>
}

const tls = simIdentity('store ca', 'member', [])

export class ClusterFixture {
  readonly world: SimWorld
  readonly members: readonly FixtureMember[]
  readonly #options: FixtureOptions
  readonly #names: readonly string[]

  constructor(options: FixtureOptions) {
    this.#options = options
    this.world = new SimWorld(options.seed)
    this.#names = Array.from({ length: options.members ?? 3 }, (_, i) => `m${i + 1}`)
    this.members = this.#names.map((name) => {
      const machine = this.world.machine(name)
      const process = this.world.startProcess({ name, machine })
      // A machine of its own: neither a kill nor a power cut stops a disk's timers.
      const disk = this.world.startProcess({
        name: `${name}-disk`,
        machine: this.world.machine(`${name}-disk`),
      })
      const host = new MemoryBackendHost({ clock: disk.powers.clock })
      return { name, process, host, member: undefined }
    })
  }

  /** Starts every member. */
  async start(): Promise<void> {
    await Promise.all(this.members.map((member) => this.startMember(member)))
  }

  async startMember(at: FixtureMember): Promise<void> {
    const starting = startStoreMember(at.process.powers, {
      name: at.name,
      dataDir: '/data',
      initialCluster: this.#names.map((name) => ({ name, address: { host: name, port: 2380 } })),
      initialClusterToken: 'token',
      listenPeer: { host: at.name, port: 2380 },
      listenClient: { host: at.name, port: 2379 },
      tls,
      peerTls: tls,
      backend: at.host,
      ...this.#options.config,
    })
    at.member = await this.settle(starting)
  }

  /** kill -9. */
  kill(at: FixtureMember): void {
    this.world.kill(at.process)
    at.host.kill()
    at.member = undefined
  }

  /** A power cut: un-synced bytes and un-checkpointed batches are lost. */
  cutPower(at: FixtureMember, seed: bigint): void {
    this.world.cutPower(at.process.machine)
    at.host.crash(seededRandom(seed))
    at.member = undefined
  }

  /** A killed member comes back on its machine. */
  async restart(at: FixtureMember): Promise<void> {
    at.process = this.world.startProcess({ name: at.name, machine: at.process.machine })
    await this.startMember(at)
  }

  client(name = 'client', hosts: readonly string[] = this.#names): StoreClient {
    const { powers } = this.world.startProcess({ name, machine: this.world.machine(name) })
    return createStoreClient(powers, {
      endpoints: hosts.map((host) => ({ host, port: 2379 })),
      tls: simIdentity('store ca', name),
    })
  }

  leader(): FixtureMember | undefined {
    return this.members.find(({ member }) => member?.status().role === 'leader')
  }

  async waitForLeader(): Promise<FixtureMember> {
    await this.world.runUntil(() => this.leader() !== undefined, 10_000)
    return defined(this.leader(), 'leader')
  }

  /** Runs the world until a promise has settled. */
  async settle<T>(promise: Promise<T>, timeoutMs = 60_000): Promise<T> {
    let isSettled = false
    const watched = promise.finally(() => {
      isSettled = true
    })
    watched.catch(() => {}) // the caller awaits `promise` and hears of it there
    const inTime = await this.world.runUntil(() => isSettled, timeoutMs, 1)
    if (!inTime) throw new Error(`never settled; violations: ${JSON.stringify(this.world.violations)}`)
    return promise
  }
}

const encoder = new TextEncoder()

export const bytes = (text: string): Uint8Array => encoder.encode(text)
export const text = (value: Uint8Array): string => new TextDecoder().decode(value)

/** A transaction of one put. */
export function putOf(
  key: string,
  value: string,
  options?: { readonly lease?: string; readonly prevKv?: boolean },
) {
  return {
    compare: [],
    success: [{ type: 'put' as const, key: bytes(key), value: bytes(value), ...options }],
    failure: [],
  }
}

/** A transaction of one delete. */
export function deleteOf(key: string, rangeEnd?: string) {
  const end = rangeEnd === undefined ? {} : { rangeEnd: bytes(rangeEnd) }
  return { compare: [], success: [{ type: 'delete' as const, key: bytes(key), ...end }], failure: [] }
}

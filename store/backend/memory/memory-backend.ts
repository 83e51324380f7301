/**
 * The backend in memory: for the simulation and for tests. The host outlives the member, as a disk
 * outlives a process; `crash` loses batches that no checkpoint covers, from the end and from the middle,
 * as LevelDB does at a power cut.
 */
import type { Clock } from '../../../platform/clock.ts'
import type { Random } from '../../../platform/random.ts'
import { BackendError } from '../../errors.ts'
import { fromKeyText, toKeyText } from '../../mvcc/key.ts'
import type {
  Backend,
  BackendEntry,
  BackendEvents,
  BackendHost,
  BackendRange,
  BackendSnapshot,
  BackendStatus,
  BackendWrite,
} from '../backend.ts'

type Contents = Map<string, Uint8Array>

/** What lies on the pretended disk of one generation. */
interface Generation {
  durable: Contents
  /** Batches that no checkpoint covers yet, oldest first. */
  pending: (readonly BackendWrite[])[]
  /** Grows with each crash and each opening: a backend of an earlier life is dead. */
  life: number
  isOpen: boolean
}

function applyBatch(contents: Contents, batch: readonly BackendWrite[]): void {
  for (const { key, value } of batch) {
    if (value === undefined) contents.delete(toKeyText(key))
    else contents.set(toKeyText(key), value)
  }
}

export interface MemoryBackendOptions {
  readonly clock: Clock
  /** How long a checkpoint takes. Default 5. */
  readonly checkpointMs?: number
}

/** A pretended disk that holds one member's generations. */
export class MemoryBackendHost implements BackendHost {
  readonly #clock: Clock
  readonly #checkpointMs: number
  readonly #generations = new Map<string, Generation>()
  #isFull = false

  constructor(options: MemoryBackendOptions) {
    this.#clock = options.clock
    this.#checkpointMs = options.checkpointMs ?? 5
  }

  open(name: string, events: BackendEvents): Promise<Backend> {
    const found = this.#generations.get(name)
    const generation = found ?? { durable: new Map(), pending: [], life: 0, isOpen: false }
    if (generation.isOpen) {
      return Promise.reject(new BackendError('locked', `backend ${name} is open already`))
    }
    this.#generations.set(name, generation)
    generation.isOpen = true
    generation.life += 1
    return Promise.resolve(
      new MemoryBackend(generation, {
        clock: this.#clock,
        checkpointMs: this.#checkpointMs,
        isFull: () => this.#isFull,
        events,
      }),
    )
  }

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.#generations.keys()].sort())
  }

  remove(name: string): Promise<void> {
    this.#generations.delete(name)
    return Promise.resolve()
  }

  /** All of it gone, as when a disk is replaced. */
  wipe(): void {
    for (const generation of this.#generations.values()) generation.life += 1
    this.#generations.clear()
  }

  /** Full: batches stay un-durable and checkpoints fail until there is room again. */
  setFull(isFull: boolean): void {
    this.#isFull = isFull
  }

  /** A power cut: of the batches without a checkpoint a random subset survives. Open backends are dead. */
  crash(random: Random): void {
    for (const generation of this.#generations.values()) {
      const { pending } = generation
      // The log in use may be cut anywhere; the one before it may have lost a stretch or all of its tail.
      const kept = random.int(pending.length + 1)
      const holeStart = random.int(kept + 1)
      const holeEnd = random.int(3) === 0 ? holeStart : holeStart + random.int(kept - holeStart + 1)
      pending.forEach((batch, i) => {
        if (i < kept && (i < holeStart || i >= holeEnd)) applyBatch(generation.durable, batch)
      })
      generation.pending = []
      this.#release(generation)
    }
  }

  /** kill -9: the process is gone, the operating system keeps all it was given. */
  kill(): void {
    for (const generation of this.#generations.values()) this.#release(generation)
  }

  #release(generation: Generation): void {
    generation.life += 1
    generation.isOpen = false
  }

  /** Flips one bit of a stored value whose key starts with `prefix`; false when there is none. */
  harm(prefix: string, random: Random): boolean {
    for (const generation of this.#generations.values()) {
      for (const batch of generation.pending) applyBatch(generation.durable, batch)
      generation.pending = []
      const keys = [...generation.durable.keys()].filter((key) => key.startsWith(prefix)).sort()
      const key = keys[keys.length === 0 ? 0 : random.int(keys.length)]
      const value = key === undefined ? undefined : generation.durable.get(key)
      if (key === undefined || value === undefined || value.length === 0) continue
      const harmed = value.slice()
      const at = random.int(harmed.length)
      harmed[at] = (harmed[at] ?? 0) ^ (1 << random.int(8))
      generation.durable.set(key, harmed)
      return true
    }
    return false
  }
}

interface MemoryBackendContext {
  readonly clock: Clock
  readonly checkpointMs: number
  readonly isFull: () => boolean
  readonly events: BackendEvents
}

class MemoryBackend implements Backend {
  readonly #generation: Generation
  readonly #context: MemoryBackendContext
  readonly #life: number
  readonly #contents: Contents
  #sizeBytes = 0

  constructor(generation: Generation, context: MemoryBackendContext) {
    this.#generation = generation
    this.#context = context
    this.#life = generation.life
    this.#contents = new Map(generation.durable)
    for (const batch of generation.pending) applyBatch(this.#contents, batch)
    for (const value of this.#contents.values()) this.#sizeBytes += value.length
  }

  get #isAlive(): boolean {
    return this.#generation.life === this.#life
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#contents.get(toKeyText(key))
  }

  write(batch: readonly BackendWrite[]): void {
    if (!this.#isAlive || batch.length === 0) return
    applyBatch(this.#contents, batch)
    for (const { value } of batch) this.#sizeBytes += value?.length ?? 0
    this.#generation.pending.push(batch)
  }

  checkpoint(done: (error: BackendError | undefined) => void): void {
    const covered = this.#generation.pending.length
    this.#context.clock.setTimer(this.#context.checkpointMs, () => {
      if (!this.#isAlive) return
      if (this.#context.isFull()) {
        done(new BackendError('no-space', 'cannot flush the memory backend: no space left (pretended)'))
        return
      }
      for (const batch of this.#generation.pending.splice(0, covered)) {
        applyBatch(this.#generation.durable, batch)
      }
      done(undefined)
    })
  }

  openSnapshot(): BackendSnapshot {
    const contents = new Map(this.#contents)
    return { get: (key) => contents.get(toKeyText(key)), close: () => contents.clear() }
  }

  async *scan(range: BackendRange): AsyncGenerator<readonly BackendEntry[]> {
    const start = toKeyText(range.start)
    const end = toKeyText(range.end)
    const keys = [...this.#contents.keys()].filter((key) => key >= start && key < end).sort()
    const entries = keys.flatMap((key): BackendEntry[] => {
      const value = this.#contents.get(key)
      return value === undefined ? [] : [[fromKeyText(key), value]]
    })
    for (let i = 0; i < entries.length; i += 1000) yield entries.slice(i, i + 1000)
  }

  status(): BackendStatus {
    const isFull = this.#context.isFull()
    return { sizeBytes: this.#sizeBytes + 4096, pendingBytes: 0, isFull }
  }

  close(): Promise<void> {
    if (this.#isAlive) {
      this.#generation.life += 1
      this.#generation.isOpen = false
    }
    return Promise.resolve()
  }
}

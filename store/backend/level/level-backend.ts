/**
 * The backend on LevelDB. Batches are written by LevelDB's threads, one group at a time; while a group is
 * under way the next one gathers. Until a batch has been written it is read from the overlay, so reads
 * see it at once and nothing awaits.
 *
 *   write ─▶ overlay + queue ─▶ group under way ─▶ LevelDB's log (un-synced) ─▶ leaves the overlay
 *
 * A checkpoint flushes the memtable (`compactRange` over an empty range syncs table and MANIFEST).
 * `compactRange` reports no error here, so success is proved by its effect: the log files that existed
 * before are gone. A `sync: true` batch would prove nothing: LevelDB 1.20 closes a log un-synced when it
 * switches memtables.
 *
 * A full disk: LevelDB refuses everything for good after a failed flush, so the room is looked at before
 * each group, and below the reserve groups wait in memory while reads go on.
 */
import { readdirSync, rmSync, statfsSync, statSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { Level } from 'level'
import { messageOf } from '../../../platform/assert.ts'
import type { Clock, Timer } from '../../../platform/clock.ts'
import { BackendError } from '../../errors.ts'
import { toKeyText } from '../../mvcc/key.ts'
import { corruptRemedy } from '../../record-source.ts'
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

/** A group closes at about so many bytes. */
const groupBytesMax = 2 * 1024 * 1024
/** Batches gather so long before they go: nobody waits for them, and a group costs as much as a batch. */
const gatherMs = 10
const gatherBytesMax = 512 * 1024
/** Bytes that may wait in memory while the disk is full; beyond, the member halts. */
const pendingBytesMax = 256 * 1024 * 1024
const fullRetryMs = 500
const sizeAgeMs = 5_000
/** Failures in a row, with room on the disk, after which LevelDB will not come back by itself. */
const failuresMax = 3
const scanEntries = 1000

export interface LevelHostOptions {
  /** The member's data directory; each generation is a directory in it. */
  readonly directory: string
  readonly clock: Clock
  /** Room that is left free on the disk; writes wait below it. Default 64 MiB. */
  readonly reserveBytes?: number
  /** Free bytes where `directory` lies; for tests of a full disk. */
  readonly freeBytes?: () => number
}

/** What is used of LevelDB's handle; `level`'s own types lack half of it. */
interface Handle {
  open(): Promise<void>
  close(): Promise<void>
  getSync(key: Uint8Array, options?: { readonly snapshot: HandleSnapshot }): Uint8Array | undefined
  batch(): HandleBatch
  snapshot(): HandleSnapshot
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>
  iterator(options: { gte: Uint8Array; lt: Uint8Array; highWaterMarkBytes: number }): HandleIterator
}

interface HandleBatch {
  put(key: Uint8Array, value: Uint8Array): HandleBatch
  del(key: Uint8Array): HandleBatch
  write(): Promise<void>
}

interface HandleSnapshot {
  close(): Promise<void>
}

interface HandleIterator {
  nextv(size: number): Promise<[Uint8Array, Uint8Array][]>
  close(): Promise<void>
}

function newHandle(path: string): Handle {
  const level: unknown = new Level<Uint8Array, Uint8Array>(path, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    ...{ writeBufferSize: 8 * 1024 * 1024, cacheSize: 8 * 1024 * 1024, maxOpenFiles: 500 },
  })
  return level as Handle // unsafe: in Node, Level is ClassicLevel 3.0.0, which has these methods
}

/** A host that keeps each generation as a LevelDB directory. */
export function createLevelHost(options: LevelHostOptions): BackendHost {
  const pathOf = (generation: string) => `${options.directory}/${generation}`
  return {
    open: async (generation, events) => {
      const path = pathOf(generation)
      await mkdir(path, { recursive: true })
      const handle = newHandle(path)
      try {
        await handle.open()
      } catch (error) {
        throw openError(path, error)
      }
      return new LevelBackend(handle, path, options, events)
    },
    list: async () => {
      const names = await readdir(options.directory).catch((): string[] => [])
      return names.filter((name) => /^db-\d+$/.test(name)).sort()
    },
    remove: (generation) => {
      rmSync(pathOf(generation), { recursive: true, force: true })
      return Promise.resolve()
    },
  }
}

function openError(path: string, error: unknown): BackendError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const found = messageOf(cause)
  if (code === 'LEVEL_LOCKED') {
    return new BackendError(
      'locked',
      `cannot open ${path}: another process has it open. End that one first.`,
      { cause },
    )
  }
  if (code === 'LEVEL_CORRUPTION' || /corruption/i.test(found)) {
    return new BackendError(
      'corrupt',
      `cannot open ${path}: LevelDB found it harmed (${found}). ${corruptRemedy}`,
      { cause },
    )
  }
  return new BackendError(
    'io',
    `cannot open ${path}: ${found}. Check that the disk has room and the directory is writable.`,
    {
      cause,
    },
  )
}

function readError(path: string, error: unknown): BackendError {
  const found = messageOf(error)
  if (/corruption/i.test(found)) {
    return new BackendError(
      'corrupt',
      `reading ${path}: LevelDB found it harmed (${found}). ${corruptRemedy}`,
      { cause: error },
    )
  }
  return new BackendError(
    'io',
    `cannot read ${path}: ${found}. Check the disk and the directory's permissions.`,
    { cause: error },
  )
}

interface Overlaid {
  readonly value: Uint8Array | undefined
  readonly batch: number
}

interface Queued {
  readonly batch: number
  readonly writes: readonly BackendWrite[]
  readonly sizeBytes: number
}

class LevelBackend implements Backend {
  readonly #handle: Handle
  readonly #path: string
  readonly #options: LevelHostOptions
  readonly #events: BackendEvents
  readonly #overlay = new Map<string, Overlaid>()
  #queue: Queued[] = []
  #underWay: readonly Queued[] = []
  #batches = 0
  #pendingBytes = 0
  #isFull = false
  #gathering: Timer | undefined
  #failures = 0
  #hasFailed = false
  #isClosed = false
  /** The last batch that LevelDB has. */
  #writtenBatch = 0
  /** Who waits for LevelDB to have a batch, or for the news that nothing moves until there is room. */
  #drains: { readonly batch: number; readonly resolve: () => void }[] = []
  #size = { bytes: 4096, readAtMs: Number.NEGATIVE_INFINITY }

  constructor(handle: Handle, path: string, options: LevelHostOptions, events: BackendEvents) {
    this.#handle = handle
    this.#path = path
    this.#options = options
    this.#events = events
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const young = this.#overlay.get(toKeyText(key))
    if (young) return young.value
    try {
      return this.#handle.getSync(key)
    } catch (error) {
      throw readError(this.#path, error)
    }
  }

  write(writes: readonly BackendWrite[]): void {
    if (writes.length === 0 || this.#isClosed || this.#hasFailed) return
    this.#batches += 1
    const batch = this.#batches
    let sizeBytes = 0
    for (const { key, value } of writes) {
      this.#overlay.set(toKeyText(key), { value, batch })
      sizeBytes += key.length + (value?.length ?? 0)
    }
    this.#queue.push({ batch, writes, sizeBytes })
    this.#pendingBytes += sizeBytes
    if (this.#pendingBytes >= gatherBytesMax) this.#submit()
    else this.#submitSoon()
  }

  #submitSoon(): void {
    this.#gathering ??= this.#options.clock.setTimer(gatherMs, () => this.#submit())
  }

  #submit(): void {
    this.#gathering?.cancel()
    this.#gathering = undefined
    if (this.#underWay.length > 0 || this.#hasFailed) return
    if (this.#queue.length === 0) return
    if (!this.#hasRoom()) {
      this.#endDrains(Number.POSITIVE_INFINITY)
      return
    }
    const group = this.#takeGroup()
    this.#underWay = group
    const batch = this.#handle.batch()
    for (const { writes } of group) {
      for (const { key, value } of writes) {
        if (value === undefined) batch.del(key)
        else batch.put(key, value)
      }
    }
    batch.write().then(
      () => this.#written(group),
      (error: unknown) => this.#refused(group, error),
    )
  }

  #endDrains(upToBatch: number): void {
    const over = this.#drains.filter(({ batch }) => batch <= upToBatch)
    this.#drains = this.#drains.filter(({ batch }) => batch > upToBatch)
    for (const { resolve } of over) resolve()
  }

  #takeGroup(): readonly Queued[] {
    let bytes = 0
    let count = 0
    for (const { sizeBytes } of this.#queue) {
      if (count > 0 && bytes + sizeBytes > groupBytesMax) break
      bytes += sizeBytes
      count += 1
    }
    return this.#queue.splice(0, count)
  }

  /** Looks at the disk; when it is full, tries again later. */
  #hasRoom(): boolean {
    const isFull = this.#freeBytes() < (this.#options.reserveBytes ?? 64 * 1024 * 1024)
    if (isFull && this.#pendingBytes > pendingBytesMax) {
      this.#fail(
        `no space left, and ${this.#pendingBytes} bytes wait in memory. Make room and start the member again`,
      )
      return false
    }
    if (isFull && !this.#isFull && !this.#isClosed) this.#retryLater()
    this.#isFull = isFull
    return !isFull
  }

  #retryLater(): void {
    this.#options.clock.setTimer(fullRetryMs, () => {
      this.#isFull = false
      this.#submit()
    })
  }

  #freeBytes(): number {
    if (this.#options.freeBytes) return this.#options.freeBytes()
    const { bavail, bsize } = statfsSync(this.#options.directory)
    return bavail * bsize
  }

  #written(group: readonly Queued[]): void {
    this.#failures = 0
    for (const { batch, writes, sizeBytes } of group) {
      this.#pendingBytes -= sizeBytes
      for (const { key } of writes) {
        const text = toKeyText(key)
        if (this.#overlay.get(text)?.batch === batch) this.#overlay.delete(text)
      }
    }
    this.#underWay = []
    this.#writtenBatch = group[group.length - 1]?.batch ?? this.#writtenBatch
    this.#endDrains(this.#writtenBatch)
    if (this.#drains.length > 0 || this.#pendingBytes >= gatherBytesMax) this.#submit()
    else if (this.#queue.length > 0) this.#submitSoon()
  }

  #refused(group: readonly Queued[], error: unknown): void {
    this.#underWay = []
    this.#queue = [...group, ...this.#queue]
    this.#failures += 1
    if (this.#failures >= failuresMax) {
      this.#fail(
        `${messageOf(error)}. Check the disk, make room, and start the member again: no acknowledged write is lost`,
      )
      return
    }
    this.#isFull = true
    this.#retryLater()
  }

  #fail(found: string): void {
    this.#hasFailed = true
    this.#endDrains(Number.POSITIVE_INFINITY)
    this.#events.onFailure(new BackendError('io', `cannot write to ${this.#path}: ${found}`))
  }

  checkpoint(report: (error: BackendError | undefined) => void): void {
    void this.#checkpoint().then(
      () => report(undefined),
      (error: unknown) => report(this.#flushError(error)),
    )
  }

  #flushError(error: unknown): BackendError {
    if (error instanceof BackendError) return error
    return new BackendError('io', `cannot flush ${this.#path}: ${messageOf(error)}`, { cause: error })
  }

  async #checkpoint(): Promise<void> {
    const covered = this.#batches
    await this.#drain()
    if (this.#writtenBatch < covered) {
      throw new BackendError('no-space', `cannot flush ${this.#path}: no space left on the disk; make room`)
    }
    const before = this.#logFiles()
    await this.#handle.compactRange(new Uint8Array(1), new Uint8Array(1))
    const left = this.#logFiles().filter((name) => before.includes(name))
    if (left.length > 0) {
      throw new BackendError(
        'io',
        `cannot flush ${this.#path}: ${left.join(', ')} was not replaced by a table; is the disk full?`,
      )
    }
  }

  #logFiles(): readonly string[] {
    return readdirSync(this.#path).filter((name) => name.endsWith('.log'))
  }

  /** Resolves when all that is queued now has been written, or nothing can be written for now. */
  #drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#drains.push({ batch: this.#batches, resolve })
      this.#endDrains(this.#hasFailed ? Number.POSITIVE_INFINITY : this.#writtenBatch)
      this.#submit()
    })
  }

  openSnapshot(): BackendSnapshot {
    const snapshot = this.#handle.snapshot()
    const overlay = new Map(this.#overlay)
    return {
      get: (key) => {
        const young = overlay.get(toKeyText(key))
        if (young) return young.value
        try {
          return this.#handle.getSync(key, { snapshot })
        } catch (error) {
          throw readError(this.#path, error)
        }
      },
      close: () => {
        overlay.clear()
        snapshot.close().catch(() => {})
      },
    }
  }

  async *scan(range: BackendRange): AsyncGenerator<readonly BackendEntry[]> {
    await this.#drain()
    const iterator = this.#handle.iterator({
      gte: range.start,
      lt: range.end,
      highWaterMarkBytes: 1024 * 1024,
    })
    try {
      for (;;) {
        const entries = await iterator.nextv(scanEntries)
        if (entries.length === 0) return
        yield entries
      }
    } catch (error) {
      throw readError(this.#path, error)
    } finally {
      await iterator.close()
    }
  }

  status(): BackendStatus {
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs - this.#size.readAtMs >= sizeAgeMs) {
      this.#size = { bytes: directoryBytes(this.#path), readAtMs: nowMs }
    }
    return { sizeBytes: this.#size.bytes, pendingBytes: this.#pendingBytes, isFull: this.#isFull }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    if (!this.#hasFailed) await this.#drain()
    await this.#handle.close()
  }
}

function directoryBytes(path: string): number {
  let bytes = 0
  for (const name of readdirSync(path)) {
    // LevelDB removes files at any time.
    bytes += statSync(`${path}/${name}`, { throwIfNoEntry: false })?.size ?? 0
  }
  return bytes
}

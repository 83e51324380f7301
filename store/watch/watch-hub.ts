/**
 * Fans changes out to watchers. What a watcher is promised (etcd's words): ordered, unique, atomic (all
 * events of a revision in one batch), resumable, bookmarkable (a batch's revision says that everything up
 * to it has been delivered), reliable (no gap; where a gap cannot be avoided, the `compacted` end).
 *
 * A watcher is `synced` (it has everything up to the newest revision, and its cursor needs no touching)
 * or `behind` (it has a cursor of its own and is pumped from the change log or the backend, a bounded
 * piece at a time, while its connection takes more). Memory per watcher is its cursor; what it has not
 * taken stays in the log or on the disk. Progress marks pass through the same door as events.
 *
 *     add ──▶ behind ──pump reaches now──▶ synced ──▶ publish delivers at once
 *               ▲                            │
 *               └──── connection is full ────┘
 */
import { assert } from '../../platform/assert.ts'
import { StoreError } from '../client/store-client.ts'
import { isInRange, type KeyRange } from '../mvcc/key.ts'
import type { Change, RevisionChanges } from '../mvcc/mvcc.ts'
import type { RecordPlace } from '../mvcc/record.ts'

/** Where watchers read. */
export interface WatchSource {
  readonly revision: number
  readonly compactRevision: number
  /** The changes of a revision in [compactRevision, revision], from memory or the backend. */
  changesAt(revision: number): RevisionChanges
  /** A record that has not been compacted. */
  recordAt(place: RecordPlace): Uint8Array
}

export interface OutgoingEvent {
  readonly record: Uint8Array
  /** The record before, for a watcher that asked and a key that existed. */
  readonly previous: Uint8Array | undefined
}

export interface OutgoingBatch {
  readonly revision: number
  readonly events: readonly OutgoingEvent[]
}

/** The far side of a watcher. */
export interface WatchSink {
  /** Whether it takes more now. Progress and the end are always taken. */
  readonly isReady: () => boolean
  readonly deliver: (batch: OutgoingBatch) => void
  /** The watch is over; nothing follows. */
  readonly end: (error: StoreError) => void
}

export interface WatchOptions {
  readonly range: KeyRange
  /** First revision to deliver. */
  readonly startRevision: number
  readonly wantsPrevious: boolean
  readonly wantsProgress: boolean
}

/** Revisions and bytes that one pump of one watcher looks at, at most, before others have a turn. */
const pumpRevisionsMax = 1000
const pumpBytesMax = 512 * 1024

export class Watcher {
  readonly options: WatchOptions
  readonly sink: WatchSink
  /** Next revision to deliver, while behind; while synced, the first one wanted. */
  next: number
  isSynced = false
  isEnded = false
  /** A progress mark is owed as soon as it is synced. */
  owesProgress = false
  /** The last revision told to the other side. */
  lastToldRevision = 0

  constructor(options: WatchOptions, sink: WatchSink) {
    this.options = options
    this.sink = sink
    this.next = options.startRevision
  }
}

interface Gathered {
  readonly events: OutgoingEvent[]
  bytes: number
}

export class WatchHub {
  readonly #source: () => WatchSource
  readonly #byKey = new Map<string, Set<Watcher>>()
  readonly #byRange = new Set<Watcher>()
  readonly #behind = new Set<Watcher>()
  readonly #all = new Set<Watcher>()
  /** The newest revision published. */
  #revision: number

  constructor(source: () => WatchSource) {
    this.#source = source
    this.#revision = source().revision
  }

  get watcherCount(): number {
    return this.#all.size
  }

  get behindCount(): number {
    return this.#behind.size
  }

  /** Whether some watcher could take a piece now. */
  get canPump(): boolean {
    for (const watcher of this.#behind) if (watcher.sink.isReady()) return true
    return false
  }

  /** Adds a watcher; it is behind until `pump` has looked at it. */
  add(options: WatchOptions, sink: WatchSink): Watcher {
    const watcher = new Watcher(options, sink)
    this.#all.add(watcher)
    this.#behind.add(watcher)
    return watcher
  }

  remove(watcher: Watcher): void {
    watcher.isEnded = true
    this.#all.delete(watcher)
    this.#behind.delete(watcher)
    this.#unlist(watcher)
  }

  /** Delivers revisions just applied to the synced watchers; consecutive with what came before. */
  publish(revisions: readonly RevisionChanges[]): void {
    const last = revisions[revisions.length - 1]
    if (last === undefined) return
    const gathered = new Map<Watcher, Gathered>()
    for (const { revision, changes } of revisions) {
      assert(revision === this.#revision + 1, () => `watch: revision ${revision} follows ${this.#revision}`)
      this.#revision = revision
      for (const change of changes) this.#gather(gathered, change, revision)
    }
    for (const [watcher, { events }] of gathered) {
      if (watcher.sink.isReady()) this.#deliver(watcher, { revision: last.revision, events })
      else this.#fallBehind(watcher, revisions[0]?.revision ?? last.revision)
    }
  }

  #gather(gathered: Map<Watcher, Gathered>, change: Change, revision: number): void {
    const take = (watcher: Watcher) => {
      if (watcher.next > revision) return
      const found = gathered.get(watcher)
      const into = found ?? { events: [], bytes: 0 }
      if (!found) gathered.set(watcher, into)
      this.#take(watcher, change, revision, into)
    }
    this.#byKey.get(change.key)?.forEach(take)
    for (const watcher of this.#byRange) if (isInRange(watcher.options.range, change.key)) take(watcher)
  }

  #take(watcher: Watcher, change: Change, revision: number, into: Gathered): void {
    const source = this.#source()
    const { previous } = change
    const isThere = previous !== undefined && revision > source.compactRevision
    const shown = watcher.options.wantsPrevious && isThere ? source.recordAt(previous) : undefined
    into.events.push({ record: change.record, previous: shown })
    into.bytes += change.record.length + (shown?.length ?? 0)
  }

  #deliver(watcher: Watcher, batch: OutgoingBatch): void {
    watcher.lastToldRevision = batch.revision
    watcher.sink.deliver(batch)
  }

  #fallBehind(watcher: Watcher, next: number): void {
    watcher.next = Math.max(watcher.next, next)
    watcher.isSynced = false
    this.#unlist(watcher)
    this.#behind.add(watcher)
  }

  /** Gives every watcher that is behind and ready one bounded piece. */
  pump(): void {
    for (const watcher of [...this.#behind]) if (watcher.sink.isReady()) this.#pumpOne(watcher)
  }

  #pumpOne(watcher: Watcher): void {
    const source = this.#source()
    if (watcher.next < source.compactRevision) {
      this.#end(watcher, compactedError(watcher.next, source.compactRevision))
      return
    }
    const gathered: Gathered = { events: [], bytes: 0 }
    const until = Math.min(source.revision, watcher.next + pumpRevisionsMax - 1)
    while (watcher.next <= until && gathered.bytes < pumpBytesMax) {
      for (const change of source.changesAt(watcher.next).changes) {
        if (isInRange(watcher.options.range, change.key)) this.#take(watcher, change, watcher.next, gathered)
      }
      watcher.next += 1
    }
    if (gathered.events.length > 0) {
      this.#deliver(watcher, { revision: watcher.next - 1, events: gathered.events })
    }
    if (watcher.next > source.revision && !watcher.isEnded) this.#becomeSynced(watcher)
  }

  #becomeSynced(watcher: Watcher): void {
    const { range } = watcher.options
    watcher.isSynced = true
    this.#behind.delete(watcher)
    if (range.end === `${range.start}\0`) {
      const same = this.#byKey.get(range.start)
      if (same) same.add(watcher)
      else this.#byKey.set(range.start, new Set([watcher]))
    } else {
      this.#byRange.add(watcher)
    }
    if (watcher.owesProgress) this.#tellProgress(watcher)
  }

  #unlist(watcher: Watcher): void {
    this.#byRange.delete(watcher)
    const { start } = watcher.options.range
    const same = this.#byKey.get(start)
    if (same?.delete(watcher) && same.size === 0) this.#byKey.delete(start)
  }

  /** Tells a watcher how far it has come: at once when synced, else as soon as it is. */
  requestProgress(watcher: Watcher): void {
    if (watcher.isSynced) this.#tellProgress(watcher)
    else watcher.owesProgress = true
  }

  #tellProgress(watcher: Watcher): void {
    // A watch that starts in the future has no progress yet (etcd 20221).
    watcher.owesProgress = this.#revision < watcher.next - 1
    if (!watcher.owesProgress) this.#deliver(watcher, { revision: this.#revision, events: [] })
  }

  /** A mark for every synced watcher that asked for them and has not heard of the newest revision. */
  tellProgress(): void {
    for (const watcher of this.#all) {
      if (!watcher.isSynced) continue
      const isDue = watcher.options.wantsProgress && watcher.lastToldRevision < this.#revision
      if (isDue || watcher.owesProgress) this.#tellProgress(watcher)
    }
  }

  /** The state was replaced by a snapshot: each watcher goes on from where it was, or ends as compacted. */
  restart(): void {
    const next = this.#revision + 1
    for (const watcher of this.#all) if (watcher.isSynced) this.#fallBehind(watcher, next)
    this.#revision = this.#source().revision
  }

  #end(watcher: Watcher, error: StoreError): void {
    this.remove(watcher)
    watcher.sink.end(error)
  }

  /** Ends all watches. */
  endAll(error: StoreError): void {
    for (const watcher of [...this.#all]) this.#end(watcher, error)
  }
}

function compactedError(revision: number, compactRevision: number): StoreError {
  return new StoreError(
    'compacted',
    `revision ${revision} was compacted; history starts at ${compactRevision}`,
    { revision: compactRevision },
  )
}

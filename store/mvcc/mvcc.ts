/**
 * The multi-version key space: which keys exist at which revision, answered from memory; what their values
 * are, read from the backend. One writer, no time, no I/O of its own: records are read through the
 * `RecordSource` handed in and written by whoever calls `beginWrite`.
 *
 * The main revision grows by one with each transaction that changes something; within a transaction the
 * sub-revision counts its records from 0. Revision 1 is the empty store.
 *
 * Compaction at C makes history before C unreadable at once; what has become unreachable is then
 * removed in small steps (`compactor.ts`), which no reader can see.
 *
 * Source: etcd server/storage/mvcc; deviations: the index counts (O(log n) `count`), and no walk of all
 * keys at compaction: superseded records queue up in the order in which they become garbage.
 */
import { assert } from '../../platform/assert.ts'
import { Compactor } from './compactor.ts'
import type { KeyRange } from './key.ts'
import { LeaseKeys } from './lease-keys.ts'
import { OrderedIndex } from './ordered-index.ts'
import { PlaceList } from './place-list.ts'
import {
  encodeRecord,
  type RecordFields,
  type RecordPlace,
  recordFields,
  recordKeyText,
  sealRecord,
  withoutValue,
} from './record.ts'
import { RevisionTable } from './revision-table.ts'

/** Reads a stored record, verified. @throws BackendError when it is missing or harmed */
export type RecordSource = (place: RecordPlace) => Uint8Array

/** One change of one key, as the watch ring keeps it. */
export interface Change {
  readonly key: string
  /** The sealed record: a put, or a tombstone. */
  readonly record: Uint8Array
  /** Where the key's record before this change lies; undefined when the key did not exist. */
  readonly previous: RecordPlace | undefined
}

/** All changes of one revision, in sub-revision order. */
export interface RevisionChanges {
  readonly revision: number
  readonly changes: readonly Change[]
}

export interface RangeQuery {
  readonly range: KeyRange
  /** 0: no limit. */
  readonly limit: number
  /** 0: now. Must lie in [compactRevision, revision]; the caller has checked. */
  readonly revision: number
  readonly isKeysOnly: boolean
  readonly isCountOnly: boolean
  /** The count is not asked for: at an old revision that saves walking the whole range. It is then 0. */
  readonly skipsCount: boolean
  /** Stop after about so many bytes of records (at least one is given); `more` is then true. */
  readonly bytesMax?: number
}

export interface RangeResult {
  readonly records: readonly Uint8Array[]
  readonly more: boolean
  readonly count: number
}

export class Mvcc {
  readonly #index = new OrderedIndex()
  readonly #table = new RevisionTable()
  readonly #read: RecordSource
  readonly #leases = new LeaseKeys()
  readonly #compactor: Compactor
  #revision = 1
  #compactRevision = 0
  #sizeBytes = 0
  #write: MvccWrite | undefined

  constructor(read: RecordSource) {
    this.#read = read
    this.#compactor = new Compactor({ index: this.#index, table: this.#table })
  }

  /** The revision of the last change. */
  get revision(): number {
    return this.#revision
  }

  /** History before this revision is gone; 0 when nothing was compacted. */
  get compactRevision(): number {
    return this.#compactRevision
  }

  get liveKeys(): number {
    return this.#index.liveCount
  }

  get compactor(): Compactor {
    return this.#compactor
  }

  /** Bytes of all records ever written here and not yet known to be removed. */
  get sizeBytes(): number {
    return this.#sizeBytes - this.#compactor.removedBytes
  }

  /** The live keys that hang on a lease, in key order. */
  keysOfLease(lease: string): readonly string[] {
    return this.#leases.keysOf(lease)
  }

  /** What a compare looks at: the key's newest record. All zero when the key does not exist. */
  head(key: string): {
    readonly modRevision: number
    readonly createRevision: number
    readonly version: number
  } {
    const slot = this.#index.find(key)
    const version = slot < 0 ? 0 : this.#table.version(slot)
    if (version === 0) return { modRevision: 0, createRevision: 0, version: 0 }
    return { modRevision: this.#table.main(slot), createRevision: this.#table.createRevision(slot), version }
  }

  /** The record of a live key now. */
  get(key: string): Uint8Array | undefined {
    const slot = this.#index.find(key)
    return slot < 0 || this.#table.version(slot) === 0 ? undefined : this.readAt(this.#table.newest(slot))
  }

  /** A record by its place, also one of the write under way. */
  readAt(place: RecordPlace): Uint8Array {
    return this.#write?.recordAt(place) ?? this.#read(place)
  }

  range(query: RangeQuery): RangeResult {
    // Within a write the newest state is ahead of `#revision`.
    const isNow = query.revision === 0 || (query.revision === this.#revision && this.#write === undefined)
    return isNow ? this.#rangeNow(query) : this.#rangeAt(query)
  }

  #rangeNow(query: RangeQuery): RangeResult {
    const count = this.#index.countLive(query.range)
    if (query.isCountOnly || count === 0) return { records: [], more: false, count }
    const page = new Page(query)
    this.#index.visitLive(query.range, (_key, slot) => {
      if (page.isFull) return false
      page.add(this.readAt(this.#table.newest(slot)))
      return true
    })
    return { records: page.records, more: count > page.records.length, count }
  }

  #rangeAt(query: RangeQuery): RangeResult {
    const page = new Page(query)
    let count = 0
    this.#index.visitAll(query.range, (_key, slot) => {
      const placed = this.#table.at(slot, query.revision)
      if (placed === undefined || placed.isTombstone) return true
      count += 1
      if (query.isCountOnly) return true
      if (!page.isFull) page.add(this.readAt(placed))
      return !query.skipsCount || count === page.records.length
    })
    const more = !query.isCountOnly && count > page.records.length
    return { records: page.records, more, count: query.skipsCount ? 0 : count }
  }

  /** Live keys of a range now, in order. */
  keysIn(range: KeyRange): readonly string[] {
    const keys: string[] = []
    this.#index.visitLive(range, (key) => {
      keys.push(key)
      return true
    })
    return keys
  }

  /** Where a key's record lay just before `revision`; undefined when the key did not exist then. */
  placeBefore(key: string, revision: number): RecordPlace | undefined {
    const slot = this.#index.find(key)
    const placed = slot < 0 ? undefined : this.#table.at(slot, revision - 1)
    return placed === undefined || placed.isTombstone ? undefined : { main: placed.main, sub: placed.sub }
  }

  /** Starts the changes of one transaction. One at a time; ends with `commit`. */
  beginWrite(): MvccWrite {
    assert(this.#write === undefined, 'a write is under way already')
    this.#write = new MvccWrite(this.#revision + 1, {
      slotOf: (key) => this.#index.find(key),
      table: this.#table,
      apply: (change, sub, fields) => this.#apply(change, sub, fields),
      end: (revision, bytes) => {
        this.#write = undefined
        if (bytes > 0) this.#revision = revision
        this.#sizeBytes += bytes
      },
    })
    return this.#write
  }

  /** Takes a stored record at boot or from a snapshot, in revision order. */
  load(place: RecordPlace, record: Uint8Array): void {
    assert(place.main >= this.#revision, () => `revision ${place.main} is loaded after ${this.#revision}`)
    this.#apply({ key: recordKeyText(record), record }, place.sub, recordFields(record))
    this.#revision = place.main
    this.#sizeBytes += record.length
  }

  /** After all `load`s: the revisions as they were stored. */
  finishLoad(options: { revision: number; compactRevision: number }): void {
    assert(
      options.revision >= this.#revision,
      () => `loaded up to ${this.#revision}, not ${options.revision}`,
    )
    this.#revision = options.revision
    this.compact(options.compactRevision)
  }

  /** Forgets history before `revision`. The caller has checked that it lies in (compactRevision, revision]. */
  compact(revision: number): void {
    assert(revision <= this.#revision, () => `cannot compact ${revision}, now is ${this.#revision}`)
    this.#compactRevision = Math.max(this.#compactRevision, revision)
    this.#compactor.compactRevision = this.#compactRevision
  }

  /** The place of every record held. */
  places(): PlaceList {
    const list = new PlaceList(this.#index.size + this.#compactor.pendingCount)
    const add = (main: number, sub: number) => list.add(main, sub)
    this.#index.visitAll({ start: '', end: undefined }, (_key, slot) => {
      this.#table.visit(slot, add)
      return true
    })
    list.sort()
    return list
  }

  /** Checks the index's invariants. For tests. */
  check(): void {
    this.#index.check()
  }

  #apply(change: KeyRecord, sub: number, fields: RecordFields): void {
    const { key, record } = change
    const found = this.#index.find(key)
    const slot = found < 0 ? this.#table.allocate(key) : found
    const before = this.#table.newest(slot)
    const wasLive = before.main > 0 && !before.isTombstone
    this.#table.advance(slot, { main: fields.modRevision, sub }, { ...fields, sizeBytes: record.length })
    if (found < 0) this.#index.insert(key, slot)
    const isMarkedLive = found < 0 || wasLive
    if (isMarkedLive === fields.isTombstone) this.#index.setLive(key, !fields.isTombstone)
    if (wasLive) this.#compactor.supersede(slot, before, fields.modRevision)
    if (fields.isTombstone) this.#compactor.bury(slot, this.#table.newest(slot))
    this.#leases.set(key, fields.lease)
  }
}

/** Collects records up to a query's limits. */
class Page {
  readonly records: Uint8Array[] = []
  readonly #query: RangeQuery
  #bytes = 0

  constructor(query: RangeQuery) {
    this.#query = query
  }

  get isFull(): boolean {
    const { limit, bytesMax } = this.#query
    return (limit > 0 && this.records.length >= limit) || (bytesMax !== undefined && this.#bytes >= bytesMax)
  }

  add(record: Uint8Array): void {
    const shown = this.#query.isKeysOnly ? withoutValue(record) : record
    this.records.push(shown)
    this.#bytes += shown.length
  }
}

interface KeyRecord {
  readonly key: string
  readonly record: Uint8Array
}

interface WriteHost {
  readonly slotOf: (key: string) => number
  readonly table: RevisionTable
  readonly apply: (change: KeyRecord, sub: number, fields: RecordFields) => void
  readonly end: (revision: number, bytes: number) => void
}

const noValue = new Uint8Array(0)

/** The changes of one transaction, visible to reads of the same transaction at once. */
export class MvccWrite {
  readonly revision: number
  readonly #host: WriteHost
  readonly #changes: Change[] = []

  constructor(revision: number, host: WriteHost) {
    this.revision = revision
    this.#host = host
  }

  recordAt(place: RecordPlace): Uint8Array | undefined {
    return place.main === this.revision ? this.#changes[place.sub]?.record : undefined
  }

  put(key: string, value: Uint8Array, lease: string | undefined): void {
    const before = this.#before(key)
    const fields = {
      modRevision: this.revision,
      createRevision: before ? before.createRevision : this.revision,
      version: before ? before.version + 1 : 1,
      lease,
      isTombstone: false,
    }
    this.#add({ key, record: encodeRecord(fields, key, value), previous: before?.place }, fields)
  }

  /** Deletes a key; nothing happens when it does not exist. */
  delete(key: string): void {
    const before = this.#before(key)
    if (!before) return
    const modRevision = this.revision
    const fields = { modRevision, createRevision: 0, version: 0, lease: undefined, isTombstone: true }
    this.#add({ key, record: encodeRecord(fields, key, noValue), previous: before.place }, fields)
  }

  #before(key: string): { createRevision: number; version: number; place: RecordPlace } | undefined {
    const slot = this.#host.slotOf(key)
    if (slot < 0 || this.#host.table.version(slot) === 0) return undefined
    const { main, sub } = this.#host.table.newest(slot)
    const createRevision = this.#host.table.createRevision(slot)
    return { createRevision, version: this.#host.table.version(slot), place: { main, sub } }
  }

  #add(change: Change, fields: RecordFields): void {
    this.#host.apply(change, this.#changes.length, fields)
    this.#changes.push(change)
  }

  /** Ends the write. Undefined when nothing changed: the revision stays. */
  commit(): RevisionChanges | undefined {
    let bytes = 0
    this.#changes.forEach(({ record }, sub) => {
      sealRecord(record, { sub, isLast: sub === this.#changes.length - 1 })
      bytes += record.length
    })
    this.#host.end(this.revision, bytes)
    return bytes === 0 ? undefined : { revision: this.revision, changes: this.#changes }
  }
}

/**
 * Test-only: a store in memory with the store's contract (revisions, compare, history, watch, compaction)
 * and faults on demand. No clock: leases never run out. Watches deliver at the next microtask.
 */
import {
  type Compare,
  type KeyValue,
  type Operation,
  type OperationResult,
  type RangeRequest,
  type RangeResponse,
  type StoreClient,
  StoreError,
  type TxnRequest,
  type TxnResponse,
  type Watch,
  type WatchBatch,
  type WatchEvent,
  type WatchRequest,
} from '../store/client/store-client.ts'
import { keyBytes, keyText } from './storage/keys.ts'

interface Change {
  readonly revision: number
  readonly events: readonly WatchEvent[]
}

/** What a fault does to the next transaction: lose its answer before or after it is applied. */
export type Fault = 'lose-before' | 'lose-after' | 'no-leader'

export class MemoryStore implements StoreClient {
  readonly faults: Fault[] = []
  /** Called before every transaction; may change the store itself. */
  beforeTxn: ((request: TxnRequest) => void) | undefined
  txnCount = 0
  #revision = 1
  #compactRevision = 0
  #leases = 0
  readonly #versions = new Map<string, KeyValue[]>()
  readonly #deletions = new Map<string, number[]>()
  readonly #changes: Change[] = []
  readonly #watches = new Set<MemoryWatch>()

  get revision(): number {
    return this.#revision
  }

  async range(request: RangeRequest): Promise<RangeResponse> {
    await Promise.resolve()
    return this.#range(request)
  }

  async txn(request: TxnRequest): Promise<TxnResponse> {
    await Promise.resolve()
    this.txnCount += 1
    this.beforeTxn?.(request)
    const fault = this.faults.shift()
    if (fault === 'no-leader') throw new StoreError('no-leader', 'no leader')
    if (fault === 'lose-before') throw new StoreError('unknown-outcome', 'the answer was lost')
    const response = this.apply(request)
    if (fault === 'lose-after') throw new StoreError('unknown-outcome', 'the answer was lost')
    return response
  }

  /** Applies at once, past all faults. */
  apply(request: TxnRequest): TxnResponse {
    const succeeded = request.compare.every((compare) => this.#holds(compare))
    const operations = succeeded ? request.success : request.failure
    const revision = this.#revision + 1
    const events: WatchEvent[] = []
    const results = operations.map((operation) => this.#run(operation, revision, events))
    if (events.length > 0) {
      this.#revision = revision
      this.#changes.push({ revision, events })
      for (const watch of this.#watches) watch.offer({ revision, events })
    }
    return { revision: this.#revision, succeeded, results }
  }

  /** Writes a key, past all faults. */
  put(key: string, value: string): number {
    const put: Operation = { type: 'put', key: keyBytes(key), value: keyBytes(value) }
    return this.apply({ compare: [], success: [put], failure: [] }).revision
  }

  /** Deletes a key, past all faults. */
  remove(key: string): number {
    const remove: Operation = { type: 'delete', key: keyBytes(key) }
    return this.apply({ compare: [], success: [remove], failure: [] }).revision
  }

  watch(request: WatchRequest): Watch {
    const start = request.startRevision ?? this.#revision + 1
    const watch = new MemoryWatch(
      request,
      () => this.#revision,
      (closed) => this.#watches.delete(closed),
    )
    if (start <= this.#compactRevision) {
      watch.fail(new StoreError('compacted', 'compacted', { revision: this.#compactRevision }))
      return watch
    }
    this.#watches.add(watch)
    for (const change of this.#changes) if (change.revision >= start) watch.offer(change)
    return watch
  }

  /** Ends every watch as a compaction beyond it would. */
  failWatches(): void {
    for (const watch of [...this.#watches])
      watch.fail(new StoreError('compacted', 'compacted', { revision: this.#revision }))
  }

  async leaseGrant(): Promise<string> {
    this.#leases += 1
    return this.#leases.toString(16).padStart(16, '0')
  }

  async leaseRevoke(): Promise<void> {}

  async compact(revision: number): Promise<void> {
    this.#compactRevision = Math.max(this.#compactRevision, revision)
  }

  async status(): Promise<[]> {
    return []
  }

  async close(): Promise<void> {
    for (const watch of [...this.#watches]) watch.cancel()
  }

  #at(key: string, revision: number): KeyValue | undefined {
    const deleted = this.#deletions.get(key) ?? []
    const found = (this.#versions.get(key) ?? []).findLast((kv) => kv.modRevision <= revision)
    if (!found) return undefined
    return deleted.some((at) => at > found.modRevision && at <= revision) ? undefined : found
  }

  #range(request: RangeRequest): RangeResponse {
    const revision = request.revision ? request.revision : this.#revision
    if (revision > this.#revision) throw new StoreError('future-revision', `revision ${revision} is ahead`)
    if (revision < this.#compactRevision)
      throw new StoreError('compacted', 'compacted', { revision: this.#compactRevision })
    const from = keyText(request.key)
    const to = request.rangeEnd && keyText(request.rangeEnd)
    const keys = [...this.#versions.keys()]
      .filter((key) => (to === undefined ? key === from : key >= from && key < to))
      .sort()
    const all = keys.flatMap((key) => this.#at(key, revision) ?? [])
    const kvs = request.limit ? all.slice(0, request.limit) : all
    return { revision: this.#revision, kvs, more: kvs.length < all.length, count: all.length }
  }

  #holds(compare: Compare): boolean {
    const found = this.#at(keyText(compare.key), this.#revision)
    if (compare.target === 'value') return false
    const fields = { mod: found?.modRevision, create: found?.createRevision, version: found?.version }
    const actual = fields[compare.target] ?? 0
    switch (compare.operator) {
      case '=':
        return actual === compare.value
      case '!=':
        return actual !== compare.value
      case '<':
        return actual < compare.value
      case '>':
        return actual > compare.value
    }
  }

  #run(operation: Operation, revision: number, events: WatchEvent[]): OperationResult {
    if (operation.type === 'range') return { type: 'range', ...this.#range(operation) }
    const key = keyText(operation.key)
    const previous = this.#at(key, this.#revision)
    if (operation.type === 'put') {
      const kv: KeyValue = {
        key: operation.key,
        value: operation.value,
        createRevision: previous?.createRevision ?? revision,
        modRevision: revision,
        version: (previous?.version ?? 0) + 1,
        lease: operation.lease,
      }
      const versions = this.#versions.get(key)
      if (versions) versions.push(kv)
      else this.#versions.set(key, [kv])
      events.push({ type: 'put', kv, prevKv: previous })
      return { type: 'put', prevKv: previous }
    }
    if (!previous) return { type: 'delete', deleted: 0, prevKvs: [] }
    this.#deletions.set(key, [...(this.#deletions.get(key) ?? []), revision])
    const kv = {
      key: operation.key,
      value: new Uint8Array(),
      createRevision: 0,
      modRevision: revision,
      version: 0,
    }
    events.push({ type: 'delete', kv, prevKv: previous })
    return { type: 'delete', deleted: 1, prevKvs: [previous] }
  }
}

class MemoryWatch implements Watch {
  readonly #request: WatchRequest
  readonly #now: () => number
  readonly #onClose: (watch: MemoryWatch) => void
  readonly #queue: WatchBatch[] = []
  #error: StoreError | undefined
  #isClosed = false
  #wake: (() => void) | undefined

  constructor(request: WatchRequest, now: () => number, onClose: (watch: MemoryWatch) => void) {
    this.#request = request
    this.#now = now
    this.#onClose = onClose
  }

  offer(change: Change): void {
    const from = keyText(this.#request.key)
    const to = this.#request.rangeEnd && keyText(this.#request.rangeEnd)
    const events = change.events.filter(({ kv }) => {
      const key = keyText(kv.key)
      return to === undefined ? key === from : key >= from && key < to
    })
    if (events.length > 0) this.#push({ revision: change.revision, events })
  }

  fail(error: StoreError): void {
    this.#error = error
    this.#onClose(this)
    this.#wake?.()
  }

  async read(): Promise<WatchBatch | undefined> {
    for (;;) {
      const batch = this.#queue.shift()
      if (batch) return batch
      if (this.#error) throw this.#error
      if (this.#isClosed) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  requestProgress(): void {
    this.#push({ revision: this.#now(), events: [] })
  }

  cancel(): void {
    this.#isClosed = true
    this.#onClose(this)
    this.#wake?.()
  }

  #push(batch: WatchBatch): void {
    if (this.#isClosed || this.#error) return
    this.#queue.push(batch)
    this.#wake?.()
  }
}

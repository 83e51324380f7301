/**
 * Objects in the store: optimistic reads and writes, each write one transaction with one compare on the
 * key's modRevision.
 *
 * When the answer to a write is lost (`unknown-outcome`) the same transaction is sent again: its compare
 * lets it happen at most once. If the compare then fails, what lies there now and its history decide
 * whether the first try had happened:
 *
 *     found our bytes                      → ours, done
 *     our bytes at an earlier revision     → ours, and somebody has written after us: done
 *     an unbroken history without ours     → not ours: a plain conflict
 *     history cut off                      → nobody can tell: `OutcomeUnknown`
 */
import { type Clock, sleep } from '../../platform/clock.ts'
import {
  type KeyValue,
  prefixEnd,
  type StoreClient,
  StoreError,
  type TxnResponse,
} from '../../store/client/store-client.ts'
import { keyBytes, keyText } from './keys.ts'
import { StoredObject } from './stored-object.ts'

/** How long one write may take with all its retries. */
const writeTimeoutMs = 10_000
const attemptTimeoutMs = 5_000
const pauseMsMin = 5
const pauseMsMax = 200
const historyStepsMax = 16

/** A write was sent and nobody can tell whether it happened. */
export class OutcomeUnknown extends Error {
  readonly code = 'E_OUTCOME_UNKNOWN'
  constructor(attempted: string, cause?: unknown) {
    super(
      `${attempted}: the answer was lost and the write may or may not have happened; read before retrying`,
      {
        cause,
      },
    )
    this.name = 'OutcomeUnknown'
  }
}

/** What a write found. `stale`: the compare failed, `found` is what lies there now. */
export type WriteResult =
  | { readonly outcome: 'written'; readonly object: StoredObject }
  | { readonly outcome: 'stale'; readonly found: StoredObject | undefined }

export type DeleteResult =
  | { readonly outcome: 'deleted'; readonly revision: number }
  | { readonly outcome: 'stale'; readonly found: StoredObject | undefined }

export interface ListPage {
  readonly objects: readonly StoredObject[]
  readonly revision: number
  readonly more: boolean
  readonly count: number
}

export class ObjectStorage {
  readonly #store: StoreClient
  readonly #clock: Clock

  constructor(clock: Clock, store: StoreClient) {
    this.#clock = clock
    this.#store = store
  }

  /** The object now, linearizably. @throws StoreError */
  async get(key: string): Promise<StoredObject | undefined> {
    const response = await this.#store.range({ key: keyBytes(key), limit: 1 })
    return fromKv(response.kvs[0])
  }

  /** A page of keys from `start` within `prefix`. @throws StoreError `compacted` for a forgotten revision */
  async list(options: {
    readonly prefix: string
    readonly start?: string | undefined
    readonly limit?: number | undefined
    readonly revision?: number | undefined
  }): Promise<ListPage> {
    const response = await this.#store.range({
      key: keyBytes(`${options.prefix}${options.start ?? ''}`),
      rangeEnd: prefixEnd(keyBytes(options.prefix)),
      ...(options.limit ? { limit: options.limit } : {}),
      ...(options.revision ? { revision: options.revision } : {}),
    })
    const objects = response.kvs.map((kv) => new StoredObject(keyText(kv.key), kv.modRevision, kv.value))
    return { objects, revision: response.revision, more: response.more, count: response.count }
  }

  /**
   * Writes `value` if the key is at `expectedRevision` (0: absent).
   * @throws StoreError; OutcomeUnknown
   */
  async put(key: string, value: Uint8Array, expectedRevision: number, lease?: string): Promise<WriteResult> {
    const bytes = keyBytes(key)
    const { response, hadUnknown } = await this.#attempt(`write of ${key}`, (timeoutMs) =>
      this.#store.txn(
        {
          compare: [{ key: bytes, operator: '=', target: 'mod', value: expectedRevision }],
          success: [{ type: 'put', key: bytes, value, ...(lease ? { lease } : {}) }],
          failure: [{ type: 'range', key: bytes, limit: 1 }],
        },
        { timeoutMs },
      ),
    )
    if (response.succeeded)
      return { outcome: 'written', object: new StoredObject(key, response.revision, value) }
    const found = rangeResult(response)
    if (hadUnknown) {
      const ours = await this.#findOurs({ key, value, expectedRevision, found })
      if (ours) return { outcome: 'written', object: ours }
    }
    return { outcome: 'stale', found: fromKv(found) }
  }

  /** Deletes the key if it is at `expectedRevision`. @throws StoreError; OutcomeUnknown */
  async delete(key: string, expectedRevision: number, createRevision?: number): Promise<DeleteResult> {
    const bytes = keyBytes(key)
    const { response, hadUnknown } = await this.#attempt(`deletion of ${key}`, (timeoutMs) =>
      this.#store.txn(
        {
          compare: [{ key: bytes, operator: '=', target: 'mod', value: expectedRevision }],
          success: [{ type: 'delete', key: bytes }],
          failure: [{ type: 'range', key: bytes, limit: 1 }],
        },
        { timeoutMs },
      ),
    )
    if (response.succeeded) return { outcome: 'deleted', revision: response.revision }
    const found = rangeResult(response)
    const isGone = !found || (createRevision !== undefined && found.createRevision !== createRevision)
    if (hadUnknown && isGone) return { outcome: 'deleted', revision: response.revision }
    return { outcome: 'stale', found: fromKv(found) }
  }

  /** Sends a guarded transaction until its outcome is known. */
  async #attempt(
    attempted: string,
    send: (timeoutMs: number) => Promise<TxnResponse>,
  ): Promise<{ response: TxnResponse; hadUnknown: boolean }> {
    const until = this.#clock.monotonicMs() + writeTimeoutMs
    let lost: StoreError | undefined
    let pauseMs = pauseMsMin
    for (;;) {
      const leftMs = until - this.#clock.monotonicMs()
      if (leftMs <= 0) throw new OutcomeUnknown(attempted, lost)
      try {
        const response = await send(Math.min(attemptTimeoutMs, leftMs))
        return { response, hadUnknown: lost !== undefined }
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        if (error.code !== 'unknown-outcome') {
          if (lost) throw new OutcomeUnknown(attempted, error)
          throw error
        }
        lost = error
        await sleep(this.#clock, pauseMs)
        pauseMs = Math.min(pauseMs * 2, pauseMsMax)
      }
    }
  }

  /**
   * Walks the key's history from `found` back to `expectedRevision`, looking for our bytes. A life of the key
   * that began after `expectedRevision` and does not hold them leaves it open whether an earlier life did.
   */
  async #findOurs(write: {
    key: string
    value: Uint8Array
    expectedRevision: number
    found: KeyValue | undefined
  }): Promise<StoredObject | undefined> {
    let at = write.found
    for (let step = 0; step < historyStepsMax; step += 1) {
      if (!at) throw new OutcomeUnknown(`write of ${write.key} (deleted meanwhile)`)
      if (equalBytes(at.value, write.value)) return new StoredObject(write.key, at.modRevision, at.value)
      if (at.modRevision <= write.expectedRevision) return undefined
      if (at.version === 1) throw new OutcomeUnknown(`write of ${write.key} (created anew meanwhile)`)
      at = await this.#before(write.key, at.modRevision)
    }
    throw new OutcomeUnknown(`write of ${write.key} (too many writes since)`)
  }

  async #before(key: string, revision: number): Promise<KeyValue | undefined> {
    try {
      const response = await this.#store.range({ key: keyBytes(key), limit: 1, revision: revision - 1 })
      return response.kvs[0]
    } catch (error) {
      if (error instanceof StoreError && error.code === 'compacted')
        throw new OutcomeUnknown(`write of ${key} (history compacted)`, error)
      throw error
    }
  }
}

function rangeResult(response: TxnResponse): KeyValue | undefined {
  const result = response.results[0]
  return result?.type === 'range' ? result.kvs[0] : undefined
}

function fromKv(kv: KeyValue | undefined): StoredObject | undefined {
  return kv && new StoredObject(keyText(kv.key), kv.modRevision, kv.value)
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at])
}

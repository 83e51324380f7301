/**
 * The store as its users see it: etcd v3's model (revisions, ranges, transactions, watches, leases). The
 * apiserver knows the store by this interface alone; bodies: the native protocol (`native-client`) and,
 * for those who outgrow Skedia's store, etcd's gRPC.
 *
 * Keys and values are bytes; the ends of ranges are exclusive; revisions are integers below 2^53.
 * Source: etcd API reference v3.5 (`rpc.proto`, `kv.proto`).
 */
export interface KeyValue {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly createRevision: number
  readonly modRevision: number
  /** 1 after creation, +1 for each put. */
  readonly version: number
  /** Lease id as 16 hex digits; undefined when none is attached. */
  readonly lease?: string | undefined
}

export interface RangeRequest {
  readonly key: Uint8Array
  /** Exclusive end; undefined: the one key. See `prefixEnd`. */
  readonly rangeEnd?: Uint8Array
  /** 0 or undefined: no limit. */
  readonly limit?: number
  /** Undefined: now. @see StoreError `compacted`, `future-revision` */
  readonly revision?: number
  readonly keysOnly?: boolean
  readonly countOnly?: boolean
  /** Answer from the asked member's own state, possibly stale. Default false: linearizable. */
  readonly serializable?: boolean
}

export interface RangeResponse {
  /** The store's revision when the answer was made. */
  readonly revision: number
  readonly kvs: readonly KeyValue[]
  readonly more: boolean
  /** Keys in the range, whatever the limit. */
  readonly count: number
}

export type Compare = { readonly key: Uint8Array; readonly operator: '=' | '!=' | '<' | '>' } & (
  | { readonly target: 'mod' | 'create' | 'version'; readonly value: number }
  | { readonly target: 'value'; readonly value: Uint8Array }
)

export type Operation =
  | {
      readonly type: 'put'
      readonly key: Uint8Array
      readonly value: Uint8Array
      readonly lease?: string | undefined
      readonly prevKv?: boolean
    }
  | {
      readonly type: 'delete'
      readonly key: Uint8Array
      readonly rangeEnd?: Uint8Array
      readonly prevKv?: boolean
    }
  | ({ readonly type: 'range' } & RangeRequest)

export interface TxnRequest {
  readonly compare: readonly Compare[]
  readonly success: readonly Operation[]
  readonly failure: readonly Operation[]
}

export type OperationResult =
  | { readonly type: 'put'; readonly prevKv?: KeyValue | undefined }
  | { readonly type: 'delete'; readonly deleted: number; readonly prevKvs: readonly KeyValue[] }
  | ({ readonly type: 'range' } & RangeResponse)

export interface TxnResponse {
  readonly revision: number
  readonly succeeded: boolean
  readonly results: readonly OperationResult[]
}

export interface WatchRequest {
  readonly key: Uint8Array
  readonly rangeEnd?: Uint8Array
  /** First revision to deliver; undefined: from the next change on. */
  readonly startRevision?: number
  readonly prevKv?: boolean
  /** Also deliver empty batches that tell how far the watch has come. */
  readonly progressNotify?: boolean
}

export interface WatchEvent {
  readonly type: 'put' | 'delete'
  /** For a delete: key and modRevision only. */
  readonly kv: KeyValue
  readonly prevKv?: KeyValue | undefined
}

export interface WatchBatch {
  /** Every event up to and including this revision has been delivered with or before this batch. */
  readonly revision: number
  /** In revision order; all events of one revision are in one batch; empty for progress. */
  readonly events: readonly WatchEvent[]
}

export interface Watch {
  /**
   * The next batch; undefined after `cancel`. Survives the loss of a member: it resumes elsewhere from where
   * it was, without gap or duplicate. @throws StoreError `compacted` when that is no longer possible
   */
  read(): Promise<WatchBatch | undefined>
  /** Asks for a progress batch soon. */
  requestProgress(): void
  cancel(): void
}

export type StoreErrorCode =
  /** The revision was compacted; `revision` says up to where. */
  | 'compacted'
  | 'future-revision'
  /** Nothing was written; try again. */
  | 'no-leader'
  | 'timeout'
  | 'too-many-requests'
  /** The write may or may not have happened; read before retrying. */
  | 'unknown-outcome'
  | 'no-space'
  | 'request-too-large'
  | 'too-many-operations'
  | 'duplicate-key'
  | 'lease-not-found'
  | 'corrupt'
  | 'invalid-argument'
  | 'closed'

export class StoreError extends Error {
  readonly code: StoreErrorCode
  /** For `compacted`: the compact revision. */
  readonly revision: number | undefined
  constructor(code: StoreErrorCode, message: string, options?: { revision?: number; cause?: unknown }) {
    super(message, { cause: options?.cause })
    this.name = 'StoreError'
    this.code = code
    this.revision = options?.revision
  }
}

export interface MemberStatus {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly leaderId: string | undefined
  readonly term: number
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly revision: number
  readonly compactRevision: number
  readonly dbSizeBytes: number
  readonly fsyncP99Ms: number
  readonly version: string
  /** The last leadership change in words (role, reason). */
  readonly lastChange: string
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  /** Default 5,000. Covers retries after a `no-leader`. */
  readonly timeoutMs?: number
}

export interface StoreClient {
  range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse>
  /**
   * Applied atomically at one revision. A read-only transaction takes the read path.
   * Retried by itself only while it is certain that nothing was written; else `unknown-outcome`.
   */
  txn(request: TxnRequest, options?: CallOptions): Promise<TxnResponse>
  watch(request: WatchRequest): Watch
  /** @returns the lease id, 16 hex digits; its keys vanish `ttlSeconds` after the grant unless kept alive. */
  leaseGrant(ttlSeconds: number, options?: CallOptions): Promise<string>
  leaseRevoke(lease: string, options?: CallOptions): Promise<void>
  /** Forgets history before `revision`; later reads of it fail with `compacted`. */
  compact(revision: number, options?: CallOptions): Promise<void>
  /** One entry per configured endpoint; `error` where it did not answer. */
  status(
    options?: CallOptions,
  ): Promise<
    readonly { readonly endpoint: string; readonly status?: MemberStatus; readonly error?: string }[]
  >
  close(): Promise<void>
}

/** The exclusive end of the range of all keys that start with `prefix`; `\0` (all keys from here) for 0xff…ff. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  for (let length = prefix.length; length > 0; length -= 1) {
    const last = prefix[length - 1] ?? 0xff
    if (last < 0xff) {
      const end = prefix.slice(0, length)
      end[length - 1] = last + 1
      return end
    }
  }
  return Uint8Array.of(0)
}

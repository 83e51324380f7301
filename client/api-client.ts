/**
 * The REST client that every component speaks through: client-go's role, in one interface.
 *
 * Promised: each request has a deadline; connection failures are tried on the next server; a write that
 * may have been delivered is never sent twice on its own (the caller decides, with what it knows about
 * idempotence); every HTTP error is an `ApiError`, every connection failure a `NetworkError`.
 * Not promised: that two reads go to the same apiserver. Reads without a resourceVersion are consistent
 * all the same, watches resume anywhere.
 *
 * Source: Kubernetes API concepts (verbs, list, watch); client-go `rest.Request`.
 */
import type { Resource } from '../api/kind.ts'
import type { ObjectMeta } from '../api/types.ts'
import type { ByteSource, TlsIdentity } from '../platform/network.ts'
import type { Powers } from '../platform/powers.ts'
import { resourceClient } from './resource-client.ts'
import { Transport } from './transport.ts'

/** What all objects share. */
export interface ApiObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
}

/** Deadline and end of one call. `timeoutMs` bounds each attempt (default 10 s). */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
}

export interface GetOptions extends CallOptions {
  readonly resourceVersion?: string | undefined
}

export interface WriteOptions extends CallOptions {
  readonly fieldManager?: string | undefined
  readonly fieldValidation?: 'Ignore' | 'Warn' | 'Strict' | undefined
  readonly dryRun?: boolean | undefined
}

export interface PatchOptions extends WriteOptions {
  readonly type: 'json' | 'merge' | 'strategic' | 'apply'
  readonly subresource?: string | undefined
  /** Apply only: take fields that another manager owns. */
  readonly force?: boolean | undefined
}

export interface DeleteCallOptions extends CallOptions {
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined
  readonly gracePeriodSeconds?: number | undefined
  readonly preconditions?:
    | { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined }
    | undefined
  readonly dryRun?: boolean | undefined
}

export interface SelectorOptions {
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
}

export interface ListOptions extends CallOptions, SelectorOptions {
  /** Absent: consistent. "0": whatever the server's cache has. */
  readonly resourceVersion?: string | undefined
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined
  readonly limit?: number | undefined
  readonly continue?: string | undefined
}

export interface WatchOptions extends SelectorOptions {
  readonly resourceVersion?: string | undefined
  readonly resourceVersionMatch?: 'NotOlderThan' | undefined
  readonly allowWatchBookmarks?: boolean | undefined
  readonly sendInitialEvents?: boolean | undefined
  /** The server ends the watch after this long; the stream fails when that passes without an end. Default 30. */
  readonly timeoutSeconds?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ListResult<T> {
  readonly resourceVersion: string
  /** The token of the next page; absent on the last. */
  readonly continue?: string | undefined
  readonly items: readonly T[]
}

/** What a watch tells. An ERROR event is not one of these: `read` throws it as an `ApiError`. */
export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly isInitialEventsEnd: boolean }

/** Events in the order of their resourceVersions. One `read` at a time. */
export interface WatchStream<T> {
  /**
   * The next event; undefined when the server ended the watch in the regular way.
   * @throws ApiError (410: relist) or NetworkError (resume from the last resourceVersion)
   */
  read(): Promise<WatchEvent<T> | undefined>
  /** Ends the watch. Idempotent. A pending `read` gives undefined. */
  cancel(): void
}

/** One resource in one namespace (or in all, or at cluster scope). @throws ApiError, NetworkError in every call */
export interface ResourceClient<T> {
  get(name: string, options?: GetOptions): Promise<T>
  list(options?: ListOptions): Promise<ListResult<T>>
  watch(options: WatchOptions): Promise<WatchStream<T>>
  /** Namespace: the object's own, else the client's. */
  create(object: T, options?: WriteOptions): Promise<T>
  update(object: T, options?: WriteOptions): Promise<T>
  updateStatus(object: T, options?: WriteOptions): Promise<T>
  patch(name: string, patch: unknown, options: PatchOptions): Promise<T>
  delete(name: string, options?: DeleteCallOptions): Promise<void>
  deleteCollection(options?: DeleteCallOptions & SelectorOptions): Promise<void>
  getSubresource(name: string, subresource: string, options?: CallOptions): Promise<unknown>
  /** POST to `binding`, `eviction`, `token`… */
  createSubresource(name: string, subresource: string, body: unknown, options?: CallOptions): Promise<unknown>
  updateSubresource(name: string, subresource: string, body: unknown, options?: CallOptions): Promise<unknown>
}

export interface RawRequest extends CallOptions {
  readonly method: string
  /** Path and query, from the root. */
  readonly path: string
  /** A Uint8Array or text is sent as it is, anything else as JSON. */
  readonly body?: unknown
  readonly contentType?: string | undefined
  readonly accept?: string | undefined
}

export interface RawResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** The caller reads or cancels it. Only the head is under the deadline. */
  readonly body: ByteSource
}

export interface ApiClient {
  /** `namespace` undefined: all namespaces, or cluster scope. */
  resource<T extends ApiObject>(resource: Resource<T>, namespace?: string): ResourceClient<T>
  /** Any request; HTTP errors come back as responses. @throws NetworkError */
  raw(request: RawRequest): Promise<RawResponse>
  /** Aborts what is under way. Idempotent. */
  close(): void
}

export type ClientPowers = Pick<Powers, 'clock' | 'random' | 'network' | 'metrics' | 'log'>

export interface ApiClientConfig {
  /** `https://host:port`, tried in turn on connection failure; the start is drawn. */
  readonly servers: readonly string[]
  readonly tls?: Partial<TlsIdentity> | undefined
  /** Asked for every request, so that rotated tokens are seen. */
  readonly bearerToken?: (() => string) | undefined
  readonly userAgent: string
  /** Requests per second and burst (watches are free); absent: unlimited. */
  readonly rateLimit?: { readonly perSecond: number; readonly burst: number } | undefined
}

/** Builds a client. Opens no connection yet. */
export function createApiClient(powers: ClientPowers, config: ApiClientConfig): ApiClient {
  const transport = new Transport(powers, config)
  return {
    resource: (resource, namespace) => resourceClient(transport, resource, namespace),
    raw: (request) => transport.raw(request),
    close: () => transport.close(),
  }
}

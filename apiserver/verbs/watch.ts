/**
 * WATCH: a stream of newline-separated events from the watch cache.
 *
 *     resourceVersion "" or "0"      the present objects as ADDED, then changes
 *     resourceVersion N              changes after N, or one ERROR event 410 when N is too old
 *     sendInitialEvents=true         the present objects, a bookmark `k8s.io/initial-events-end`, changes
 *
 * Ends after timeoutSeconds (else 30 to 60 minutes) with a last bookmark for those who asked for
 * bookmarks, and at once when the reader is too slow. Source: k8s.io/apiserver pkg/endpoints/handlers/
 * watch.go, get.go; KEP-3157.
 */
import { expired, internalError, timeout } from '../../api/meta/status.ts'
import type { Kind } from '../../api/kind.ts'
import { type Clock, DeadlineExceeded } from '../../platform/clock.ts'
import type { ByteSource, HttpResponse } from '../../platform/network.ts'
import type { Random } from '../../platform/random.ts'
import { type Cacher, RevisionTooOld } from '../cacher/cacher.ts'
import type { WatchType } from '../cacher/cache-event.ts'
import type { WatchItem, Watcher } from '../cacher/watcher.ts'
import { concatBytes } from '../pipeline/read-body.ts'
import { toApiError } from '../pipeline/error-response.ts'
import { fromStorage, jsonFromStorage } from '../registry/conversion.ts'
import { apiVersionOf } from '../storage/keys.ts'
import { asObject } from '../storage/parse.ts'
import { type EncodeContext, transformed } from './encode.ts'
import { freshnessWaitMs, type ListSources } from './list.ts'
import { type ListOptions, parseRevision, type Selection } from './list-options.ts'

const encoder = new TextEncoder()
const eventEnd = encoder.encode('}\n')
/** Without timeoutSeconds a watch lives for a random time in [1800, 3600) s, so that clients spread. */
const minRequestTimeoutSeconds = 1_800
/** Items turned to bytes at once. */
const batchItemsMax = 128
/** How long a watch waits for the cache to be loaded. */
const loadWaitMs = 20_000

export interface WatchRequest {
  readonly kind: Kind
  readonly selection: Selection
  readonly options: ListOptions
  readonly context: EncodeContext
  readonly signal: AbortSignal
}

/** The response whose body is the stream. @throws ApiError 400, 504 */
export async function watchObjects(
  powers: { readonly clock: Clock; readonly random: Random },
  sources: ListSources,
  request: WatchRequest,
): Promise<HttpResponse> {
  const { options, kind } = request
  const revision = parseRevision(options.resourceVersion)
  const cacher = sources.cachers.for(kind, revision === 0 ? undefined : revision)
  const headers = { 'content-type': 'application/json' }
  try {
    await becomeFresh(sources, cacher, request, revision)
    const watcher = startWatcher(cacher, request, revision)
    const seconds = options.timeoutSeconds || minRequestTimeoutSeconds * (1 + powers.random.float())
    const body = new WatchBody({ clock: powers.clock, cacher, watcher, request, timeoutMs: seconds * 1000 })
    return { status: 200, headers, body }
  } catch (error) {
    if (!(error instanceof RevisionTooOld)) throw error
    const status = expired(error.message).status
    return { status: 200, headers, body: `${JSON.stringify({ type: 'ERROR', object: status })}\n` }
  }
}

/** A watch that begins with the present objects must not show an older state than its request asks for. */
async function becomeFresh(
  sources: ListSources,
  cacher: Cacher,
  request: WatchRequest,
  revision: number | undefined,
): Promise<void> {
  const needsNow = revision === undefined
  const wanted = needsNow
    ? await sources.revisions.current()
    : request.options.sendInitialEvents
      ? revision
      : 0
  try {
    if (!cacher.isReady) await cacher.waitFor(0, loadWaitMs, request.signal)
    await cacher.waitFor(wanted, freshnessWaitMs, request.signal)
  } catch (error) {
    if (!(error instanceof DeadlineExceeded) || request.signal.aborted) throw error
    throw timeout(`the watch cache is behind: ${error.message}`, 1)
  }
}

function startWatcher(cacher: Cacher, request: WatchRequest, revision: number | undefined): Watcher {
  const { options, selection } = request
  const withInitial =
    options.sendInitialEvents === true ||
    (options.sendInitialEvents === undefined && (revision === undefined || revision === 0))
  return cacher.watch({
    prefix: selection.prefix,
    matches: selection.matches,
    withInitial,
    withInitialEnd: options.sendInitialEvents === true && options.allowBookmarks,
    afterRevision: revision === undefined || revision === 0 ? undefined : revision,
    wantsBookmarks: options.allowBookmarks,
  })
}

/** The stream that the connection pulls. Slow pulling fills the watcher's queue, whose bound ends it. */
class WatchBody implements ByteSource {
  readonly #options: {
    readonly cacher: Cacher
    readonly watcher: Watcher
    readonly request: WatchRequest
  }
  readonly #timer: { cancel(): void }
  readonly #onAbort: () => void
  #hasSentDefinitions = false

  constructor(options: {
    clock: Clock
    cacher: Cacher
    watcher: Watcher
    request: WatchRequest
    timeoutMs: number
  }) {
    this.#options = options
    this.#timer = options.clock.setTimer(options.timeoutMs, () => {
      options.watcher.bookmark(options.cacher.revision)
      options.watcher.close('expired')
    })
    this.#onAbort = () => this.cancel()
    options.request.signal.addEventListener('abort', this.#onAbort, { once: true })
    if (options.request.signal.aborted) this.cancel()
  }

  async read(): Promise<Uint8Array | undefined> {
    const { watcher } = this.#options
    for (;;) {
      const items = await watcher.read(batchItemsMax)
      if (!items) {
        this.#release()
        return undefined
      }
      const chunks = items.map((item) => this.#bytesOf(item))
      const bytes = concatBytes(chunks)
      if (bytes.length > 0) return bytes
    }
  }

  cancel(): void {
    this.#options.watcher.close('cancelled')
    this.#release()
  }

  #release(): void {
    this.#timer.cancel()
    this.#options.request.signal.removeEventListener('abort', this.#onAbort)
  }

  #bytesOf(item: WatchItem): Uint8Array {
    const { kind, context } = this.#options.request
    if (item.kind === 'bookmark')
      return eventBytes('BOOKMARK', this.#bookmarkValue(item.revision, item.isInitialEnd))
    try {
      if (context.representation.as !== 'none') {
        const value = transformed(context, fromStorage(kind, item.object), !this.#hasSentDefinitions)
        this.#hasSentDefinitions = true
        return eventBytes(item.type, value)
      }
      const encode = () => plainEventBytes(item.type, jsonFromStorage(kind, item.object))
      const isShared = item.source !== undefined && item.object.apiVersion === apiVersionOf(kind)
      return isShared && item.source ? item.source.encoded(item.type, encode) : encode()
    } catch (error) {
      return eventBytes(
        'ERROR',
        toApiError(internalError(`cannot encode ${item.object.key}: ${String(error)}`)).error.status,
      )
    }
  }

  #bookmarkValue(revision: number, isInitialEnd: boolean): unknown {
    const { kind, context } = this.#options.request
    const object = asObject({
      kind: kind.kind,
      apiVersion: apiVersionOf(kind),
      metadata: {
        resourceVersion: String(revision),
        creationTimestamp: null,
        ...(isInitialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
      },
    })
    if (context.representation.as !== 'Table') return transformed(context, object)
    return {
      kind: 'Table',
      apiVersion: `meta.k8s.io/${context.representation.asVersion}`,
      metadata: { resourceVersion: String(revision) },
      columnDefinitions: [],
      rows: [{ cells: [], object }],
    }
  }
}

function plainEventBytes(type: WatchType, json: Uint8Array): Uint8Array {
  return concatBytes([encoder.encode(`{"type":"${type}","object":`), json, eventEnd])
}

function eventBytes(type: string, value: unknown): Uint8Array {
  return encoder.encode(`${JSON.stringify({ type, object: value })}\n`)
}

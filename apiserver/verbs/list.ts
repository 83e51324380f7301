/**
 * LIST: from the watch cache wherever that is right, else from the store at a pinned revision.
 *
 *     resourceVersion   served from
 *     ""                the cache, once it has reached the store's revision of now
 *     "0"               the cache as it is
 *     N NotOlderThan    the cache, once it has reached N
 *     N Exact           the store at N
 *     continue          the store at the token's revision
 *
 * A first page from the cache at revision R hands out a token for R, so that later pages are of the same
 * state. Source: k8s.io/apiserver pkg/storage/cacher/cacher.go GetList, KEP-2340.
 */
import { badRequest, expired, expiredContinue, tooLargeResourceVersion } from '../../api/meta/status.ts'
import type { Kind } from '../../api/kind.ts'
import { DeadlineExceeded } from '../../platform/clock.ts'
import { StoreError } from '../../store/client/store-client.ts'
import type { Cacher } from '../cacher/cacher.ts'
import type { CacherSet } from '../cacher/cacher-set.ts'
import { type ContinueToken, decodeContinue, encodeContinue } from '../storage/continue-token.ts'
import { kindPrefix } from '../storage/keys.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import type { RevisionReader } from '../storage/revision-reader.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import type { ListPayload } from './encode.ts'
import { type ListOptions, parseRevision, type Selection } from './list-options.ts'

/** How long a list waits for the cache to reach a revision. */
export const freshnessWaitMs = 3_000
/** Keys read at once from the store while objects are picked by selectors. */
const storePageMax = 500

export interface ListSources {
  readonly cachers: CacherSet
  readonly storage: ObjectStorage
  readonly revisions: RevisionReader
}

export interface ListRequest {
  readonly kind: Kind
  readonly selection: Selection
  readonly options: ListOptions
  readonly signal: AbortSignal
}

/** @throws ApiError 400, 410, 504; StoreError */
export async function listObjects(sources: ListSources, request: ListRequest): Promise<ListPayload> {
  const { options } = request
  if (options.continueToken !== '') return await continueList(sources, request)
  const revision = parseRevision(options.resourceVersion)
  if (options.match === 'Exact') return await listFromStore(sources, request, { revision, start: '' })
  const cacher = sources.cachers.for(request.kind)
  const wanted = revision ?? (await sources.revisions.current())
  try {
    await cacher.waitFor(wanted, freshnessWaitMs, request.signal)
  } catch (error) {
    if (!(error instanceof DeadlineExceeded) || request.signal.aborted) throw error
    if (revision !== undefined && cacher.isReady)
      throw tooLargeResourceVersion(options.resourceVersion, String(cacher.revision), 1)
    const list = await listFromStore(sources, request, { revision: undefined, start: '' })
    if (revision !== undefined && Number(list.resourceVersion) < revision)
      throw tooLargeResourceVersion(options.resourceVersion, list.resourceVersion, 1)
    return list
  }
  return listFromCache(cacher, request)
}

function listFromCache(cacher: Cacher, request: ListRequest): ListPayload {
  const { selection, options, kind } = request
  const all = cacher.list(selection.prefix)
  const objects = selection.isEverything ? all : all.filter(selection.matches)
  const limit = options.resourceVersion === '0' ? 0 : options.limit
  if (limit === 0 || objects.length <= limit) return payload(objects, cacher.revision)
  const page = objects.slice(0, limit)
  return payload(page, cacher.revision, {
    token: { revision: cacher.revision, start: startAfter(kind, page) },
    remaining: selection.isEverything ? objects.length - limit : undefined,
  })
}

async function continueList(sources: ListSources, request: ListRequest): Promise<ListPayload> {
  const { options } = request
  const token = decodeContinue(options.continueToken)
  if (!token)
    throw badRequest('continue key is not valid: it was not issued by this API, list again without it')
  if (options.resourceVersion !== '' && options.resourceVersion !== '0')
    throw badRequest('specifying resource version is not allowed when using continue')
  try {
    return await listFromStore(sources, request, {
      revision: token.revision > 0 ? token.revision : undefined,
      start: token.start,
    })
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'compacted') throw error
    const text =
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
      'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
      'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
      'deleted between the time the first chunk was returned and now may show up in the list.'
    throw expiredContinue(text, encodeContinue({ revision: -1, start: token.start }))
  }
}

/** Reads pages at one revision until the limit is reached or nothing is left. */
async function listFromStore(
  sources: ListSources,
  request: ListRequest,
  from: { revision: number | undefined; start: string },
): Promise<ListPayload> {
  const { selection, options, kind } = request
  const prefix = kindPrefix(kind)
  const base = selection.prefix.slice(prefix.length)
  const picked: StoredObject[] = []
  let start = from.start
  let revision = from.revision
  for (;;) {
    const left = options.limit > 0 ? options.limit - picked.length : 0
    const pageMax = options.limit > 0 && selection.isEverything ? left : storePageMax
    const page = await listPage(sources, {
      prefix: selection.prefix,
      start: start.startsWith(base) ? start.slice(base.length) : start,
      limit: pageMax,
      revision,
    })
    revision ??= page.revision
    for (const [at, stored] of page.objects.entries()) {
      if (!selection.matches(stored)) continue
      picked.push(stored)
      if (options.limit === 0 || picked.length < options.limit) continue
      if (!page.more && at === page.objects.length - 1) break
      return payload(picked, revision, {
        token: { revision, start: startAfter(kind, picked) },
        remaining: selection.isEverything ? page.count - page.objects.length : undefined,
      })
    }
    if (!page.more || page.objects.length === 0) return payload(picked, revision)
    start = startAfter(kind, page.objects)
  }
}

async function listPage(
  sources: ListSources,
  options: { prefix: string; start: string; limit: number; revision: number | undefined },
) {
  try {
    return await sources.storage.list(options)
  } catch (error) {
    if (error instanceof StoreError && error.code === 'future-revision')
      throw tooLargeResourceVersion(String(options.revision), '', 1)
    if (error instanceof StoreError && error.code === 'compacted' && options.start === '')
      throw expired(
        `The resourceVersion for the provided list is too old: ${String(options.revision)} was compacted`,
      )
    throw error
  }
}

/** The key after the last object, below the kind's prefix. */
function startAfter(kind: Kind, objects: readonly StoredObject[]): string {
  return `${(objects.at(-1)?.key ?? '').slice(kindPrefix(kind).length)}\0`
}

function payload(
  objects: readonly StoredObject[],
  revision: number,
  next?: { token: ContinueToken; remaining: number | undefined },
): ListPayload {
  return {
    objects,
    resourceVersion: String(revision),
    continueToken: next ? encodeContinue(next.token) : '',
    remaining: next?.remaining,
  }
}

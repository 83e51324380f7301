/**
 * GET: from the store, linearizably; with `resourceVersion` set, from the watch cache once it has reached
 * that version.
 */
import { notFound, tooLargeResourceVersion } from '../../api/meta/status.ts'
import { DeadlineExceeded } from '../../platform/clock.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { objectKey } from '../storage/keys.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import { objectResponse } from './encode.ts'
import { freshnessWaitMs } from './list.ts'
import { parseRevision } from './list-options.ts'
import { encodeContext, type ResourceExchange } from './resource-exchange.ts'

/** @throws ApiError 404, 504 */
export async function getVerb(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const { kind, info } = request
  const context = encodeContext(parts, request)
  const key = objectKey(kind, info.namespace, info.name)
  const revision = parseRevision(info.query.get('resourceVersion') ?? '')
  const stored =
    revision === undefined ? await parts.storage.get(key) : await getCached(parts, request, key, revision)
  if (!stored) throw notFound(kind, info.name)
  return objectResponse(context, 200, stored)
}

async function getCached(
  parts: Parts,
  request: ResourceExchange,
  key: string,
  revision: number,
): Promise<StoredObject | undefined> {
  const cacher = parts.cachers.for(request.kind)
  try {
    await cacher.waitFor(revision, freshnessWaitMs, request.signal)
  } catch (error) {
    if (!(error instanceof DeadlineExceeded) || request.signal.aborted) throw error
    if (cacher.isReady) throw tooLargeResourceVersion(String(revision), String(cacher.revision), 1)
    return await parts.storage.get(key)
  }
  return cacher.get(key)
}

/** Server-side apply. */
import { unsupportedMediaType } from '../../api/meta/status.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import type { ResourceExchange } from './resource-exchange.ts'

/** @throws ApiError 400, 409, 415, 422 */
export async function applyPatchVerb(
  _parts: Parts,
  _request: ResourceExchange,
  _subresource: string,
): Promise<HttpResponse> {
  throw unsupportedMediaType([])
}

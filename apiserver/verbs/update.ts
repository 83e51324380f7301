/** PUT to an object or its `/status`. */
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { updateObject } from '../registry/update.ts'
import { encodeContext, type ResourceExchange } from './resource-exchange.ts'
import { readObject, writeCall, writeResponse } from './write-scope.ts'

/** @throws ApiError 400, 404, 409, 413, 415, 422 */
export async function updateVerb(
  parts: Parts,
  request: ResourceExchange,
  subresource: string,
): Promise<HttpResponse> {
  encodeContext(parts, request)
  const { scope, options } = writeCall(request, subresource)
  const object = await readObject(request, options)
  const mayCreate = request.kind.createsOnUpdate === true && subresource === ''
  const outcome = await updateObject(parts.registry, scope, request.info.name, {
    apply: () => object,
    ...(mayCreate ? { createIfMissing: () => object } : {}),
  })
  return writeResponse(parts, request, outcome)
}

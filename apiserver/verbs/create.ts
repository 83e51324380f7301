/** POST to a collection. */
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { createObject } from '../registry/create.ts'
import { encodeContext, type ResourceExchange } from './resource-exchange.ts'
import { createBinding } from '../subresources/binding.ts'
import { createReview, isReview } from '../subresources/reviews.ts'
import { readObject, writeCall, writeResponse } from './write-scope.ts'

/** @throws ApiError 400, 403, 409, 413, 415, 422 */
export async function createVerb(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  if (isReview(request.kind)) return await createReview(parts, request)
  if (request.kind.group === '' && request.kind.resource === 'bindings')
    return await createBinding(parts, request)
  encodeContext(parts, request)
  const { scope, options } = writeCall(request, '')
  const object = await readObject(request, options)
  const outcome = await createObject(parts.registry, scope, object)
  return writeResponse(parts, request, outcome)
}

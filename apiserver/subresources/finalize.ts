/** PUT namespaces/{name}/finalize: the namespace controller gives up its hold on `spec.finalizers`. */
import { fieldOf } from '../../api/meta/json.ts'
import { methodNotSupported } from '../../api/meta/status.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { updateObject } from '../registry/update.ts'
import { asObject } from '../storage/parse.ts'
import { encodeContext, type ResourceExchange } from '../verbs/resource-exchange.ts'
import { readObject, writeCall, writeResponse } from '../verbs/write-scope.ts'

/** @throws ApiError 400, 404, 405, 409 */
export async function serveFinalize(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  if (request.info.verb !== 'update') throw methodNotSupported(request.kind, request.info.verb)
  encodeContext(parts, request)
  const { scope, options } = writeCall(request, 'finalize')
  const given = await readObject(request, options)
  const finalizers = fieldOf(given['spec'], 'finalizers') ?? []
  const outcome = await updateObject(parts.registry, scope, request.info.name, {
    apply: (current) =>
      asObject({
        ...current,
        metadata: { ...current.metadata, resourceVersion: given.metadata.resourceVersion },
        spec: { ...Object.fromEntries(Object.entries(current['spec'] ?? {})), finalizers },
      }),
  })
  return writeResponse(parts, request, outcome)
}

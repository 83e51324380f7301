/** DELETE of an object or of a selected collection. */
import { isNotFound, success } from '../../api/meta/status.ts'
import type { HttpResponse } from '../../platform/network.ts'
import { readBody } from '../pipeline/read-body.ts'
import type { Parts } from '../parts.ts'
import { deleteObject, type DeleteOutcome } from '../registry/deletion.ts'
import { fromStorage } from '../registry/conversion.ts'
import { encodedResponse, listResponse, valueResponse } from './encode.ts'
import { listObjects } from './list.ts'
import { parseListOptions, parseSelection } from './list-options.ts'
import { encodeContext, type ResourceExchange } from './resource-exchange.ts'
import { parseDeleteOptions } from './write-options.ts'
import { writeCall } from './write-scope.ts'

/** Kinds whose last state is the answer, instead of a Status (upstream's ReturnDeletedObject). */
const returnsObject = new Set([
  'pods',
  'podtemplates',
  'services',
  'serviceaccounts',
  'persistentvolumes',
  'persistentvolumeclaims',
  'resourcequotas',
])

/** @throws ApiError 400, 404, 409 */
export async function deleteVerb(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const { kind, info, http } = request
  const context = encodeContext(parts, request)
  const body = await readBody(http.body)
  const { options, dryRun } = parseDeleteOptions(body, http.headers['content-type'] ?? '', info.query)
  const scope = { ...writeCall(request, '').scope, dryRun }
  const outcome = await deleteObject(parts.registry, scope, info.name, options)
  const isAccepted = !outcome.isGone && options.propagationPolicy === 'Foreground'
  if (!outcome.isGone || returnsObject.has(kind.resource))
    return valueResponse(context, isAccepted ? 202 : 200, outcome.object)
  return encodedResponse({ ...context.representation, as: 'none' }, 200, successOf(request, outcome))
}

function successOf(request: ResourceExchange, { object }: DeleteOutcome) {
  const { kind } = request
  return success({
    name: object.metadata.name,
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.resource,
    uid: object.metadata.uid,
  })
}

/** Deletes what is selected now, one after the other. @throws ApiError 400 */
export async function deleteCollectionVerb(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const { kind, info, http, signal } = request
  const context = encodeContext(parts, request)
  const body = await readBody(http.body)
  const { options, dryRun } = parseDeleteOptions(body, http.headers['content-type'] ?? '', info.query)
  const { scope } = writeCall(request, '')
  const selection = parseSelection(kind, info.namespace, info.query)
  const listOptions = parseListOptions(info.query, false)
  const list = await listObjects(parts, { kind, selection, options: listOptions, signal })
  for (const stored of list.objects) {
    const { name = '', namespace = '' } = fromStorage(kind, stored).metadata
    try {
      await deleteObject(parts.registry, { ...scope, namespace, dryRun }, name, options)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
  return listResponse(context, list)
}

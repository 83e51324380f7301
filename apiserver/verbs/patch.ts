/**
 * PATCH: JSON patch, merge patch, strategic merge patch, and server-side apply. The patch is applied to the
 * present object, again after a lost race, at most five times.
 * Source: k8s.io/apiserver pkg/endpoints/handlers/patch.go.
 */
import { decodeValue, mediaTypeOf } from '../../api/meta/codec.ts'
import { applyJsonPatch } from '../../api/meta/patch/json-patch.ts'
import { applyMergePatch } from '../../api/meta/patch/merge-patch.ts'
import { applyStrategicMergePatch } from '../../api/meta/patch/strategic-merge-patch.ts'
import { deepClone } from '../../api/meta/json.ts'
import { findDefinition } from '../../api/meta/schema.ts'
import { badRequest, unsupportedMediaType } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import { messageOf } from '../../platform/assert.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { readBody } from '../pipeline/read-body.ts'
import { updateObject } from '../registry/update.ts'
import { applyPatchVerb } from './apply.ts'
import { encodeContext, type ResourceExchange } from './resource-exchange.ts'
import { type WriteCall, writeCall, writeResponse } from './write-scope.ts'

/** Upstream's number of tries when somebody else writes in between. */
export const patchRacesMax = 5

const jsonPatchType = 'application/json-patch+json'
const mergePatchType = 'application/merge-patch+json'
const strategicPatchType = 'application/strategic-merge-patch+json'
const applyPatchType = 'application/apply-patch+yaml'

/** @throws ApiError 400, 404, 409, 413, 415, 422 */
export async function patchVerb(
  parts: Parts,
  request: ResourceExchange,
  subresource: string,
): Promise<HttpResponse> {
  encodeContext(parts, request)
  const type = mediaTypeOf(request.http.headers['content-type'] ?? '')
  if (type === applyPatchType) return await applyPatchVerb(parts, request, subresource)
  const patch = parsePatch(await readBody(request.http.body))
  const patched = patcherOf(type, request, patch)
  const call = writeCall(request, subresource)
  const outcome = await updateObject(parts.registry, call.scope, request.info.name, {
    apply: (current) => decodePatched(request, call, patched(current)),
    racesMax: patchRacesMax,
  })
  return writeResponse(parts, request, outcome)
}

/** How a patch of this media type changes a value. @throws ApiError 415 */
export function patcherOf(
  type: string,
  request: Pick<ResourceExchange, 'kind'>,
  patch: unknown,
): (current: KubeObject) => unknown {
  switch (type) {
    case jsonPatchType:
      return (current) => applyJsonPatch(deepClone(current), patch)
    case mergePatchType:
      return (current) => applyMergePatch(deepClone(current), patch)
    case strategicPatchType: {
      const definition = findDefinition(request.kind.definition)
      if (!definition) throw unsupportedMediaType([jsonPatchType, mergePatchType, applyPatchType])
      return (current) => applyStrategicMergePatch(deepClone(current), patch, definition)
    }
    default:
      throw unsupportedMediaType([jsonPatchType, mergePatchType, strategicPatchType, applyPatchType])
  }
}

/** @throws ApiError 400 */
export function parsePatch(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch (error) {
    throw badRequest(`error decoding patch: ${messageOf(error)}`)
  }
}

function decodePatched(request: ResourceExchange, call: WriteCall, value: unknown): KubeObject {
  const { kind, warnings } = request
  const expected = { group: kind.group, version: kind.version, kind: kind.kind }
  const decoded = decodeValue(deepClone(value), expected, call.options.fieldValidation)
  warnings.push(...decoded.warnings)
  return decoded.object
}

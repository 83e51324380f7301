/** From a request to the registry's view of a write; bodies read and decoded on the way. */
import { decode } from '../../api/meta/codec.ts'
import { badRequest } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { HttpResponse } from '../../platform/network.ts'
import { readBody } from '../pipeline/read-body.ts'
import type { Parts } from '../parts.ts'
import type { WriteOutcome, WriteScope } from '../registry/scope.ts'
import { valueResponse } from './encode.ts'
import { encodeContext, type ResourceExchange } from './resource-exchange.ts'
import { parseWriteOptions, type WriteOptions } from './write-options.ts'

/** A write and its options. */
export interface WriteCall {
  readonly scope: WriteScope
  readonly options: WriteOptions
}

/** @throws ApiError 400, 422 */
export function writeCall(request: ResourceExchange, subresource: string, isApply = false): WriteCall {
  const { kind, info, user, warnings, http } = request
  const options = parseWriteOptions(info.query, http.headers['user-agent'])
  const namespace = kind.namespaced ? info.namespace : ''
  const { dryRun, fieldManager } = options
  return {
    options,
    scope: { kind, namespace, subresource, user, dryRun, fieldManager, isApply, warnings },
  }
}

/** The request's object. @throws ApiError 400, 413, 415 */
export async function readObject(request: ResourceExchange, options: WriteOptions): Promise<KubeObject> {
  const { kind, http, warnings } = request
  const bytes = await readBody(http.body)
  if (bytes.length === 0) throw badRequest(`the request has no body: send a ${kind.kind}`)
  const contentType = http.headers['content-type'] ?? ''
  const expected = { group: kind.group, version: kind.version, kind: kind.kind }
  const decoded = decode(bytes, contentType, expected, options.fieldValidation)
  warnings.push(...decoded.warnings)
  return decoded.object
}

/** What a write left, as a response. */
export function writeResponse(
  parts: Pick<Parts, 'powers'>,
  request: ResourceExchange,
  outcome: WriteOutcome,
): HttpResponse {
  return valueResponse(encodeContext(parts, request), outcome.created ? 201 : 200, outcome.object)
}

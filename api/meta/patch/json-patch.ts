/**
 * JSON Patch (RFC 6902) as the API takes it.
 *
 * Source: apiserver pkg/endpoints/handlers/patch.go (limits, error forms); RFC 6902.
 */
import { applyPatch } from 'rfc6902'
import { deepClone, isArray, isObject, trusted } from '../json.ts'
import { ApiError, badRequest } from '../status.ts'

/** More operations than this are refused with 413. */
export const jsonPatchOperationsMax = 10_000

type Operations = Parameters<typeof applyPatch>[1]

const operations = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test'])

function checkOperation(operation: unknown, index: number): void {
  if (!isObject(operation)) throw badRequest(`error decoding patch: operation ${index} is not an object`)
  const { op, path, from } = operation
  if (typeof op !== 'string' || !operations.has(op)) {
    throw badRequest(`error decoding patch: operation ${index} has an unexpected kind: ${JSON.stringify(op)}`)
  }
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/'))) {
    throw badRequest(`error decoding patch: operation ${index} (${op}) has no path that begins with "/"`)
  }
  if ((op === 'move' || op === 'copy') && typeof from !== 'string') {
    throw badRequest(`error decoding patch: operation ${index} (${op}) has no "from"`)
  }
  if ((op === 'add' || op === 'replace') && !Object.hasOwn(operation, 'value')) {
    throw badRequest(`error decoding patch: operation ${index} (${op}) has no value`)
  }
}

function parseOperations(patch: unknown): Operations {
  if (!isArray(patch)) {
    throw badRequest(
      'error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch',
    )
  }
  if (patch.length > jsonPatchOperationsMax) {
    throw new ApiError({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `Request entity too large: The allowed maximum operations in a JSON patch is ${jsonPatchOperationsMax}, got ${patch.length}`,
      reason: 'RequestEntityTooLarge',
      code: 413,
    })
  }
  patch.forEach(checkOperation)
  return trusted<Operations>(deepClone(patch))
}

function rejected(cause: string): ApiError {
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `the server rejected our request due to an error in our request: ${cause}`,
    reason: 'Invalid',
    code: 422,
  })
}

/**
 * A new document with the operations applied; the given one is not changed.
 * @throws ApiError 400 for a malformed patch, 413 for too many operations, 422 when one cannot be applied
 */
export function applyJsonPatch<T>(document: T, patch: unknown): T {
  const parsed = parseOperations(patch)
  const result = { document: trusted<unknown>(deepClone(document)) }
  const rooted = parsed.map((operation) => ({
    ...operation,
    path: `/document${operation.path}`,
    ...('from' in operation ? { from: `/document${operation.from}` } : {}),
  }))
  const problems = applyPatch(result, trusted<Operations>(rooted))
  problems.forEach((problem, index) => {
    if (problem === null) return
    const operation = parsed[index]
    throw rejected(
      `${operation?.op ?? ''} operation does not apply: doc is missing path or value differs: ${operation?.path ?? ''}`,
    )
  })
  return trusted<T>(result.document)
}

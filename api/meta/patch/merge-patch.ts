/** JSON Merge Patch (RFC 7386): null removes, objects merge, everything else replaces. */
import type { JsonObject } from '../json.ts'
import { deepEqual, isObject, setField, trusted } from '../json.ts'

function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const base: JsonObject = isObject(target) ? target : {}
  const result: Record<string, unknown> = { ...base }
  for (const key of Object.keys(patch)) {
    const value = patch[key]
    if (value === null) delete result[key]
    else setField(result, key, merge(Object.hasOwn(base, key) ? base[key] : undefined, value))
  }
  return result
}

/** A new document with the patch merged in; neither argument is changed, parts of both are shared. */
export function applyMergePatch<T>(document: T, patch: unknown): T {
  return trusted<T>(merge(document, patch))
}

/** The patch that turns `from` into `to`; `{}` when they are equal. Nulls in `to` cannot be expressed. */
export function createMergePatch(from: JsonObject, to: JsonObject): JsonObject {
  const patch: Record<string, unknown> = {}
  for (const key of Object.keys(from)) {
    if (from[key] !== undefined && to[key] === undefined) setField(patch, key, null)
  }
  for (const key of Object.keys(to)) {
    const next = to[key]
    if (next === undefined) continue
    const previous = Object.hasOwn(from, key) ? from[key] : undefined
    if (isObject(previous) && isObject(next)) {
      const inner = createMergePatch(previous, next)
      if (Object.keys(inner).length > 0) setField(patch, key, inner)
    } else if (!deepEqual(previous, next)) setField(patch, key, next)
  }
  return patch
}

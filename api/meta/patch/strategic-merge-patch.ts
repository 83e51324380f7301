/**
 * Strategic merge patch: a merge patch that knows, from the schema, which lists merge and by which key.
 *
 * Directives: `$patch: replace|delete|merge` in an object or a list item, `$retainKeys`,
 * `$deleteFromPrimitiveList/f` and `$setElementOrder/f` beside a list `f`. Items of the patch come first
 * where the live list does not fix the order, as upstream has it.
 * Source: k8s.io/apimachinery pkg/util/strategicpatch/patch.go.
 */
import type { JsonObject } from '../json.ts'
import { deepEqual, isArray, isObject, setField, trusted } from '../json.ts'
import type { Definition, FieldSchema, TypeSchema } from '../schema.ts'
import { findDefinition } from '../schema.ts'
import { badRequest } from '../status.ts'

const patchDirective = '$patch'
const retainKeysDirective = '$retainKeys'
const deletePrefix = '$deleteFromPrimitiveList/'
const orderPrefix = '$setElementOrder/'

/** How one field's value merges. */
interface Rules {
  readonly type: TypeSchema | undefined
  readonly field: FieldSchema | undefined
}

const noRules: Rules = { type: undefined, field: undefined }

function rulesOf(type: TypeSchema | undefined, key: string): Rules {
  if (type?.kind === 'map') return { type: type.value, field: undefined }
  if (type?.kind !== 'struct') return noRules
  const field = findDefinition(type.name)?.fields.get(key)
  return field === undefined ? noRules : { type: field.type, field }
}

function replaces(rules: Rules): boolean {
  return rules.field?.patchStrategies.includes('replace') ?? false
}

function mergesList(rules: Rules): boolean {
  return rules.field?.patchStrategies.includes('merge') ?? false
}

function isDirective(key: string): boolean {
  return (
    key === patchDirective ||
    key === retainKeysDirective ||
    key.startsWith(deletePrefix) ||
    key.startsWith(orderPrefix)
  )
}

function withoutDirective(patch: JsonObject, key: string): JsonObject {
  const { [key]: _, ...rest } = patch
  return rest
}

/** The patch as it stands where there is nothing to merge with: nulls and directives gone. */
function settled(patch: unknown, rules: Rules): unknown {
  if (isObject(patch)) return mergeObject({}, patch, rules.type)
  if (!isArray(patch)) return patch
  return mergesList(rules) ? mergeList([], patch, rules, undefined) : patch
}

function retainKeys(original: JsonObject, patch: JsonObject): JsonObject {
  const keys = patch[retainKeysDirective]
  if (!isArray(keys)) throw badRequest('invalid patch: $retainKeys is not a list of field names')
  const kept: Record<string, unknown> = {}
  for (const key of Object.keys(original)) if (keys.includes(key)) kept[key] = original[key]
  const missing = Object.keys(patch).find(
    (key) => !isDirective(key) && patch[key] !== null && !keys.includes(key),
  )
  if (missing !== undefined) {
    throw badRequest(
      `invalid patch: $retainKeys does not list the field ${JSON.stringify(missing)} that the patch sets`,
    )
  }
  return kept
}

function mergeField(original: unknown, patch: unknown, rules: Rules, order: unknown): unknown {
  if (isObject(patch) && isObject(original) && !replaces(rules))
    return mergeObject(original, patch, rules.type)
  if (isArray(patch) && isArray(original) && mergesList(rules))
    return mergeList(original, patch, rules, order)
  return settled(patch, rules)
}

function applyListDirectives(
  result: Record<string, unknown>,
  patch: JsonObject,
  type: TypeSchema | undefined,
): void {
  for (const key of Object.keys(patch)) {
    const value = patch[key]
    if (key.startsWith(deletePrefix)) {
      const name = key.slice(deletePrefix.length)
      const list = result[name]
      if (!isArray(value)) throw badRequest(`invalid patch: ${key} is not a list`)
      if (isArray(list)) result[name] = list.filter((item) => !value.some((gone) => deepEqual(gone, item)))
    } else if (key.startsWith(orderPrefix)) {
      const name = key.slice(orderPrefix.length)
      const list = result[name]
      if (!isArray(value)) throw badRequest(`invalid patch: ${key} is not a list`)
      if (isArray(list) && patch[name] === undefined) {
        result[name] = ordered(list, value, list, rulesOf(type, name).field?.mergeKey)
      }
    }
  }
}

function mergeObject(original: JsonObject, patch: JsonObject, type: TypeSchema | undefined): JsonObject {
  const directive = patch[patchDirective]
  if (directive !== undefined) {
    const rest = withoutDirective(patch, patchDirective)
    if (directive === 'replace') return rest
    if (directive === 'delete') return {}
    if (directive !== 'merge') throw badRequest(`Unknown patch type found: ${String(directive)}`)
    return mergeObject(original, rest, type)
  }
  const base = patch[retainKeysDirective] === undefined ? original : retainKeys(original, patch)
  const result: Record<string, unknown> = { ...base }
  applyListDirectives(result, patch, type)
  for (const key of Object.keys(patch)) {
    if (isDirective(key)) continue
    const value = patch[key]
    if (value === null) delete result[key]
    else {
      const known = Object.hasOwn(result, key) ? result[key] : undefined
      setField(result, key, mergeField(known, value, rulesOf(type, key), patch[`${orderPrefix}${key}`]))
    }
  }
  return result
}

function keyOf(item: unknown, mergeKey: string): unknown {
  return isObject(item) ? item[mergeKey] : undefined
}

function sameItem(a: unknown, b: unknown, mergeKey: string | undefined): boolean {
  return mergeKey === undefined ? deepEqual(a, b) : deepEqual(keyOf(a, mergeKey), keyOf(b, mergeKey))
}

function indexIn(list: readonly unknown[], item: unknown, mergeKey: string | undefined): number {
  return list.findIndex((other) => sameItem(other, item, mergeKey))
}

/**
 * `merged` with the items of `patchOrder` in that order and the others where the live list had them: a live
 * item goes before a patched one only when the live list knows both and had it first.
 */
function ordered(
  merged: readonly unknown[],
  patchOrder: readonly unknown[],
  liveOrder: readonly unknown[],
  mergeKey: string | undefined,
): readonly unknown[] {
  const rank = (item: unknown) => indexIn(patchOrder, item, mergeKey)
  const place = (item: unknown) => indexIn(liveOrder, item, mergeKey)
  const patched = merged.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b))
  const liveOnly = merged.filter((item) => rank(item) < 0)
  const result: unknown[] = []
  while (patched.length > 0 && liveOnly.length > 0) {
    const livePlace = place(liveOnly[0])
    const patchedPlace = place(patched[0])
    const liveFirst = livePlace >= 0 && patchedPlace >= 0 && livePlace < patchedPlace
    result.push(liveFirst ? liveOnly.shift() : patched.shift())
  }
  return [...result, ...patched, ...liveOnly]
}

function mergePrimitives(
  original: readonly unknown[],
  patch: readonly unknown[],
  order: unknown,
): readonly unknown[] {
  const merged = [...original]
  for (const item of patch) if (indexIn(merged, item, undefined) < 0) merged.push(item)
  return ordered(merged, isArray(order) ? order : patch, original, undefined)
}

function requireKey(item: JsonObject, mergeKey: string): void {
  if (item[mergeKey] === undefined || item[mergeKey] === null) {
    throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`)
  }
}

function mergeItems(
  original: readonly unknown[],
  patch: readonly JsonObject[],
  mergeKey: string,
  itemType: TypeSchema | undefined,
): unknown[] {
  const merged = [...original]
  for (const item of patch) {
    requireKey(item, mergeKey)
    const index = indexIn(merged, item, mergeKey)
    const known = merged[index]
    if (isObject(known)) merged[index] = mergeObject(known, item, itemType)
    else merged.push(mergeObject({}, item, itemType))
  }
  return merged
}

function mergeObjectList(
  original: readonly unknown[],
  patch: readonly JsonObject[],
  rules: Rules,
  order: unknown,
): readonly unknown[] {
  const itemType = rules.type?.kind === 'list' ? rules.type.item : undefined
  const mergeKey = rules.field?.mergeKey
  const replacement = patch.filter((item) => item[patchDirective] !== 'replace')
  if (replacement.length < patch.length) return replacement.map((item) => mergeObject({}, item, itemType))
  if (mergeKey === undefined)
    throw badRequest('invalid patch: a list of objects merges, but its schema names no merge key')
  let base = original
  for (const item of patch) {
    if (item[patchDirective] !== 'delete') continue
    requireKey(item, mergeKey)
    base = base.filter((known) => !sameItem(known, item, mergeKey))
  }
  const rest = patch.filter((item) => item[patchDirective] !== 'delete')
  const merged = mergeItems(base, rest, mergeKey, itemType)
  return ordered(merged, isArray(order) ? order : rest, original, mergeKey)
}

function mergeList(
  original: readonly unknown[],
  patch: readonly unknown[],
  rules: Rules,
  order: unknown,
): readonly unknown[] {
  const objects = patch.filter(isObject)
  if (objects.length === 0) return mergePrimitives(original, patch, order)
  if (objects.length < patch.length) throw badRequest('invalid patch: a list mixes objects with other values')
  return mergeObjectList(original, objects, rules, order)
}

/**
 * A new object with the patch merged in, by the rules of `definition`; neither argument is changed.
 * @throws ApiError 400 for a patch that breaks those rules
 */
export function applyStrategicMergePatch<T>(object: T, patch: unknown, definition: Definition): T {
  if (!isObject(patch)) throw badRequest('invalid patch: a strategic merge patch is an object')
  const original = isObject(object) ? object : {}
  return trusted<T>(mergeObject(original, patch, { kind: 'struct', name: definition.name }))
}

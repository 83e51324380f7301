/**
 * JSON values as the API sees them: comparing, cloning, merging, and the one unsafe line by which a value
 * that has been parsed and checked against its schema is trusted to have its TypeScript type.
 *
 * Absent and `undefined` are the same thing here, as they are on the wire; `null` is not.
 */

/** An object as parsed from JSON. */
export interface JsonObject {
  readonly [field: string]: unknown
}

/** True for `{…}`, false for arrays, null and scalars. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** True for `[…]`, with unknown items. */
export function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}

/**
 * Believes that a value has type T. Only for values that have been decoded against the schema, or whose
 * type TypeScript cannot follow (spreads of generic objects, erased catalogue entries).
 */
export function trusted<T>(value: unknown): T {
  // The only cast of the room: generic code below the schema's check cannot be typed otherwise.
  return value as T
}

function isDeepEqualObject(a: JsonObject, b: JsonObject): boolean {
  let sizeA = 0
  for (const key in a) {
    const value = a[key]
    if (value === undefined) continue
    sizeA += 1
    if (!Object.hasOwn(b, key) || !deepEqual(value, b[key])) return false
  }
  let sizeB = 0
  for (const key in b) if (b[key] !== undefined) sizeB += 1
  return sizeA === sizeB
}

/** Structural equality of JSON values; key order and `undefined` members do not count. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (isArray(a)) {
    if (!isArray(b) || a.length !== b.length) return false
    for (let i = 0; i < a.length; i += 1) if (!deepEqual(a[i], b[i])) return false
    return true
  }
  return isObject(a) && isObject(b) && isDeepEqualObject(a, b)
}

/** A copy that shares nothing with the original; `undefined` members are dropped. */
export function deepClone<T>(value: T): T {
  return trusted<T>(cloneValue(value))
}

function cloneValue(value: unknown): unknown {
  if (isArray(value)) return value.map(cloneValue)
  if (!isObject(value)) return value
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value)) {
    if (value[key] !== undefined) setField(copy, key, cloneValue(value[key]))
  }
  return copy
}

/** Freezes a value and all below it; gives the same value. For fixtures and caches that must not change. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const child of Object.values(value)) deepFreeze(child)
  }
  return value
}

/** Sets an own field, also one named `__proto__`, which plain assignment would swallow. */
export function setField(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  } else {
    target[key] = value
  }
}

/** A field of an object, own fields only; undefined where the value is no object. */
export function fieldOf(value: unknown, field: string): unknown {
  return isObject(value) && Object.hasOwn(value, field) ? value[field] : undefined
}

/** The value at a path of fields; undefined where the path ends early. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let current = value
  for (const field of path) current = fieldOf(current, field)
  return current
}

/** A copy with the value at a path replaced (undefined removes it); objects on the way are made as needed. */
export function withValueAt<T>(object: T, path: readonly string[], value: unknown): T {
  const [field, ...rest] = path
  if (field === undefined) return trusted<T>(value)
  const base: Record<string, unknown> = isObject(object) ? { ...object } : {}
  const next = withValueAt(fieldOf(base, field), rest, value)
  if (next === undefined) delete base[field]
  else setField(base, field, next)
  return trusted<T>(base)
}

/**
 * The object with each missing field (absent or undefined) filled in; the same object when none is missing.
 * Not deep.
 */
export function withDefaults<T extends object>(object: T, defaults: Partial<T>): T {
  let result: Record<string, unknown> | undefined
  for (const [field, value] of Object.entries(defaults)) {
    if (value === undefined || fieldOf(object, field) !== undefined) continue
    result ??= { ...trusted<Record<string, unknown>>(object) }
    result[field] = value
  }
  return result === undefined ? object : trusted<T>(result)
}

/** The object with some fields set; the same object when nothing changes. An undefined value removes the field. */
export function withFields<T extends object>(object: T, fields: Partial<T>): T {
  let result: Record<string, unknown> | undefined
  for (const [field, value] of Object.entries(fields)) {
    if (fieldOf(object, field) === value) continue
    result ??= { ...trusted<Record<string, unknown>>(object) }
    if (value === undefined) delete result[field]
    else result[field] = value
  }
  return result === undefined ? object : trusted<T>(result)
}

/** `list.map(change)`, but the same list when no item changed, and undefined for no list. */
export function mapList<T>(
  list: readonly T[] | undefined,
  change: (item: T, index: number) => T,
): readonly T[] | undefined {
  if (list === undefined || list === null) return list
  let changed = false
  const next = list.map((item, index) => {
    const result = change(item, index)
    if (result !== item) changed = true
    return result
  })
  return changed ? next : list
}

/** JSON text with the keys of every object sorted: equal values give equal texts. */
export function canonicalJson(value: unknown): string {
  if (isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value ?? null)
  const fields = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`)
  return `{${fields.join(',')}}`
}

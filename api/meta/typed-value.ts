/**
 * Values seen through their schema, as server-side apply needs them: which fields an object sets, how two
 * objects differ field by field, one laid over another, and fields taken out.
 *
 * A map (struct) is granular unless it is marked atomic; a list is associative (by its map keys), a set, or
 * atomic, which is also what an unmarked list is. What has no schema (custom resources) is granular in its
 * maps and atomic in its lists.
 * Source: sigs.k8s.io/structured-merge-diff typed (tofieldset.go, compare.go, merge.go, remove.go).
 */
import type { FieldSet } from './field-set.ts'
import { emptySet, formatPath, leafSet } from './field-set.ts'
import type { JsonObject } from './json.ts'
import { canonicalJson, deepEqual, isArray, isObject, setField } from './json.ts'
import type { FieldSchema, TypeSchema } from './schema.ts'
import { findDefinition } from './schema.ts'

/** How a value is divided: not at all, by field, by list key, or by set value. */
type Shape =
  | { readonly kind: 'atomic' }
  | { readonly kind: 'map' }
  | { readonly kind: 'list'; readonly keys: readonly string[]; readonly item: Typed }
  | { readonly kind: 'set' }

/** A type and what the field that holds it says about merging. */
export interface Typed {
  readonly type: TypeSchema | undefined
  readonly field: FieldSchema | undefined
}

/** The type of a whole object; undefined for one without a schema. */
export function typedRoot(definition: string | undefined): Typed {
  return {
    type: definition === undefined ? undefined : { kind: 'struct', name: definition },
    field: undefined,
  }
}

const untyped: Typed = { type: undefined, field: undefined }
const atomic: Shape = { kind: 'atomic' }
const granular: Shape = { kind: 'map' }

function shapeOfList(field: FieldSchema | undefined, type: TypeSchema & { kind: 'list' }): Shape {
  const item: Typed = { type: type.item, field: undefined }
  if (field?.listType === 'map') return { kind: 'list', keys: [...field.listMapKeys].sort(), item }
  return field?.listType === 'set' ? { kind: 'set' } : atomic
}

function shapeOf(value: unknown, { type, field }: Typed): Shape {
  if (type === undefined) return isObject(value) ? granular : atomic
  if (isArray(value)) return type.kind === 'list' ? shapeOfList(field, type) : atomic
  if (!isObject(value) || field?.isAtomicMap === true) return atomic
  if (type.kind === 'map') return granular
  if (type.kind !== 'struct') return atomic
  return findDefinition(type.name)?.isAtomic === true ? atomic : granular
}

function childType({ type }: Typed, name: string): Typed {
  if (type?.kind === 'map') return { type: type.value, field: undefined }
  if (type?.kind !== 'struct') return untyped
  const field = findDefinition(type.name)?.fields.get(name)
  // A field that the schema does not know is kept whole.
  return field === undefined ? { type: { kind: 'any' }, field: undefined } : { type: field.type, field }
}

function keyDefault(item: Typed, key: string): unknown {
  return item.type?.kind === 'struct' ? findDefinition(item.type.name)?.fields.get(key)?.default : undefined
}

function itemElement(value: unknown, keys: readonly string[], item: Typed): string {
  const key: Record<string, unknown> = {}
  for (const name of keys) {
    const own = isObject(value) ? value[name] : undefined
    const found = own ?? keyDefault(item, name)
    if (found !== undefined) key[name] = found
  }
  return `k:${canonicalJson(key)}`
}

interface Child {
  readonly element: string
  readonly value: unknown
  readonly typed: Typed
}

/** The parts of a granular value, by path element; a list's duplicates only once. */
function childrenOf(value: unknown, typed: Typed, shape: Shape): ReadonlyMap<string, Child> {
  const children = new Map<string, Child>()
  const add = (element: string, child: unknown, childTyped: Typed) => {
    if (!children.has(element)) children.set(element, { element, value: child, typed: childTyped })
  }
  if (shape.kind === 'map' && isObject(value)) {
    for (const name of Object.keys(value)) {
      if (value[name] !== undefined && value[name] !== null)
        add(`f:${name}`, value[name], childType(typed, name))
    }
  } else if (shape.kind === 'list' && isArray(value)) {
    for (const item of value) add(itemElement(item, shape.keys, shape.item), item, shape.item)
  } else if (shape.kind === 'set' && isArray(value)) {
    for (const item of value)
      add(`v:${canonicalJson(item)}`, item, { type: { kind: 'any' }, field: undefined })
  }
  return children
}

/** The key that an item leaves out although nothing stands in for it. */
function omittedKey(item: unknown, shape: Shape): string | undefined {
  if (shape.kind !== 'list') return undefined
  const own = isObject(item) ? item : {}
  return shape.keys.find((key) => own[key] === undefined && keyDefault(shape.item, key) === undefined)
}

function itemProblems(list: readonly unknown[], shape: Shape, path: readonly string[]): string[] {
  const seen = new Set<string>()
  return list.flatMap((item, index) => {
    const omitted = omittedKey(item, shape)
    const element = elementOf(item, shape)
    const isTwice = seen.has(element)
    seen.add(element)
    if (omitted !== undefined) {
      const why = `omits key field ${JSON.stringify(omitted)} (and doesn't have default value)`
      return [`${formatPath(path)}: element ${index}: associative list with keys has an element that ${why}`]
    }
    return isTwice ? [`${formatPath(path)}: duplicate entries for key ${formatPath([element])}`] : []
  })
}

/** Why an intent cannot be applied: list items that cannot be told apart. */
export function ambiguities(value: unknown, typed: Typed, path: readonly string[] = []): readonly string[] {
  const shape = shapeOf(value, typed)
  if (shape.kind === 'atomic') return []
  const own = shape.kind !== 'map' && isArray(value) ? itemProblems(value, shape, path) : []
  const inner = [...childrenOf(value, typed, shape).values()].flatMap((child) =>
    ambiguities(child.value, child.typed, [...path, child.element]),
  )
  return [...own, ...inner]
}

/** The fields that a value sets: leaves, empty containers, and the items of associative lists. */
export function fieldsOf(value: unknown, typed: Typed): FieldSet {
  const shape = shapeOf(value, typed)
  if (shape.kind === 'atomic') return leafSet
  const children = childrenOf(value, typed, shape)
  if (children.size === 0) return leafSet
  const sets = new Map<string, FieldSet>()
  for (const [element, child] of children) {
    const set = fieldsOf(child.value, child.typed)
    sets.set(element, shape.kind === 'list' && isObject(child.value) ? { ...set, isMember: true } : set)
  }
  return { isMember: false, children: sets }
}

/** Every node of a value, containers included: what appears when the value does. */
function allNodes(value: unknown, typed: Typed): FieldSet {
  const children = new Map<string, FieldSet>()
  const shape = shapeOf(value, typed)
  if (shape.kind !== 'atomic') {
    for (const [element, child] of childrenOf(value, typed, shape)) {
      children.set(element, allNodes(child.value, child.typed))
    }
  }
  return { isMember: true, children }
}

/** How one object differs from another. */
export interface Comparison {
  /** Paths only in the new one. */
  readonly added: FieldSet
  /** Paths in both, with other values. */
  readonly modified: FieldSet
  /** Paths only in the old one. */
  readonly removed: FieldSet
}

const noDifference: Comparison = { added: emptySet, modified: emptySet, removed: emptySet }

/**
 * What Go would have in place of an absent field whose holder is there: a struct that is no pointer is never
 * absent, nor is a list that must be written.
 */
function implied(typed: Typed, other: unknown): unknown {
  const field = typed.field
  if (field === undefined) return undefined
  if (field.type.kind === 'struct' && isObject(field.default)) return {}
  if (field.isRequired && (isArray(other) || field.type.kind === 'map')) return isArray(other) ? [] : {}
  return undefined
}

function collect(target: Map<string, FieldSet>, element: string, set: FieldSet): void {
  if (set.isMember || set.children.size > 0) target.set(element, set)
}

/** Compares by schema; both values stand where `typed` says. */
export function compareValues(before: unknown, after: unknown, typed: Typed): Comparison {
  if (before === after) return noDifference
  if (before === undefined || before === null) return { ...noDifference, added: allNodes(after, typed) }
  if (after === undefined || after === null) return { ...noDifference, removed: allNodes(before, typed) }
  const shape = shapeOf(after, typed)
  const shapeBefore = shapeOf(before, typed)
  if (shape.kind === 'atomic' || shapeBefore.kind !== shape.kind) {
    return deepEqual(before, after) ? noDifference : { ...noDifference, modified: leafSet }
  }
  const added = new Map<string, FieldSet>()
  const modified = new Map<string, FieldSet>()
  const removed = new Map<string, FieldSet>()
  const olds = childrenOf(before, typed, shape)
  const news = childrenOf(after, typed, shape)
  for (const element of new Set([...olds.keys(), ...news.keys()])) {
    const child = news.get(element) ?? olds.get(element)
    if (child === undefined) continue
    const old = olds.get(element)?.value ?? implied(child.typed, child.value)
    const next = news.get(element)?.value ?? implied(child.typed, child.value)
    const difference = compareValues(old, next, child.typed)
    collect(added, element, difference.added)
    collect(modified, element, difference.modified)
    collect(removed, element, difference.removed)
  }
  return {
    added: { isMember: false, children: added },
    modified: { isMember: false, children: modified },
    removed: { isMember: false, children: removed },
  }
}

/** `over` laid over `base`: what `over` sets wins, what only `base` has stays. List order: as `over` has it. */
export function mergeValues(base: unknown, over: unknown, typed: Typed): unknown {
  if (over === undefined || over === null) return base
  if (base === undefined || base === null) return over
  const shape = shapeOf(over, typed)
  if (shape.kind === 'atomic' || shapeOf(base, typed).kind !== shape.kind) return over
  if (shape.kind === 'map' && isObject(base) && isObject(over)) return mergeMaps(base, over, typed)
  if (isArray(base) && isArray(over)) return mergeLists(base, over, typed, shape)
  return over
}

function mergeMaps(base: JsonObject, over: JsonObject, typed: Typed): JsonObject {
  const result: Record<string, unknown> = { ...base }
  for (const name of Object.keys(over)) {
    if (over[name] === undefined) continue
    const known = Object.hasOwn(base, name) ? base[name] : undefined
    setField(result, name, mergeValues(known, over[name], childType(typed, name)))
  }
  return result
}

function elementOf(item: unknown, shape: Shape): string {
  return shape.kind === 'list' ? itemElement(item, shape.keys, shape.item) : `v:${canonicalJson(item)}`
}

/** Items that both have come in the new order; those that only the base has keep their place among them. */
function mergeLists(
  base: readonly unknown[],
  over: readonly unknown[],
  typed: Typed,
  shape: Shape,
): unknown[] {
  const bases = childrenOf(base, typed, shape)
  const overs = childrenOf(over, typed, shape)
  const pending = base.map((item) => ({ item, element: elementOf(item, shape) }))
  const result: unknown[] = []
  const done = new Set<string>()
  for (const [element, child] of overs) {
    const known = bases.get(element)
    while (known !== undefined && pending[0] !== undefined && !overs.has(pending[0].element)) {
      result.push(pending.shift()?.item)
    }
    result.push(known === undefined ? child.value : mergeValues(known.value, child.value, child.typed))
    done.add(element)
    while (pending[0] !== undefined && done.has(pending[0].element)) pending.shift()
  }
  for (const { item, element } of pending) if (!overs.has(element)) result.push(item)
  return result
}

/**
 * The value without the fields of `remove`, except those that `keep` holds or that hold something kept.
 * A container that becomes empty goes too; undefined when nothing is left.
 */
export function removeFields(
  value: unknown,
  remove: FieldSet,
  keep: FieldSet | undefined,
  typed: Typed,
): unknown {
  if (remove.isMember && keep === undefined) return undefined
  if (remove.children.size === 0) return value
  const shape = shapeOf(value, typed)
  if (shape.kind === 'atomic') return value
  if (shape.kind === 'map' && isObject(value)) return removeFromMap(value, remove, keep, typed)
  if (isArray(value)) return removeFromList(value, remove, keep, shape)
  return value
}

function removeFromMap(
  value: JsonObject,
  remove: FieldSet,
  keep: FieldSet | undefined,
  typed: Typed,
): unknown {
  const result: Record<string, unknown> = {}
  let size = 0
  let wasTouched = false
  for (const name of Object.keys(value)) {
    const inner = remove.children.get(`f:${name}`)
    const child =
      inner === undefined
        ? value[name]
        : removeFields(value[name], inner, keep?.children.get(`f:${name}`), childType(typed, name))
    if (child !== value[name]) wasTouched = true
    if (child === undefined) continue
    setField(result, name, child)
    size += 1
  }
  if (!wasTouched) return value
  return size === 0 && keep?.isMember !== true ? undefined : result
}

function removeFromList(
  value: readonly unknown[],
  remove: FieldSet,
  keep: FieldSet | undefined,
  shape: Shape,
): unknown {
  const typed = shape.kind === 'list' ? shape.item : untyped
  const result: unknown[] = []
  for (const item of value) {
    const element = elementOf(item, shape)
    const inner = remove.children.get(element)
    const rest = inner === undefined ? item : removeFields(item, inner, keep?.children.get(element), typed)
    if (rest !== undefined) result.push(rest)
  }
  return result.length === 0 && keep?.isMember !== true ? undefined : result
}

/**
 * Sets of field paths, as managed fields hold them: a trie whose edges are `f:name`, `k:{"name":"web"}`,
 * `v:"value"` and `i:0`.
 *
 * Immutable: every operation gives a new set and may share parts. A node is a member (the path that ends
 * there is in the set), has children, or both; nodes that are neither do not exist.
 * Source: sigs.k8s.io/structured-merge-diff fieldpath (serialize.go, set.go).
 */
import type { JsonObject } from './json.ts'
import { isObject } from './json.ts'

export interface FieldSet {
  readonly isMember: boolean
  readonly children: ReadonlyMap<string, FieldSet>
}

/** No paths at all. */
export const emptySet: FieldSet = { isMember: false, children: new Map() }
/** Just the path that leads here. */
export const leafSet: FieldSet = { isMember: true, children: new Map() }

/** True when the set has no path. */
export function isEmptySet(set: FieldSet): boolean {
  return !set.isMember && set.children.size === 0
}

function combine(
  a: FieldSet,
  b: FieldSet,
  isMember: (inA: boolean, inB: boolean) => boolean,
  keys: Iterable<string>,
): FieldSet {
  const children = new Map<string, FieldSet>()
  for (const key of keys) {
    if (children.has(key)) continue
    const child = combineChildren(a.children.get(key), b.children.get(key), isMember)
    if (!isEmptySet(child)) children.set(key, child)
  }
  return { isMember: isMember(a.isMember, b.isMember), children }
}

function combineChildren(
  a: FieldSet = emptySet,
  b: FieldSet = emptySet,
  isMember: (inA: boolean, inB: boolean) => boolean,
): FieldSet {
  return combine(a, b, isMember, [...a.children.keys(), ...b.children.keys()])
}

/** Paths in either. */
export function unionSets(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b)) return a
  if (isEmptySet(a)) return b
  return combineChildren(a, b, (inA, inB) => inA || inB)
}

/** Paths in both. */
export function intersectSets(a: FieldSet, b: FieldSet): FieldSet {
  return combineChildren(a, b, (inA, inB) => inA && inB)
}

/** Paths in `a` and not in `b`. */
export function subtractSets(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmptySet(b)) return a
  return combineChildren(a, b, (inA, inB) => inA && !inB)
}

/** Paths of `a` that do not lie at or below a path of `b`. */
export function subtractTrees(a: FieldSet, b: FieldSet): FieldSet {
  if (b.isMember) return emptySet
  const children = new Map<string, FieldSet>()
  for (const [key, child] of a.children) {
    const other = b.children.get(key)
    const rest = other === undefined ? child : subtractTrees(child, other)
    if (!isEmptySet(rest)) children.set(key, rest)
  }
  return { isMember: a.isMember, children }
}

/** True when both hold the same paths. */
export function equalSets(a: FieldSet, b: FieldSet): boolean {
  if (a.isMember !== b.isMember || a.children.size !== b.children.size) return false
  for (const [key, child] of a.children) {
    const other = b.children.get(key)
    if (other === undefined || !equalSets(child, other)) return false
  }
  return true
}

/** A set with one more path. */
function withPath(set: FieldSet, path: readonly string[]): FieldSet {
  const [first, ...rest] = path
  if (first === undefined) return set.isMember ? set : { ...set, isMember: true }
  const child = withPath(set.children.get(first) ?? emptySet, rest)
  return { ...set, children: new Map([...set.children, [first, child]]) }
}

/** The set of these paths. */
export function setOfPaths(paths: readonly (readonly string[])[]): FieldSet {
  return paths.reduce(withPath, emptySet)
}

/** Every path of the set, parents before children, in the order of the keys. */
export function pathsOf(set: FieldSet, prefix: readonly string[] = []): readonly (readonly string[])[] {
  const own = set.isMember ? [prefix] : []
  const keys = [...set.children.keys()].sort()
  return [...own, ...keys.flatMap((key) => pathsOf(set.children.get(key) ?? emptySet, [...prefix, key]))]
}

/** A set from `fieldsV1`. */
export function parseFieldSet(fields: unknown): FieldSet {
  return parseNode(fields, false)
}

function parseNode(fields: unknown, isLeafMember: boolean): FieldSet {
  if (!isObject(fields)) return isLeafMember ? leafSet : emptySet
  const children = new Map<string, FieldSet>()
  let hasDot = false
  for (const key of Object.keys(fields)) {
    if (key === '.') hasDot = true
    else children.set(key, parseNode(fields[key], true))
  }
  return { isMember: hasDot || (isLeafMember && children.size === 0), children }
}

/** `fieldsV1` of a set: leaves are `{}`, `.` marks a member that has children. */
export function formatFieldSet(set: FieldSet): JsonObject {
  const fields: Record<string, JsonObject> = {}
  if (set.isMember && set.children.size > 0) fields['.'] = {}
  for (const key of [...set.children.keys()].sort()) {
    fields[key] = formatFieldSet(set.children.get(key) ?? emptySet)
  }
  return fields
}

/** A path as conflicts show it: `.spec.containers[name="web"].image`. */
export function formatPath(path: readonly string[]): string {
  return path
    .map((element) => {
      const text = element.slice(2)
      if (element.startsWith('f:')) return `.${text}`
      if (element.startsWith('v:')) return `[=${text}]`
      if (element.startsWith('i:')) return `[${text}]`
      const key: unknown = JSON.parse(text)
      const parts = Object.entries(isObject(key) ? key : {}).map(
        ([name, value]) => `${name}=${JSON.stringify(value)}`,
      )
      return `[${parts.join(',')}]`
    })
    .join('')
}

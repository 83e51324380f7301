/**
 * Managed fields: who set which field, by which operation, at which version. Kept by the server on every
 * write; server-side apply decides by them what conflicts and what to remove.
 *
 * Invariants: one entry per (manager, operation, apiVersion, subresource); no entry without fields; entries
 * sorted; a field changed by an update has no other owner afterwards. Fields that the server sets itself
 * (uid, resourceVersion, …) and names are never managed.
 * Source: apimachinery pkg/util/managedfields; structured-merge-diff merge/update.go.
 */
import type { KubeObject } from '../kind.ts'
import type { ManagedFieldsEntry, ObjectMeta } from '../types.ts'
import type { FieldSet } from './field-set.ts'
import {
  emptySet,
  equalSets,
  formatFieldSet,
  intersectSets,
  isEmptySet,
  parseFieldSet,
  setOfPaths,
  subtractSets,
  subtractTrees,
  unionSets,
} from './field-set.ts'
import { trusted, withFields } from './json.ts'
import { formatTime, parseTime } from './time.ts'
import { compareValues, typedRoot } from './typed-value.ts'

export type ManagerOperation = 'Apply' | 'Update'

/** One owner of fields. */
export interface Manager {
  readonly manager: string
  readonly operation: ManagerOperation
  readonly apiVersion: string
  /** '' for the main endpoint. */
  readonly subresource: string
  readonly time: string | undefined
  readonly fields: FieldSet
}

/** Update managers beyond this many are folded into one, the oldest first. */
export const updateManagersMax = 10
const foldedManager = 'ancient-changes'

const unmanaged = setOfPaths([
  ['f:apiVersion'],
  ['f:kind'],
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'generation',
    'managedFields',
    'resourceVersion',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ].map((field) => ['f:metadata', `f:${field}`]),
])
const metadataItself = setOfPaths([['f:metadata']])

/** The set without the fields that nobody manages. */
export function withoutUnmanaged(set: FieldSet): FieldSet {
  return subtractSets(subtractTrees(set, unmanaged), metadataItself)
}

/** The managers that an object names. Entries that are malformed are left out. */
export function managersOf(object: { readonly metadata: ObjectMeta }): readonly Manager[] {
  return (object.metadata.managedFields ?? []).flatMap((entry) => {
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') return []
    const fields = parseFieldSet(entry.fieldsV1)
    if (isEmptySet(fields)) return []
    return [
      {
        manager: entry.manager ?? '',
        operation: entry.operation,
        apiVersion: entry.apiVersion ?? '',
        subresource: entry.subresource ?? '',
        time: entry.time,
        fields,
      },
    ]
  })
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function compareManagers(a: Manager, b: Manager): number {
  return (
    compareTexts(a.operation, b.operation) ||
    (parseTime(a.time) ?? 0) - (parseTime(b.time) ?? 0) ||
    compareTexts(a.manager, b.manager) ||
    compareTexts(a.apiVersion, b.apiVersion) ||
    compareTexts(a.subresource, b.subresource)
  )
}

function entryOf(manager: Manager): ManagedFieldsEntry {
  return {
    manager: manager.manager,
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    ...(manager.time === undefined ? {} : { time: manager.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: formatFieldSet(manager.fields),
    ...(manager.subresource === '' ? {} : { subresource: manager.subresource }),
  }
}

function foldOldest(managers: readonly Manager[]): readonly Manager[] {
  const updates = managers.filter((manager) => manager.operation === 'Update').sort(compareManagers)
  const surplus = updates.length - updateManagersMax
  if (surplus <= 0) return managers
  const folded = updates.slice(0, surplus + 1)
  const last = folded.at(-1)
  if (last === undefined) return managers
  const fields = folded.reduce((set, manager) => unionSets(set, manager.fields), emptySet)
  const rest = managers.filter((manager) => !folded.includes(manager))
  return [...rest, { ...last, manager: foldedManager, subresource: '', fields }]
}

/** The object with these managers. */
export function withManagers<T extends { readonly metadata: ObjectMeta }>(
  object: T,
  managers: readonly Manager[],
): T {
  const kept = foldOldest(managers.filter((manager) => !isEmptySet(manager.fields)))
  const entries = [...kept].sort(compareManagers).map(entryOf)
  const managedFields = entries.length === 0 ? undefined : entries
  return trusted<T>({ ...object, metadata: withFields(object.metadata, { managedFields }) })
}

/** Who makes a write. */
export interface Writer {
  readonly manager: string
  readonly apiVersion: string
  /** '' for the main endpoint. */
  readonly subresource: string
  readonly nowMs: number
}

/** True for the same owner: time and fields do not count. */
export function isSameManager(
  a: Pick<Manager, 'manager' | 'operation' | 'apiVersion' | 'subresource'>,
  b: Pick<Manager, 'manager' | 'operation' | 'apiVersion' | 'subresource'>,
): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.apiVersion === b.apiVersion &&
    a.subresource === b.subresource
  )
}

/** `[{}]`: how clients ask to forget all managers. */
function asksForReset(object: KubeObject): boolean {
  const entries = object.metadata.managedFields
  return entries !== undefined && entries.length === 1 && Object.keys(entries[0] ?? {}).length === 0
}

function startingManagers(live: KubeObject | undefined, next: KubeObject): readonly Manager[] {
  const own = managersOf(next)
  if (own.length > 0) return own
  return live === undefined ? [] : managersOf(live)
}

export interface UpdateOptions extends Writer {
  /** Undefined on create. */
  readonly live: KubeObject | undefined
  /** As it will be stored, managedFields still as the client sent them. */
  readonly next: KubeObject
  /** The kind's definition; undefined for custom resources. */
  readonly definition: string | undefined
}

/**
 * The new object with its managed fields after a create, update or (non-apply) patch: the writer owns what
 * it added or changed, the others lose that and what is gone.
 */
export function updateManagedFields({ live, next, definition, ...writer }: UpdateOptions): KubeObject {
  if (asksForReset(next)) return withManagers(next, [])
  const managers = startingManagers(live, next)
  const empty = { apiVersion: next.apiVersion, kind: next.kind, metadata: {} }
  const comparison = compareValues(live ?? empty, next, typedRoot(definition))
  const touched = withoutUnmanaged(unionSets(comparison.added, comparison.modified))
  const removed = withoutUnmanaged(comparison.removed)
  const self = { ...writer, operation: 'Update' as const }
  const updated: Manager[] = []
  let known: Manager | undefined
  for (const manager of managers) {
    if (isSameManager(manager, self)) known = manager
    else {
      const lost = unionSets(intersectSets(manager.fields, touched), intersectSets(manager.fields, removed))
      updated.push({ ...manager, fields: subtractSets(manager.fields, lost) })
    }
  }
  const before = known?.fields ?? emptySet
  const fields = unionSets(subtractSets(before, removed), touched)
  if (!isEmptySet(fields)) {
    const isUnchanged = known !== undefined && isEmptySet(touched) && equalSets(before, fields)
    updated.push({
      manager: writer.manager,
      operation: 'Update',
      apiVersion: writer.apiVersion,
      subresource: writer.subresource,
      time: isUnchanged ? known?.time : formatTime(writer.nowMs),
      fields,
    })
  }
  return withManagers(next, updated)
}

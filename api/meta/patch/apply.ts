/**
 * Server-side apply: an intent merged into the live object. The applier owns what it applies; what it
 * applied before and leaves out now goes, unless someone else owns it; another's field with another value is
 * a conflict, unless forced.
 *
 * Source: structured-merge-diff merge/update.go (Apply, prune); apimachinery pkg/util/managedfields.
 */
import type { KubeObject } from '../../kind.ts'
import type { FieldSet } from '../field-set.ts'
import {
  emptySet,
  equalSets,
  formatPath,
  intersectSets,
  isEmptySet,
  pathsOf,
  subtractSets,
  unionSets,
} from '../field-set.ts'
import { deepEqual, trusted, withFields } from '../json.ts'
import type { Manager, Writer } from '../managed-fields.ts'
import { isSameManager, managersOf, withManagers, withoutUnmanaged } from '../managed-fields.ts'
import { applyConflict, badRequest } from '../status.ts'
import { formatTime } from '../time.ts'
import type { Typed } from '../typed-value.ts'
import { ambiguities, compareValues, fieldsOf, mergeValues, removeFields, typedRoot } from '../typed-value.ts'
import type { StatusCause } from '../../types.ts'

export interface ApplyOptions extends Writer {
  /** Undefined when the object is not there: apply creates it. */
  readonly live: KubeObject | undefined
  /** The intent, decoded. */
  readonly applied: KubeObject
  /** The kind's definition; undefined for custom resources. */
  readonly definition: string | undefined
  readonly force: boolean
  /**
   * Fields that this endpoint does not write (`status` on the main one); they are neither merged nor owned.
   */
  readonly ignoredFields?: readonly string[]
}

function withoutIgnored(applied: KubeObject, ignored: readonly string[]): KubeObject {
  let result: Record<string, unknown> = {
    ...applied,
    metadata: withFields(applied.metadata, { managedFields: undefined }),
  }
  for (const field of ignored) {
    const { [field]: _, ...rest } = result
    result = rest
  }
  return trusted<KubeObject>(result)
}

interface Conflict {
  readonly manager: Manager
  readonly fields: FieldSet
}

function findConflicts(others: readonly Manager[], changed: FieldSet): readonly Conflict[] {
  return others
    .map((manager) => ({ manager, fields: intersectSets(manager.fields, changed) }))
    .filter((conflict) => !isEmptySet(conflict.fields))
}

function describeManager({ manager, operation, subresource, apiVersion, time }: Manager): string {
  const through = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`
  if (operation === 'Apply') return `conflict with ${JSON.stringify(manager)}${through}`
  const at = time === undefined ? '' : ` at ${time}`
  return `conflict with ${JSON.stringify(manager)}${through} using ${apiVersion}${at}`
}

function causesOf(conflicts: readonly Conflict[]): StatusCause[] {
  return conflicts.flatMap(({ manager, fields }) =>
    pathsOf(fields).map((path) => ({
      reason: 'FieldManagerConflict',
      message: describeManager(manager),
      field: formatPath(path),
    })),
  )
}

function conflictText(conflicts: readonly Conflict[]): string {
  const causes = causesOf(conflicts)
  const count = `Apply failed with ${causes.length} conflict${causes.length === 1 ? '' : 's'}`
  if (conflicts.length === 1 && causes.length === 1) {
    return `${count}: ${causes[0]?.message ?? ''}: ${causes[0]?.field ?? ''}`
  }
  const groups = conflicts.map(({ manager, fields }) => {
    const lines = pathsOf(fields).map((path) => `- ${formatPath(path)}`)
    return `${describeManager(manager).replace(/^conflict/, 'conflicts')}:\n${lines.join('\n')}`
  })
  return `${count}: ${groups.join('\n')}`
}

/** Takes out what the applier owned before and leaves out now, unless another manager owns it. */
function prune(merged: unknown, lost: FieldSet, kept: FieldSet, typed: Typed): KubeObject {
  if (isEmptySet(lost)) return trusted<KubeObject>(merged)
  return trusted<KubeObject>(removeFields(merged, lost, kept, typed) ?? merged)
}

function refuseManagedFields(applied: KubeObject): void {
  if ((applied.metadata.managedFields ?? []).length > 0) {
    throw badRequest('metadata.managedFields must be nil')
  }
}

function refuseAmbiguous(applied: KubeObject, typed: Typed): void {
  const problems = ambiguities(applied, typed)
  if (problems.length === 0) return
  const { apiVersion, kind, metadata } = applied
  const subject = `${metadata.namespace ?? ''}/${metadata.name ?? ''}; ${apiVersion}, Kind=${kind}`
  const list = problems.map((problem) => `\n  ${problem}`).join('')
  throw badRequest(`failed to create typed patch object (${subject}): errors:${list}`)
}

/**
 * The object after the intent was applied, its managed fields up to date. Gives `live` itself (the same
 * reference) when nothing changes.
 * @throws ApiError 409 with one cause per conflicting field, 400 for an intent that names managed fields
 */
export function applyServerSide(options: ApplyOptions): KubeObject {
  const { live, definition, force, manager, apiVersion, subresource, nowMs } = options
  refuseManagedFields(options.applied)
  const typed = typedRoot(definition)
  const applied = withoutIgnored(options.applied, options.ignoredFields ?? [])
  refuseAmbiguous(applied, typed)
  const self = { manager, operation: 'Apply' as const, apiVersion, subresource }
  const managers = live === undefined ? [] : managersOf(live)
  const previous = managers.find((known) => isSameManager(known, self))
  const others = managers.filter((known) => known !== previous)
  const fields = withoutUnmanaged(fieldsOf(applied, typed))
  const merged = mergeValues(live, applied, typed)
  const lost = subtractSets(previous?.fields ?? emptySet, fields)
  const kept = others.reduce((set, other) => unionSets(set, other.fields), fields)
  const next = prune(merged, lost, kept, typed)
  const comparison = compareValues(live ?? {}, next, typed)
  const changed = withoutUnmanaged(unionSets(comparison.added, comparison.modified))
  const conflicts = live === undefined ? [] : findConflicts(others, changed)
  if (conflicts.length > 0 && !force) throw applyConflict(causesOf(conflicts), conflictText(conflicts))
  const remaining = others.map((other) => ({
    ...other,
    fields: subtractSets(subtractSets(other.fields, changed), withoutUnmanaged(comparison.removed)),
  }))
  const isSameSet = previous !== undefined && equalSets(previous.fields, fields)
  if (live !== undefined && isSameSet && deepEqual(live, next)) return live
  const time = isSameSet && isEmptySet(changed) ? previous?.time : formatTime(nowMs)
  return withManagers(next, [...remaining, { ...self, time, fields }])
}

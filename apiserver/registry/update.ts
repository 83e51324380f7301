/**
 * UPDATE, and everything that changes an existing object (patches, scale, status): read, change, check,
 * compare-and-swap, again on a lost race.
 *
 * A change that leaves the object as it was writes nothing and keeps the resourceVersion. An object that
 * is being deleted goes away with its last finalizer.
 */
import { conflict, invalid, notFound } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Attributes } from '../admission/plugin.ts'
import { objectKey } from '../storage/keys.ts'
import { OutcomeUnknown } from '../storage/object-storage.ts'
import { asObject } from '../storage/parse.ts'
import { encodeForStore, type StoredObject } from '../storage/stored-object.ts'
import { fromStorage, toStorage } from './conversion.ts'
import { createObject, leaseOf } from './create.ts'
import { recordManager } from './field-managers.ts'
import { hookKey, unprepared, type Prepared } from './hooks.ts'
import {
  bumpGeneration,
  isSameState,
  keepSystemFields,
  metadataProblems,
  metadataUpdateProblems,
} from './metadata.ts'
import { isDeletable } from './deletion.ts'
import type { RegistryParts, WriteOutcome, WriteScope } from './scope.ts'

/** Lost races before an update gives up; far above what a fair store lets one writer lose. */
const racesMax = 30

/** How the new state comes from the present one. Called again after a lost race. */
export interface Change {
  readonly apply: (current: KubeObject) => KubeObject | Promise<KubeObject>
  /** The object to create when there is none; undefined: 404. */
  readonly createIfMissing?: () => KubeObject | Promise<KubeObject>
  /** Attempts on a lost race; a change that names a resourceVersion fails by itself. */
  readonly racesMax?: number
}

/** @throws ApiError 404, 409, 422; StoreError; OutcomeUnknown */
export async function updateObject(
  parts: RegistryParts,
  scope: WriteScope,
  name: string,
  change: Change,
): Promise<WriteOutcome> {
  const key = objectKey(scope.kind, scope.namespace, name)
  let stored = await parts.storage.get(key)
  for (let race = 1; ; race += 1) {
    if (!stored) {
      if (!change.createIfMissing) throw notFound(scope.kind, name)
      return await createObject(parts, scope, await change.createIfMissing())
    }
    const attempt = await updateOnce(parts, scope, { name, key, stored, change })
    if (attempt.outcome) return attempt.outcome
    if (race >= (change.racesMax ?? racesMax)) throw conflict(scope.kind, name)
    stored = attempt.found
  }
}

interface Attempt {
  readonly name: string
  readonly key: string
  readonly stored: StoredObject
  readonly change: Change
}

type AttemptResult =
  | { readonly outcome: WriteOutcome }
  | { readonly outcome: undefined; readonly found: StoredObject | undefined }

async function updateOnce(parts: RegistryParts, scope: WriteScope, attempt: Attempt): Promise<AttemptResult> {
  const current = fromStorage(scope.kind, attempt.stored)
  const next = await prepareUpdate(parts, scope, attempt, current)
  const prepared = await runUpdateHook(parts, scope, next, current)
  try {
    const managed = recordManager(parts, scope, current, prepared.object)
    if (scope.dryRun || isSameState(managed, current)) {
      await prepared.rollback()
      return { outcome: { object: scope.dryRun ? managed : current, created: false } }
    }
    const result = await swap(parts, scope, attempt, managed)
    if (result.outcome) await prepared.commit()
    else await prepared.rollback()
    return result
  } catch (error) {
    if (!(error instanceof OutcomeUnknown)) await prepared.rollback()
    throw error
  }
}

async function prepareUpdate(
  parts: RegistryParts,
  scope: WriteScope,
  attempt: Attempt,
  current: KubeObject,
): Promise<KubeObject> {
  const { kind } = scope
  const given = await attempt.change.apply(current)
  checkVersion(scope, attempt.name, given, current)
  const kept = keepSystemFields(scope, attempt.name, given, current)
  const split = splitStatus(scope, kept, current)
  const attributes = updateAttributes(scope, attempt.name, kind.setDefaults(split), current)
  const admitted = (await parts.admission.mutate(attributes)) ?? split
  const isObject = modeOf(scope.subresource) === 'object'
  const shape = parts.hooks.get(hookKey(kind))?.shapeUpdate ?? ((next: KubeObject) => next)
  const shaped = isObject ? kind.prepareForUpdate(shape(admitted, current), current) : admitted
  const object = bumpGeneration(kind, kind.setDefaults(shaped), current)
  const problems = [
    ...metadataProblems(kind, object),
    ...metadataUpdateProblems(object, current),
    ...problemsOf(scope, object, current),
  ]
  if (problems.length > 0) throw invalid({ group: kind.group, resource: kind.kind }, attempt.name, problems)
  await parts.admission.validate(updateAttributes(scope, attempt.name, object, current))
  return object
}

/**
 * `object`: the main endpoint and what changes the spec through another form; `status`: status alone;
 * `free`: a subresource that is itself the rule (binding, finalize, approval).
 */
function modeOf(subresource: string): 'object' | 'status' | 'free' {
  if (subresource === '' || subresource === 'scale') return 'object'
  return subresource === 'status' ? 'status' : 'free'
}

function problemsOf(scope: WriteScope, next: KubeObject, current: KubeObject) {
  const { kind } = scope
  const mode = modeOf(scope.subresource)
  if (mode === 'free') return []
  if (mode === 'status') return kind.validateStatusUpdate?.(next, current) ?? []
  return [...kind.validate(next), ...kind.validateUpdate(next, current)]
}

/** A given resourceVersion must be the present one; none at all is allowed for most kinds. */
function checkVersion(scope: WriteScope, name: string, given: KubeObject, current: KubeObject): void {
  const version = given.metadata.resourceVersion ?? ''
  if (version === '') {
    if (scope.kind.updatesUnconditionally || scope.isApply) return
    throw invalid({ group: scope.kind.group, resource: scope.kind.kind }, name, [
      {
        type: 'FieldValueInvalid',
        field: 'metadata.resourceVersion',
        message: 'Invalid value: 0: must be specified for an update',
      },
    ])
  }
  if (version !== current.metadata.resourceVersion) throw conflict(scope.kind, name)
}

/** Kinds whose `/status` also takes labels, annotations and the like (upstream's strategies). */
const statusKeepsMetadata = new Set(['pods', 'nodes', 'namespaces', 'services', 'persistentvolumes'])

/** `/status` changes status alone, the main endpoint everything else. */
function splitStatus(scope: WriteScope, next: KubeObject, current: KubeObject): KubeObject {
  if (scope.subresource === 'status') {
    const metadata = statusKeepsMetadata.has(scope.kind.resource)
      ? { ...next.metadata, ownerReferences: current.metadata.ownerReferences }
      : { ...current.metadata, managedFields: next.metadata.managedFields }
    return asObject(JSON.parse(JSON.stringify({ ...current, metadata, status: next['status'] })))
  }
  if (!scope.kind.hasStatus || modeOf(scope.subresource) !== 'object') return next
  const { status: _status, ...rest } = next
  return asObject('status' in current ? { ...rest, status: current['status'] } : rest)
}

function updateAttributes(
  scope: WriteScope,
  name: string,
  object: KubeObject,
  oldObject: KubeObject,
): Attributes {
  return {
    operation: 'UPDATE',
    kind: scope.kind,
    subresource: scope.subresource,
    namespace: scope.namespace,
    name,
    user: scope.user,
    dryRun: scope.dryRun,
    object,
    oldObject,
  }
}

async function runUpdateHook(
  parts: RegistryParts,
  scope: WriteScope,
  next: KubeObject,
  current: KubeObject,
): Promise<Prepared> {
  const hook = parts.hooks.get(hookKey(scope.kind))
  return hook?.beforeUpdate ? await hook.beforeUpdate(scope, next, current) : unprepared(next)
}

async function swap(
  parts: RegistryParts,
  scope: WriteScope,
  attempt: Attempt,
  next: KubeObject,
): Promise<AttemptResult> {
  if (next.metadata.deletionTimestamp !== undefined && isDeletable(scope.kind, next)) {
    const result = await parts.storage.delete(attempt.key, attempt.stored.revision)
    if (result.outcome === 'stale') return { outcome: undefined, found: result.found }
    await parts.hooks.get(hookKey(scope.kind))?.afterDelete?.(next)
    return { outcome: { object: next, created: false } }
  }
  const value = encodeForStore(toStorage(next))
  const lease = await leaseOf(parts, scope)
  const result = await parts.storage.put(attempt.key, value, attempt.stored.revision, lease)
  if (result.outcome === 'stale') return { outcome: undefined, found: result.found }
  return { outcome: { object: fromStorage(scope.kind, result.object), created: false } }
}

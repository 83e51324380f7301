/**
 * DELETE: at once, or in steps.
 *
 *     pods with a node and a grace period    deletionTimestamp set; the kubelet confirms with grace 0
 *     objects with finalizers                deletionTimestamp set; gone with the last finalizer
 *     namespaces                             Terminating; gone when spec.finalizers is empty too
 *     everything else                        gone
 *
 * How dependents are treated travels as a finalizer: `orphan` or `foregroundDeletion`, which the garbage
 * collector works off. Source: k8s.io/apiserver pkg/registry/generic/registry/store.go,
 * pkg/registry/rest/delete.go.
 */
import { fieldOf } from '../../api/meta/json.ts'
import { conflict, notFound } from '../../api/meta/status.ts'
import type { Kind, KubeObject } from '../../api/kind.ts'
import { formatTime } from '../../platform/clock.ts'
import { asObject } from '../storage/parse.ts'
import { objectKey } from '../storage/keys.ts'
import { encodeForStore, type StoredObject } from '../storage/stored-object.ts'
import { fromStorage, toStorage } from './conversion.ts'
import { hookKey } from './hooks.ts'
import { withMetadata } from './metadata.ts'
import type { RegistryParts, WriteScope } from './scope.ts'

export type Propagation = 'Orphan' | 'Background' | 'Foreground'

export interface DeleteOptions {
  readonly gracePeriodSeconds: number | undefined
  readonly propagationPolicy: Propagation | undefined
  readonly preconditions: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined }
}

export interface DeleteOutcome {
  /** The object's last state, or its state while it is being deleted. */
  readonly object: KubeObject
  readonly isGone: boolean
}

const orphanFinalizer = 'orphan'
const foregroundFinalizer = 'foregroundDeletion'
const defaultGraceSeconds = 30
const racesMax = 30

/** What is to happen to an object that is to be deleted. */
export type DeletionPlan =
  | { readonly action: 'remove' }
  | { readonly action: 'keep' }
  | { readonly action: 'mark'; readonly object: KubeObject }

/** @throws ApiError 404, 409; StoreError; OutcomeUnknown */
export async function deleteObject(
  parts: RegistryParts,
  scope: WriteScope,
  name: string,
  options: DeleteOptions,
): Promise<DeleteOutcome> {
  const key = objectKey(scope.kind, scope.namespace, name)
  let stored = await parts.storage.get(key)
  for (let race = 1; ; race += 1) {
    if (!stored) throw notFound(scope.kind, name)
    const object = fromStorage(scope.kind, stored)
    checkPreconditions(scope.kind, name, object, options)
    await admitDelete(parts, scope, name, object)
    const plan = planDeletion(scope.kind, object, options, parts.clock.wallMs())
    if (plan.action === 'keep') return { object, isGone: false }
    if (scope.dryRun)
      return { object: plan.action === 'mark' ? plan.object : object, isGone: plan.action === 'remove' }
    const result = await carryOut(parts, scope, key, stored, plan)
    if ('isGone' in result) return result
    if (race >= racesMax) throw conflict(scope.kind, name)
    stored = result.found
  }
}

/**
 * Decides one step of a deletion. Pure.
 * @returns `remove`: nothing holds it; `keep`: already on its way; `mark`: write this state
 */
export function planDeletion(
  kind: Kind,
  object: KubeObject,
  options: DeleteOptions,
  nowMs: number,
): DeletionPlan {
  const finalizers = plannedFinalizers(object, options.propagationPolicy)
  const graceSeconds = gracePeriodOf(kind, object, options)
  const isPending = finalizers.length > 0 || graceSeconds > 0 || namespaceFinalizers(kind, object).length > 0
  if (!isPending) return { action: 'remove' }
  const isMarked = object.metadata.deletionTimestamp !== undefined
  const marked = markDeleted(kind, object, { finalizers, graceSeconds, nowMs })
  if (!isMarked) return { action: 'mark', object: marked }
  const before = object.metadata.deletionGracePeriodSeconds ?? 0
  const isShorter = graceSeconds < before
  const hasOtherFinalizers = finalizers.join(' ') !== (object.metadata.finalizers ?? []).join(' ')
  if (isShorter) return { action: 'mark', object: marked }
  if (!hasOtherFinalizers) return { action: 'keep' }
  return { action: 'mark', object: withMetadata(object, { finalizers }) }
}

/** True when nothing holds an object that is being deleted any more. */
export function isDeletable(kind: Kind, object: KubeObject): boolean {
  return (
    (object.metadata.finalizers ?? []).length === 0 &&
    (object.metadata.deletionGracePeriodSeconds ?? 0) === 0 &&
    namespaceFinalizers(kind, object).length === 0
  )
}

function plannedFinalizers(object: KubeObject, policy: Propagation | undefined): readonly string[] {
  const present = object.metadata.finalizers ?? []
  if (policy === undefined) return present
  const others = present.filter((name) => name !== orphanFinalizer && name !== foregroundFinalizer)
  if (policy === 'Orphan') return [...others, orphanFinalizer]
  if (policy === 'Foreground') return [...others, foregroundFinalizer]
  return others
}

/** Only pods are deleted gracefully; those that no kubelet runs go at once. */
function gracePeriodOf(kind: Kind, object: KubeObject, options: DeleteOptions): number {
  if (kind.group !== '' || kind.resource !== 'pods') return 0
  const phase = fieldOf(object['status'], 'phase')
  const node = fieldOf(object['spec'], 'nodeName')
  if (!node || phase === 'Succeeded' || phase === 'Failed') return 0
  const own = fieldOf(object['spec'], 'terminationGracePeriodSeconds')
  const asked = options.gracePeriodSeconds ?? (typeof own === 'number' ? own : defaultGraceSeconds)
  const wanted = asked < 0 ? 1 : asked
  if (object.metadata.deletionTimestamp === undefined) return wanted
  return Math.min(wanted, object.metadata.deletionGracePeriodSeconds ?? wanted)
}

function namespaceFinalizers(kind: Kind, object: KubeObject): readonly unknown[] {
  if (kind.group !== '' || kind.resource !== 'namespaces') return []
  const finalizers = fieldOf(object['spec'], 'finalizers')
  return Array.isArray(finalizers) ? finalizers : []
}

function markDeleted(
  kind: Kind,
  object: KubeObject,
  mark: { finalizers: readonly string[]; graceSeconds: number; nowMs: number },
): KubeObject {
  const generation = object.metadata.generation
  const marked = withMetadata(object, {
    deletionTimestamp:
      mark.graceSeconds === 0 && object.metadata.deletionTimestamp !== undefined
        ? object.metadata.deletionTimestamp
        : formatTime(mark.nowMs + mark.graceSeconds * 1000),
    deletionGracePeriodSeconds: mark.graceSeconds,
    finalizers: mark.finalizers.length === 0 ? undefined : mark.finalizers,
    generation: generation === undefined ? undefined : generation + 1,
  })
  if (kind.group !== '' || kind.resource !== 'namespaces') return marked
  return asObject({ ...marked, status: { ...statusOf(marked), phase: 'Terminating' } })
}

function statusOf(object: KubeObject): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(object['status'] ?? {}))
}

function checkPreconditions(kind: Kind, name: string, object: KubeObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions
  if (uid !== undefined && uid !== object.metadata.uid)
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${object.metadata.uid ?? ''}`,
    )
  if (resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion)
    throw conflict(
      kind,
      name,
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${object.metadata.resourceVersion ?? ''}`,
    )
}

async function admitDelete(
  parts: RegistryParts,
  scope: WriteScope,
  name: string,
  oldObject: KubeObject,
): Promise<void> {
  await parts.admission.validate({
    operation: 'DELETE',
    kind: scope.kind,
    subresource: scope.subresource,
    namespace: scope.namespace,
    name,
    user: scope.user,
    dryRun: scope.dryRun,
    object: undefined,
    oldObject,
  })
}

async function carryOut(
  parts: RegistryParts,
  scope: WriteScope,
  key: string,
  stored: StoredObject,
  plan: Exclude<DeletionPlan, { action: 'keep' }>,
): Promise<DeleteOutcome | { readonly found: StoredObject | undefined }> {
  if (plan.action === 'mark') {
    const result = await parts.storage.put(key, encodeForStore(toStorage(plan.object)), stored.revision)
    if (result.outcome === 'stale') return { found: result.found }
    return { object: fromStorage(scope.kind, result.object), isGone: false }
  }
  const result = await parts.storage.delete(key, stored.revision)
  if (result.outcome === 'stale') return { found: result.found }
  const object = fromStorage(scope.kind, stored.at(result.revision))
  await parts.hooks.get(hookKey(scope.kind))?.afterDelete?.(object)
  return { object, isGone: true }
}

/**
 * Making and deleting pods for an owner, under expectations: the part that ReplicaSet, Job, DaemonSet and
 * StatefulSet controllers share. Source: Kubernetes pkg/controller/controller_utils.go (RealPodControl).
 */
import type { Resource } from '../../api/kind.ts'
import { pods as podResource } from '../../api/core/pod.ts'
import { controllerOf, ownerReferenceFor } from '../../api/meta/owner.ts'
import { ApiError, isNamespaceTerminating, isNotFound } from '../../api/meta/status.ts'
import type { Pod, PodTemplateSpec } from '../../api/types.ts'
import type { ApiClient, ApiObject, EventRecorder, Informer, WorkQueue } from '../../client/index.ts'
import { messageOf } from '../../platform/assert.ts'
import { NetworkError } from '../../platform/network.ts'
import type { Expectations } from './expectations.ts'
import { inBatches, slowStart } from './slow-start.ts'

/** Pods created or deleted in one reconcile at most (upstream: BurstReplicas). */
export const podBurstMax = 500

/** The pod that a template describes, controlled by `owner`; the server completes the name. */
export function podFromTemplate<O extends ApiObject>(
  template: PodTemplateSpec | undefined,
  owner: O,
  resource: Resource<O>,
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${owner.metadata.name ?? ''}-`,
      namespace: owner.metadata.namespace,
      labels: template?.metadata?.labels,
      annotations: template?.metadata?.annotations,
      finalizers: template?.metadata?.finalizers,
      ownerReferences: [ownerReferenceFor(owner, resource)],
    },
    spec: template?.spec,
  }
}

/** Whether a failed create may have happened all the same. */
export function isUncertain(error: unknown): boolean {
  if (error instanceof NetworkError) return error.maybeDelivered
  return error instanceof ApiError && error.code >= 500 && error.code !== 503
}

export interface PodControl {
  readonly client: ApiClient
  readonly recorder: EventRecorder
  readonly expectations: Expectations
}

export interface CreatePodsOptions {
  readonly owner: ApiObject
  /** The key of its expectations. */
  readonly key: string
  readonly pods: readonly Pod[]
  readonly signal: AbortSignal
}

/** Creates pods in slow-start batches. Gives the first error, after all expectations are settled. */
export async function createPods(control: PodControl, options: CreatePodsOptions): Promise<unknown> {
  const { client, recorder, expectations } = control
  const { owner, key, pods, signal } = options
  if (pods.length === 0) return undefined
  expectations.expectCreations(key, pods.length)
  const resource = client.resource(podResource, owner.metadata.namespace)
  const result = await slowStart(pods.length, async (index) => {
    const pod = pods[index]
    if (!pod) return
    try {
      const created = await resource.create(pod, { signal })
      recorder.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`)
    } catch (error) {
      if (isUncertain(error)) expectations.creationUncertain(key)
      else expectations.creationFailed(key)
      if (!isNamespaceTerminating(error)) {
        recorder.event(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`)
      }
      throw error
    }
  })
  for (let index = 0; index < result.skipped; index += 1) expectations.creationFailed(key)
  return result.errors.find((error) => !isNamespaceTerminating(error))
}

export interface DeletePodsOptions {
  readonly owner: ApiObject
  readonly key: string
  readonly pods: readonly Pod[]
  readonly signal: AbortSignal
}

/** Deletes pods, each guarded by its uid. Gives the first error; a pod already gone is none. */
export async function deletePods(control: PodControl, options: DeletePodsOptions): Promise<unknown> {
  const { client, recorder, expectations } = control
  const { owner, key, pods, signal } = options
  if (pods.length === 0) return undefined
  expectations.expectDeletions(
    key,
    pods.map((pod) => pod.metadata.uid ?? ''),
  )
  const resource = client.resource(podResource, owner.metadata.namespace)
  const errors = await inBatches(pods.length, async (index) => {
    const { name = '', uid = '' } = pods[index]?.metadata ?? {}
    try {
      await resource.delete(name, { preconditions: { uid }, signal })
      recorder.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
    } catch (error) {
      expectations.deletionObserved(key, uid)
      if (isNotFound(error)) return
      recorder.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`)
      throw error
    }
  })
  return errors[0]
}

export interface PodHandlerOptions {
  readonly pods: Informer<Pod>
  readonly expectations: Expectations
  readonly queue: WorkQueue
  /** The key of the owner that this pod's controller reference names; undefined when it is another's. */
  readonly ownerKey: (pod: Pod) => string | undefined
  /** Keys of owners that might adopt this orphan. */
  readonly keysForOrphan: (pod: Pod) => readonly string[]
  /** Also look again this much later, when a readiness window may have passed. */
  readonly revisitAfterMs?: ((pod: Pod) => number | undefined) | undefined
}

/** Enqueues owners as their pods come, change and go, and settles expectations. */
export function handlePods(options: PodHandlerOptions): void {
  const { pods, expectations, queue, ownerKey, keysForOrphan } = options
  const markDeleted = (pod: Pod, key: string) => expectations.deletionObserved(key, pod.metadata.uid ?? '')
  const enqueueOrphan = (pod: Pod) => {
    for (const key of keysForOrphan(pod)) queue.add(key)
  }
  const onAdd = (pod: Pod) => {
    const key = ownerKey(pod)
    if (key === undefined) {
      if (controllerOf(pod) === undefined && !isGoing(pod)) enqueueOrphan(pod)
      return
    }
    if (isGoing(pod)) markDeleted(pod, key)
    else expectations.creationObserved(key)
    queue.add(key)
  }
  const onUpdate = (previous: Pod, next: Pod) => {
    const previousKey = ownerKey(previous)
    const key = ownerKey(next)
    if (previousKey !== undefined && previousKey !== key) queue.add(previousKey)
    if (key === undefined) {
      if (controllerOf(next) === undefined) enqueueOrphan(next)
      return
    }
    if (isGoing(next)) markDeleted(next, key)
    queue.add(key)
    const revisitMs = options.revisitAfterMs?.(next)
    if (revisitMs !== undefined) queue.addAfter(key, revisitMs)
  }
  const onDelete = (pod: Pod) => {
    const key = ownerKey(pod)
    if (key === undefined) return
    markDeleted(pod, key)
    queue.add(key)
  }
  pods.onChange({ add: onAdd, update: onUpdate, delete: onDelete })
}

function isGoing(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined
}

/** Resolves a controller reference to a key: the owner of that kind must be cached under the same uid. */
export function ownerKeyIn<O extends ApiObject>(
  owners: Informer<O>,
  kind: string,
): (object: ApiObject) => string | undefined {
  return (object) => {
    const controller = controllerOf(object)
    if (controller?.kind !== kind) return undefined
    const owner = owners.get(object.metadata.namespace, controller.name)
    if (owner?.metadata.uid !== controller.uid) return undefined
    const { namespace = '', name = '' } = owner.metadata
    return `${namespace}/${name}`
  }
}

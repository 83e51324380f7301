/**
 * ReplicaSet: keeps `spec.replicas` pods that match its selector.
 *
 *   observed (set, its pods) ──planReplicaSet──► create n | delete these | nothing;  and its status
 *
 * Safe with a stale cache: nothing is created or deleted until the cache shows what was done before
 * (expectations), deletions name uids, and each look starts from the caches, not from the event.
 * Source: Kubernetes pkg/controller/replicaset/replica_set.go.
 */
import { replicaSets } from '../api/apps/replica-set.ts'
import { isPodActive, isPodAvailable, isPodReady } from '../api/core/pod-conditions.ts'
import { pods as podResource } from '../api/core/pod.ts'
import { deepEqual } from '../api/meta/json.ts'
import { removeCondition } from '../api/meta/conditions.ts'
import { labelSelectorFrom, matchesLabels, selectorFromLabels } from '../api/meta/selector.ts'
import { isNamespaceTerminating } from '../api/meta/status.ts'
import type { Pod, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '../api/types.ts'
import { keyOf, splitKey } from '../client/index.ts'
import { messageOf } from '../platform/assert.ts'
import { addOwnerIndexes, candidatesFor, claim, controllerIndex } from './framework/claim.ts'
import type { Controller, ControllerContext, ReconcileResult } from './framework/controller.ts'
import { throwIfFailed } from './framework/errors.ts'
import { Expectations } from './framework/expectations.ts'
import {
  createPods,
  deletePods,
  handlePods,
  ownerKeyIn,
  podBurstMax,
  podFromTemplate,
} from './framework/pod-control.ts'
import { rankForDeletion } from './framework/pod-ranking.ts'

export interface ObservedReplicaSet {
  readonly replicaSet: ReplicaSet
  /** The active pods that it owns. */
  readonly pods: readonly Pod[]
  /** Active pods of all sets with the same owner: their spread over nodes ranks deletions. */
  readonly siblings: readonly Pod[]
  readonly nowMs: number
}

export type ReplicaSetAction =
  | { readonly type: 'create'; readonly count: number }
  | { readonly type: 'delete'; readonly pods: readonly Pod[] }
  | { readonly type: 'none' }

/** What brings the number of pods to `spec.replicas`, at most a burst at once. */
export function planReplicaSet(observed: ObservedReplicaSet): ReplicaSetAction {
  const { replicaSet, pods, siblings, nowMs } = observed
  if (replicaSet.metadata.deletionTimestamp !== undefined) return { type: 'none' }
  const missing = (replicaSet.spec?.replicas ?? 1) - pods.length
  if (missing > 0) return { type: 'create', count: Math.min(missing, podBurstMax) }
  if (missing === 0) return { type: 'none' }
  const count = Math.min(-missing, podBurstMax)
  return { type: 'delete', pods: rankForDeletion(pods, siblings, nowMs).slice(0, count) }
}

/** The status that the observed pods give; `failure` is what managing them met. */
export function replicaSetStatus(
  observed: ObservedReplicaSet,
  failure: unknown,
  now: string,
): ReplicaSetStatus {
  const { replicaSet, pods, nowMs } = observed
  const { spec, status, metadata } = replicaSet
  const templateLabels = selectorFromLabels(spec?.template?.metadata?.labels)
  const minReadySeconds = spec?.minReadySeconds ?? 0
  return {
    ...status,
    replicas: pods.length,
    fullyLabeledReplicas: pods.filter((pod) => matchesLabels(templateLabels, pod.metadata.labels)).length,
    readyReplicas: pods.filter(isPodReady).length,
    availableReplicas: pods.filter((pod) => isPodAvailable(pod, minReadySeconds, nowMs)).length,
    observedGeneration: metadata.generation,
    conditions: failureConditions(observed, failure, now),
  }
}

function failureConditions(
  { replicaSet, pods }: ObservedReplicaSet,
  failure: unknown,
  now: string,
): readonly ReplicaSetCondition[] | undefined {
  const { conditions } = replicaSet.status ?? {}
  const known = conditions?.find(({ type }) => type === 'ReplicaFailure')
  if (failure === undefined) return known ? removeCondition(conditions, 'ReplicaFailure') : conditions
  if (known) return conditions
  const reason = pods.length < (replicaSet.spec?.replicas ?? 1) ? 'FailedCreate' : 'FailedDelete'
  const message = messageOf(failure)
  return [
    ...(conditions ?? []),
    { type: 'ReplicaFailure', status: 'True', reason, message, lastTransitionTime: now },
  ]
}

/** The controller. */
export const replicaSetController: Controller = {
  name: 'replicaset-controller',
  start: (context) => {
    const sets = context.informer(replicaSets)
    const pods = context.informer(podResource)
    addOwnerIndexes(pods)
    sets.addIndex(controllerIndex, (set) => {
      const owner = set.metadata.ownerReferences?.find(({ controller }) => controller)
      return owner ? [owner.uid] : []
    })
    const expectations = new Expectations(context.powers.clock)
    const queue = context.reconciler('replicaset', {
      reconcile: (key, signal) => reconcile(context, expectations, key, signal),
    })
    sets.onChange({
      add: (set) => queue.add(keyOf(set)),
      update: (_, set) => queue.add(keyOf(set)),
      delete: (set) => {
        expectations.forget(keyOf(set))
        queue.add(keyOf(set))
      },
    })
    handlePods({
      pods,
      expectations,
      queue,
      ownerKey: ownerKeyIn(sets, 'ReplicaSet'),
      keysForOrphan: (pod) =>
        sets
          .list(pod.metadata.namespace)
          .filter(({ spec }) => matchesLabels(labelSelectorFrom(spec?.selector), pod.metadata.labels))
          .map(keyOf),
    })
  },
}

async function reconcile(
  context: ControllerContext,
  expectations: Expectations,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult | undefined> {
  const { namespace, name } = splitKey(key)
  const replicaSet = context.informer(replicaSets).get(namespace, name)
  if (!replicaSet) {
    expectations.forget(key)
    return undefined
  }
  const mayAct = expectations.isSatisfied(key)
  const observed = await observe(context, replicaSet, signal)
  const failure = mayAct ? await act(context, expectations, { key, observed, signal }) : undefined
  const status = replicaSetStatus(observed, failure, context.now())
  if (!deepEqual(status, replicaSet.status)) {
    await context.client.resource(replicaSets, namespace).updateStatus({ ...replicaSet, status }, { signal })
  }
  if (!isNamespaceTerminating(failure)) throwIfFailed(failure)
  const retryAfterMs = expectations.retryAfterMs(key)
  if (retryAfterMs !== undefined) return { requeueAfterMs: retryAfterMs }
  const minReadyMs = (replicaSet.spec?.minReadySeconds ?? 0) * 1000
  const isWaiting = minReadyMs > 0 && status.readyReplicas !== status.availableReplicas
  return isWaiting ? { requeueAfterMs: minReadyMs } : undefined
}

async function observe(
  context: ControllerContext,
  replicaSet: ReplicaSet,
  signal: AbortSignal,
): Promise<ObservedReplicaSet> {
  const pods = context.informer(podResource)
  const owned = await claim({
    client: context.client,
    owner: replicaSet,
    ownerResource: replicaSets,
    resource: podResource,
    selector: labelSelectorFrom(replicaSet.spec?.selector),
    candidates: candidatesFor(pods, replicaSet).filter(isPodActive),
    signal,
  })
  const siblingUids = siblingSets(context, replicaSet).map(({ metadata }) => metadata.uid ?? '')
  const siblings = siblingUids.flatMap((uid) => pods.byIndex(controllerIndex, uid)).filter(isPodActive)
  return { replicaSet, pods: owned, siblings, nowMs: context.nowMs() }
}

/** The sets of the same Deployment, this one among them. */
function siblingSets(context: ControllerContext, replicaSet: ReplicaSet): readonly ReplicaSet[] {
  const owner = replicaSet.metadata.ownerReferences?.find(({ controller }) => controller)
  return owner ? context.informer(replicaSets).byIndex(controllerIndex, owner.uid) : [replicaSet]
}

async function act(
  context: ControllerContext,
  expectations: Expectations,
  { key, observed, signal }: { key: string; observed: ObservedReplicaSet; signal: AbortSignal },
): Promise<unknown> {
  const { replicaSet } = observed
  const action = planReplicaSet(observed)
  const recorder = context.recorder('replicaset-controller')
  const control = { client: context.client, recorder, expectations }
  switch (action.type) {
    case 'create': {
      const pod = podFromTemplate(replicaSet.spec?.template, replicaSet, replicaSets)
      const pods = Array.from({ length: action.count }, () => pod)
      return createPods(control, { owner: replicaSet, key, pods, signal })
    }
    case 'delete':
      return deletePods(control, { owner: replicaSet, key, pods: action.pods, signal })
    case 'none':
      return undefined
  }
}

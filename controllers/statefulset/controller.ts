/**
 * StatefulSet: looks, plans, does. Needs no expectations: its pods have names of their own, so that what a
 * stale cache does not show cannot be made twice. Of the claims' retention policy `whenDeleted` is kept by
 * owner references from their creation; claims that a scale-down leaves behind are retained.
 * Source: Kubernetes pkg/controller/statefulset.
 */
import { controllerRevisions } from '../../api/apps/controller-revision.ts'
import { statefulSets } from '../../api/apps/stateful-set.ts'
import { persistentVolumeClaims } from '../../api/core/persistent-volume-claim.ts'
import { pods as podResource } from '../../api/core/pod.ts'
import { deepEqual, trusted, valueAt } from '../../api/meta/json.ts'
import { labelSelectorFrom, matchesLabels } from '../../api/meta/selector.ts'
import { isAlreadyExists } from '../../api/meta/status.ts'
import type { ControllerRevision, Pod, PodTemplateSpec, StatefulSet } from '../../api/types.ts'
import { keyOf, splitKey } from '../../client/index.ts'
import { messageOf } from '../../platform/assert.ts'
import { addOwnerIndexes, candidatesFor, claim, controllerIndex } from '../framework/claim.ts'
import type { Controller, ControllerContext, ReconcileResult } from '../framework/controller.ts'
import { ignoreNotFound } from '../framework/errors.ts'
import { ownerKeyIn } from '../framework/pod-control.ts'
import { cleanHistory, planHistory, revisionHashLabel, syncHistory } from '../framework/revisions.ts'
import { createOnce } from '../service-account.ts'
import { claimsFor, ordinalOf, type Revision, statefulPod } from './identity.ts'
import { planStatefulSet, type StatefulSetPlan } from './plan.ts'

const component = 'statefulset-controller'

/** The controller. */
export const statefulSetController: Controller = {
  name: 'statefulset-controller',
  start: (context) => {
    const sets = context.informer(statefulSets)
    const pods = context.informer(podResource)
    addOwnerIndexes(pods)
    addOwnerIndexes(context.informer(controllerRevisions))
    context.informer(persistentVolumeClaims)
    const queue = context.reconciler('statefulset', {
      reconcile: (key, signal) => reconcile(context, key, signal),
    })
    sets.onChange({ add: (set) => queue.add(keyOf(set)), update: (_, set) => queue.add(keyOf(set)) })
    const ownerKey = ownerKeyIn(sets, 'StatefulSet')
    const look = (pod: Pod) => {
      const key = ownerKey(pod)
      if (key !== undefined) queue.add(key)
      if (pod.metadata.ownerReferences?.some(({ controller }) => controller)) return
      for (const set of sets.list(pod.metadata.namespace)) {
        if (matchesLabels(labelSelectorFrom(set.spec?.selector), pod.metadata.labels)) queue.add(keyOf(set))
      }
    }
    pods.onChange({ add: look, update: (_, pod) => look(pod), delete: look })
  },
}

async function reconcile(
  context: ControllerContext,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult | undefined> {
  const { namespace, name } = splitKey(key)
  const set = context.informer(statefulSets).get(namespace, name)
  if (!set) return undefined
  const revisions = await syncRevisions(context, set, signal)
  if (!revisions) return undefined
  const pods = await claim({
    client: context.client,
    owner: set,
    ownerResource: statefulSets,
    resource: podResource,
    selector: labelSelectorFrom(set.spec?.selector),
    candidates: candidatesFor(context.informer(podResource), set).filter(
      (pod) => ordinalOf(set, pod) !== undefined,
    ),
    signal,
  })
  const plan = planStatefulSet({ set, pods, ...revisions, nowMs: context.nowMs() })
  await carryOut(context, { set, plan, signal })
  if (!deepEqual(plan.status, set.status)) {
    await context.client
      .resource(statefulSets, namespace)
      .updateStatus({ ...set, status: plan.status }, { signal })
  }
  const minReadyMs = (set.spec?.minReadySeconds ?? 0) * 1000
  const isWaiting = minReadyMs > 0 && plan.status.readyReplicas !== plan.status.availableReplicas
  return isWaiting ? { requeueAfterMs: minReadyMs } : undefined
}

/** The revisions of the present template and of the one before it; undefined after a collision was counted. */
async function syncRevisions(
  context: ControllerContext,
  set: StatefulSet,
  signal: AbortSignal,
): Promise<{ readonly current: Revision; readonly update: Revision } | undefined> {
  const { uid = '', namespace } = set.metadata
  const known = context.informer(controllerRevisions).byIndex(controllerIndex, uid)
  const { collisionCount, currentRevision } = set.status ?? {}
  const { template } = set.spec ?? {}
  const history = planHistory({
    owner: set,
    resource: statefulSets,
    template,
    collisionCount,
    revisions: known,
  })
  const found = await syncHistory(context.client, history, signal)
  if (!found) {
    const status = { replicas: 0, ...set.status, collisionCount: (collisionCount ?? 0) + 1 }
    await context.client.resource(statefulSets, namespace).updateStatus({ ...set, status }, { signal })
    return undefined
  }
  const update = { name: found.metadata.name ?? '', template }
  const before = known.find(({ metadata }) => metadata.name === currentRevision)
  const current = before ? { name: before.metadata.name ?? '', template: templateOf(before) } : update
  const pods = context.informer(podResource).byIndex(controllerIndex, uid)
  const live = new Set([
    update.name,
    current.name,
    ...pods.map(({ metadata }) => metadata.labels?.[revisionHashLabel]),
  ])
  // Pods of a StatefulSet are labelled with the revision's name, not its hash.
  const idle = known.filter(({ metadata }) => !live.has(metadata.name))
  const limit = set.spec?.revisionHistoryLimit ?? 10
  await cleanHistory(context.client, { revisions: idle, limit, isLive: () => false, signal })
  return { current, update }
}

/** The template that a revision holds, without the patch's directive. */
function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const { $patch: _, ...template } = trusted<Record<string, unknown>>(
    valueAt(revision.data, ['spec', 'template']) ?? {},
  )
  return trusted<PodTemplateSpec>(template)
}

async function carryOut(
  context: ControllerContext,
  { set, plan, signal }: { set: StatefulSet; plan: StatefulSetPlan; signal: AbortSignal },
): Promise<void> {
  const recorder = context.recorder(component)
  const { namespace, name = '' } = set.metadata
  const resource = context.client.resource(podResource, namespace)
  for (const { ordinal, revision } of plan.create) {
    await ensureClaims(context, set, ordinal, signal)
    const pod = statefulPod(set, ordinal, revision)
    const podName = pod.metadata.name ?? ''
    try {
      await resource.create(pod, { signal })
      recorder.event(
        set,
        'Normal',
        'SuccessfulCreate',
        `create Pod ${podName} in StatefulSet ${name} successful`,
      )
    } catch (error) {
      if (isAlreadyExists(error)) continue
      const message = `create Pod ${podName} in StatefulSet ${name} failed error: ${messageOf(error)}`
      recorder.event(set, 'Warning', 'FailedCreate', message)
      throw error
    }
  }
  for (const pod of plan.delete) {
    const { name: podName = '', uid } = pod.metadata
    await ignoreNotFound(resource.delete(podName, { preconditions: { uid }, signal }))
    recorder.event(
      set,
      'Normal',
      'SuccessfulDelete',
      `delete Pod ${podName} in StatefulSet ${name} successful`,
    )
  }
}

/** Makes the claims of an ordinal that are not there; one that is there is used as it is. */
async function ensureClaims(
  context: ControllerContext,
  set: StatefulSet,
  ordinal: number,
  signal: AbortSignal,
): Promise<void> {
  const { namespace } = set.metadata
  const cached = context.informer(persistentVolumeClaims)
  for (const wanted of claimsFor(set, ordinal)) {
    if (cached.get(namespace, wanted.metadata.name ?? '')) continue
    await createOnce(context.client.resource(persistentVolumeClaims, namespace).create(wanted, { signal }))
  }
}

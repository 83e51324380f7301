/**
 * Job: looks, plans, does. Status first, then finalizers, then pods: the order on which exactly-once
 * counting rests (see plan.ts). Source: Kubernetes pkg/controller/job/job_controller.go.
 */
import { jobs } from '../../api/batch/job.ts'
import { pods as podResource } from '../../api/core/pod.ts'
import { deepEqual } from '../../api/meta/json.ts'
import { controllerOf } from '../../api/meta/owner.ts'
import { labelSelectorFrom, matchesLabels, nothing } from '../../api/meta/selector.ts'
import { isInvalid, isNotFound } from '../../api/meta/status.ts'
import type { Job, Pod } from '../../api/types.ts'
import { keyOf, splitKey, type WorkQueue } from '../../client/index.ts'
import { addOwnerIndexes, candidatesFor, claim } from '../framework/claim.ts'
import type { Controller, ControllerContext, ReconcileResult } from '../framework/controller.ts'
import { throwIfFailed } from '../framework/errors.ts'
import { Expectations } from '../framework/expectations.ts'
import { createPods, deletePods, handlePods, ownerKeyIn } from '../framework/pod-control.ts'
import { isTracked, newJobPod, trackingFinalizer } from './job-pods.ts'
import { isFinished, type JobPlan, planJob } from './plan.ts'

interface JobState {
  readonly context: ControllerContext
  readonly expectations: Expectations
  /** Pods whose finalizer this process took off and whose cache entry does not show it yet. */
  readonly released: Set<string>
}

/** The controller. */
export const jobController: Controller = {
  name: 'job-controller',
  start: (context) => {
    const all = context.informer(jobs)
    const pods = context.informer(podResource)
    addOwnerIndexes(pods)
    const state: JobState = {
      context,
      expectations: new Expectations(context.powers.clock),
      released: new Set(),
    }
    const queue = context.reconciler('job', { reconcile: (key, signal) => reconcile(state, key, signal) })
    const orphans = context.reconciler('job-orphan-pods', {
      reconcile: (key, signal) => releaseOrphan(state, key, signal),
    })
    all.onChange({
      add: (job) => queue.add(keyOf(job)),
      update: (_, job) => queue.add(keyOf(job)),
      delete: (job) => {
        queue.add(keyOf(job))
        for (const pod of candidatesFor(pods, job)) if (isTracked(pod)) orphans.add(keyOf(pod))
      },
    })
    watchReleases(state)
    const ownerKey = ownerKeyIn(all, 'Job')
    handlePods({
      pods,
      expectations: state.expectations,
      queue,
      ownerKey,
      keysForOrphan: (pod) =>
        all
          .list(pod.metadata.namespace)
          .filter((job) => matchesLabels(selectorOf(job), pod.metadata.labels))
          .map(keyOf),
    })
    watchOrphans(context, orphans, ownerKey)
  },
}

function selectorOf(job: Job) {
  return job.spec?.selector === undefined ? nothing : labelSelectorFrom(job.spec.selector)
}

/** Forgets releases that the cache shows by now. */
function watchReleases({ context, released }: JobState): void {
  const settle = (pod: Pod) => {
    if (!isTracked(pod)) released.delete(pod.metadata.uid ?? '')
  }
  context.informer(podResource).onChange({
    add: settle,
    update: (_, pod) => settle(pod),
    delete: (pod) => released.delete(pod.metadata.uid ?? ''),
  })
}

/** A tracked pod whose Job is gone would never go: its finalizer is nobody's any more. */
function watchOrphans(
  context: ControllerContext,
  orphans: WorkQueue,
  ownerKey: (pod: Pod) => string | undefined,
): void {
  const look = (pod: Pod) => {
    if (!isTracked(pod) || ownerKey(pod) !== undefined) return
    const controller = controllerOf(pod)
    if (controller === undefined || controller.kind === 'Job') orphans.add(keyOf(pod))
  }
  context.informer(podResource).onChange({ add: look, update: (_, pod) => look(pod) })
}

async function releaseOrphan(state: JobState, key: string, signal: AbortSignal): Promise<void> {
  const { context } = state
  const { namespace, name } = splitKey(key)
  const pod = context.informer(podResource).get(namespace, name)
  if (!pod || !isTracked(pod)) return
  const controller = controllerOf(pod)
  if (controller) {
    const job = await context.client
      .resource(jobs, namespace)
      .get(controller.name, { signal })
      .catch((error: unknown) => {
        if (isNotFound(error)) return undefined
        throw error
      })
    if (job?.metadata.uid === controller.uid) return
  }
  await release(state, pod, signal)
}

async function reconcile(
  state: JobState,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult | undefined> {
  const { context, expectations, released } = state
  const { namespace, name } = splitKey(key)
  const job = context.informer(jobs).get(namespace, name)
  if (!job) {
    expectations.forget(key)
    return undefined
  }
  if (job.spec?.managedBy !== undefined && job.spec.managedBy !== 'kubernetes.io/job-controller')
    return undefined
  const mayAct = expectations.isSatisfied(key)
  const candidates = candidatesFor(context.informer(podResource), job)
  const pods = await claim({
    client: context.client,
    owner: job,
    ownerResource: jobs,
    resource: podResource,
    selector: selectorOf(job),
    candidates: isFinished(job) ? candidates.filter((pod) => controllerOf(pod) !== undefined) : candidates,
    adoptMetadata: (pod) => ({ finalizers: [...(pod.metadata.finalizers ?? []), trackingFinalizer] }),
    signal,
  })
  const plan = planJob({
    job,
    pods,
    mayAct: mayAct && job.metadata.deletionTimestamp === undefined,
    isReleased: (uid) => released.has(uid),
    nowMs: context.nowMs(),
  })
  await carryOut(state, { key, job, plan, signal })
  return { requeueAfterMs: plan.requeueAfterMs ?? expectations.retryAfterMs(key) }
}

async function carryOut(
  state: JobState,
  { key, job, plan, signal }: { key: string; job: Job; plan: JobPlan; signal: AbortSignal },
): Promise<void> {
  const { context, expectations } = state
  const recorder = context.recorder('job-controller')
  if (!deepEqual(plan.status, job.status ?? {})) {
    const resource = context.client.resource(jobs, job.metadata.namespace)
    await resource.updateStatus({ ...job, status: plan.status }, { signal })
  }
  if (plan.event) recorder.event(job, plan.event.type, plan.event.reason, plan.event.message)
  for (const pod of [...plan.release, ...plan.discard]) await release(state, pod, signal)
  const control = { client: context.client, recorder, expectations }
  const gone = [...plan.discard, ...plan.end]
  const deleteError = await deletePods(control, { owner: job, key, pods: gone, signal })
  const pods = plan.create.map((index) => newJobPod(job, index))
  throwIfFailed(deleteError ?? (await createPods(control, { owner: job, key, pods, signal })))
}

/** Takes the tracking finalizer off. A pod that is gone needs none. */
async function release(state: JobState, pod: Pod, signal: AbortSignal): Promise<void> {
  const { name = '', namespace, uid = '' } = pod.metadata
  if (!isTracked(pod) || state.released.has(uid)) return
  const patch = {
    metadata: { uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] },
  }
  try {
    await state.context.client
      .resource(podResource, namespace)
      .patch(name, patch, { type: 'strategic', signal })
    state.released.add(uid)
  } catch (error) {
    if (!isNotFound(error) && !isInvalid(error)) throw error
  }
}

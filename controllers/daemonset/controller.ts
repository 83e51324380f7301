/**
 * DaemonSet: looks, plans, does. Source: Kubernetes pkg/controller/daemon.
 */
import { controllerRevisions } from '../../api/apps/controller-revision.ts'
import { daemonSets } from '../../api/apps/daemon-set.ts'
import { nodes as nodeResource } from '../../api/core/node.ts'
import { pods as podResource } from '../../api/core/pod.ts'
import { deepEqual } from '../../api/meta/json.ts'
import { labelSelectorFrom, matchesLabels } from '../../api/meta/selector.ts'
import type { DaemonSet, Node } from '../../api/types.ts'
import { keyOf, splitKey } from '../../client/index.ts'
import { addOwnerIndexes, candidatesFor, claim, controllerIndex } from '../framework/claim.ts'
import type { Controller, ControllerContext, ReconcileResult } from '../framework/controller.ts'
import { throwIfFailed } from '../framework/errors.ts'
import { Expectations } from '../framework/expectations.ts'
import { createPods, deletePods, handlePods, ownerKeyIn } from '../framework/pod-control.ts'
import {
  cleanHistory,
  hashOfRevision,
  planHistory,
  revisionHashLabel,
  syncHistory,
} from '../framework/revisions.ts'
import { daemonPod, fitOf } from './node-fit.ts'
import { type DaemonSetPlan, planDaemonSet } from './plan.ts'

const failedBackoffBaseMs = 1000
const failedBackoffMaxMs = 900_000

interface DaemonState {
  readonly context: ControllerContext
  readonly expectations: Expectations
  /** Failures in a row and when the next replacement may be made, by set and node. */
  readonly failures: Map<string, { readonly count: number; readonly untilMs: number }>
}

/** The controller. */
export const daemonSetController: Controller = {
  name: 'daemonset-controller',
  start: (context) => {
    const sets = context.informer(daemonSets)
    const pods = context.informer(podResource)
    addOwnerIndexes(pods)
    addOwnerIndexes(context.informer(controllerRevisions))
    const state = { context, expectations: new Expectations(context.powers.clock), failures: new Map() }
    const queue = context.reconciler('daemonset', {
      reconcile: (key, signal) => reconcile(state, key, signal),
    })
    sets.onChange({
      add: (set) => queue.add(keyOf(set)),
      update: (_, set) => queue.add(keyOf(set)),
      delete: (set) => state.expectations.forget(keyOf(set)),
    })
    const enqueueAll = () => sets.list().forEach((set) => queue.add(keyOf(set)))
    context.informer(nodeResource).onChange({
      add: enqueueAll,
      update: (previous, next) => {
        for (const set of sets.list()) if (isFitChanged(set, previous, next)) queue.add(keyOf(set))
      },
      delete: enqueueAll,
    })
    handlePods({
      pods,
      expectations: state.expectations,
      queue,
      ownerKey: ownerKeyIn(sets, 'DaemonSet'),
      keysForOrphan: (pod) =>
        sets
          .list(pod.metadata.namespace)
          .filter(({ spec }) => matchesLabels(labelSelectorFrom(spec?.selector), pod.metadata.labels))
          .map(keyOf),
    })
  },
}

function isFitChanged(set: DaemonSet, previous: Node, next: Node): boolean {
  return !deepEqual(fitOf(set, previous), fitOf(set, next))
}

async function reconcile(
  state: DaemonState,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult | undefined> {
  const { context, expectations, failures } = state
  const { namespace, name } = splitKey(key)
  const set = context.informer(daemonSets).get(namespace, name)
  if (!set) {
    expectations.forget(key)
    return undefined
  }
  const mayAct = expectations.isSatisfied(key)
  const hash = await currentHash(context, set, signal)
  if (hash === undefined) return undefined
  const pods = await claim({
    client: context.client,
    owner: set,
    ownerResource: daemonSets,
    resource: podResource,
    selector: labelSelectorFrom(set.spec?.selector),
    candidates: candidatesFor(context.informer(podResource), set),
    signal,
  })
  const plan = planDaemonSet({
    set,
    nodes: context.informer(nodeResource).list(),
    pods,
    hash,
    nowMs: context.nowMs(),
    mayReplaceFailed: (nodeName) =>
      (failures.get(`${key} ${nodeName}`)?.untilMs ?? 0) <= context.powers.clock.monotonicMs(),
  })
  if (!deepEqual(plan.status, set.status)) {
    await context.client
      .resource(daemonSets, namespace)
      .updateStatus({ ...set, status: plan.status }, { signal })
  }
  if (mayAct) await carryOut(state, { key, set, hash, plan, signal })
  const requeueAfterMs = nextLookMs(state, key) ?? expectations.retryAfterMs(key)
  const minReadyMs = (set.spec?.minReadySeconds ?? 0) * 1000
  const isWaiting = minReadyMs > 0 && plan.status.numberReady !== plan.status.numberAvailable
  return { requeueAfterMs: isWaiting ? Math.min(minReadyMs, requeueAfterMs ?? minReadyMs) : requeueAfterMs }
}

/** The hash of the template's revision, which is made if need be; undefined after a collision was counted. */
async function currentHash(
  context: ControllerContext,
  set: DaemonSet,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { uid = '', namespace } = set.metadata
  const revisions = context.informer(controllerRevisions).byIndex(controllerIndex, uid)
  const { collisionCount } = set.status ?? {}
  const plan = planHistory({
    owner: set,
    resource: daemonSets,
    template: set.spec?.template,
    collisionCount,
    revisions,
  })
  const revision = await syncHistory(context.client, plan, signal)
  if (!revision) {
    const status = { ...emptyStatus, ...set.status, collisionCount: (collisionCount ?? 0) + 1 }
    await context.client.resource(daemonSets, namespace).updateStatus({ ...set, status }, { signal })
    return undefined
  }
  const hash = hashOfRevision(revision)
  const live = new Set(
    context
      .informer(podResource)
      .byIndex(controllerIndex, uid)
      .map(({ metadata }) => metadata.labels?.[revisionHashLabel]),
  )
  const limit = set.spec?.revisionHistoryLimit ?? 10
  await cleanHistory(context.client, {
    revisions,
    limit,
    isLive: (each) => each === hash || live.has(each),
    signal,
  })
  return hash
}

const emptyStatus = {
  currentNumberScheduled: 0,
  desiredNumberScheduled: 0,
  numberMisscheduled: 0,
  numberReady: 0,
}

async function carryOut(
  state: DaemonState,
  work: { key: string; set: DaemonSet; hash: string; plan: DaemonSetPlan; signal: AbortSignal },
): Promise<void> {
  const { context, expectations, failures } = state
  const { key, set, hash, plan, signal } = work
  const recorder = context.recorder('daemonset-controller')
  for (const { pod, nodeName } of plan.failed) {
    const count = (failures.get(`${key} ${nodeName}`)?.count ?? 0) + 1
    const delayMs = Math.min(failedBackoffBaseMs * 2 ** Math.min(count - 1, 20), failedBackoffMaxMs)
    failures.set(`${key} ${nodeName}`, { count, untilMs: context.powers.clock.monotonicMs() + delayMs })
    const message = `Found failed daemon pod ${set.metadata.namespace}/${pod.metadata.name} on node ${nodeName}, will try to kill it`
    recorder.event(set, 'Warning', 'FailedDaemonPod', message)
  }
  const control = { client: context.client, recorder, expectations }
  const deleteError = await deletePods(control, { owner: set, key, pods: plan.delete, signal })
  const pods = plan.create.map((nodeName) => daemonPod(set, { nodeName, hash }))
  throwIfFailed(deleteError ?? (await createPods(control, { owner: set, key, pods, signal })))
}

/** When the first back-off of this set ends. What failed long ago is forgotten. */
function nextLookMs({ context, failures }: DaemonState, key: string): number | undefined {
  const nowMs = context.powers.clock.monotonicMs()
  for (const [each, { untilMs }] of failures) if (nowMs - untilMs > failedBackoffMaxMs) failures.delete(each)
  const waits = [...failures]
    .filter(([each, { untilMs }]) => each.startsWith(`${key} `) && untilMs > nowMs)
    .map(([, { untilMs }]) => untilMs - nowMs)
  return waits.length > 0 ? Math.min(...waits) : undefined
}

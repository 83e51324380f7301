/**
 * Disruption: keeps the status of PodDisruptionBudgets, by which the eviction endpoint decides whether one
 * more pod may go. Errs on the safe side: what cannot be counted allows nothing.
 * Source: Kubernetes pkg/controller/disruption/disruption.go.
 */
import { deployments } from '../api/apps/deployment.ts'
import { replicaSets } from '../api/apps/replica-set.ts'
import { statefulSets } from '../api/apps/stateful-set.ts'
import { isPodReady, isPodTerminating } from '../api/core/pod-conditions.ts'
import { pods as podResource } from '../api/core/pod.ts'
import { setCondition } from '../api/meta/conditions.ts'
import { resolveIntOrPercent } from '../api/meta/int-or-string.ts'
import { deepEqual } from '../api/meta/json.ts'
import { controllerOf } from '../api/meta/owner.ts'
import { labelSelectorFrom, matchesLabels } from '../api/meta/selector.ts'
import { formatTime, parseTime } from '../api/meta/time.ts'
import { podDisruptionBudgets } from '../api/policy/pod-disruption-budget.ts'
import type { Condition, Pod, PodDisruptionBudget, PodDisruptionBudgetStatus } from '../api/types.ts'
import { keyOf, splitKey } from '../client/index.ts'
import type { Controller, ControllerContext, ReconcileResult } from './framework/controller.ts'
import { ignoreNotFound } from './framework/errors.ts'

/** An evicted pod that is still there after this long was not evicted. */
export const disruptedTimeoutMs = 120_000

/** A workload's wanted number of pods, and what makes two pods be of one workload. */
export interface OwnerScale {
  readonly uid: string
  readonly replicas: number
}

export interface ObservedBudget {
  readonly budget: PodDisruptionBudget
  /** The pods that it selects. */
  readonly pods: readonly Pod[]
  /** The scale of the workload behind a pod's controller; undefined when it has none that can be scaled. */
  readonly scaleOf: (pod: Pod) => OwnerScale | undefined
  readonly nowMs: number
}

export interface BudgetPlan {
  readonly status: PodDisruptionBudgetStatus
  /** When a disrupted pod's time is over. */
  readonly requeueAfterMs?: number | undefined
  /** Pods that should have gone by now. */
  readonly notDeleted: readonly string[]
}

/** The status that the pods give. Pure. */
export function planBudget(observed: ObservedBudget): BudgetPlan {
  const { budget, pods, nowMs } = observed
  const disrupted = stillDisrupted(observed)
  const counts = expectedCounts(observed)
  const currentHealthy = pods.filter(
    (pod) =>
      !isPodTerminating(pod) && disrupted.pods[pod.metadata.name ?? ''] === undefined && isPodReady(pod),
  ).length
  const { expectedPods, desiredHealthy } = counts ?? { expectedPods: 0, desiredHealthy: 0 }
  const surplus = currentHealthy - desiredHealthy
  const disruptionsAllowed = counts && expectedPods > 0 ? Math.max(surplus, 0) : 0
  const status: PodDisruptionBudgetStatus = {
    ...budget.status,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    disruptionsAllowed,
    disruptedPods: Object.keys(disrupted.pods).length > 0 ? disrupted.pods : undefined,
    observedGeneration: budget.metadata.generation,
    conditions: setCondition(
      budget.status?.conditions,
      allowedCondition(budget, counts !== undefined, disruptionsAllowed),
      formatTime(nowMs),
    ),
  }
  const requeueAfterMs = disrupted.untilMs === undefined ? undefined : disrupted.untilMs - nowMs + 1
  return { status, requeueAfterMs, notDeleted: disrupted.overdue }
}

function allowedCondition(budget: PodDisruptionBudget, isCounted: boolean, allowed: number): Condition {
  const base = {
    type: 'DisruptionAllowed',
    lastTransitionTime: '',
    observedGeneration: budget.metadata.generation,
  }
  if (!isCounted) {
    const message = 'found pods whose controller has no scale'
    return { ...base, status: 'False', reason: 'SyncFailed', message }
  }
  return allowed > 0
    ? { ...base, status: 'True', reason: 'SufficientPods', message: '' }
    : { ...base, status: 'False', reason: 'InsufficientPods', message: '' }
}

/** Evicted pods that are still on their way: the eviction endpoint noted them, their deletion is not seen yet. */
function stillDisrupted({ budget, pods, nowMs }: ObservedBudget) {
  const noted = budget.status?.disruptedPods ?? {}
  const kept: Record<string, string> = {}
  const overdue: string[] = []
  let untilMs: number | undefined
  for (const pod of pods) {
    const { name = '' } = pod.metadata
    const at = noted[name]
    if (at === undefined || isPodTerminating(pod)) continue
    const endMs = (parseTime(at) ?? 0) + disruptedTimeoutMs
    if (endMs < nowMs) {
      overdue.push(name)
      continue
    }
    kept[name] = at
    untilMs = Math.min(untilMs ?? endMs, endMs)
  }
  return { pods: kept, overdue, untilMs }
}

/** How many pods there should be, and how many of them healthy; undefined when nobody can say. */
function expectedCounts(
  observed: ObservedBudget,
): { expectedPods: number; desiredHealthy: number } | undefined {
  const { maxUnavailable, minAvailable } = observed.budget.spec ?? {}
  if (maxUnavailable !== undefined && maxUnavailable !== null) {
    const expectedPods = expectedScale(observed)
    if (expectedPods === undefined) return undefined
    const unavailable = resolveIntOrPercent(maxUnavailable, expectedPods, true)
    return { expectedPods, desiredHealthy: Math.max(expectedPods - unavailable, 0) }
  }
  if (typeof minAvailable === 'string') {
    const expectedPods = expectedScale(observed)
    if (expectedPods === undefined) return undefined
    return { expectedPods, desiredHealthy: resolveIntOrPercent(minAvailable, expectedPods, true) }
  }
  return { expectedPods: observed.pods.length, desiredHealthy: minAvailable ?? 0 }
}

/** The summed scale of the workloads behind the pods; pods of no controller do not count. */
function expectedScale({ pods, scaleOf }: ObservedBudget): number | undefined {
  const scales = new Map<string, number>()
  for (const pod of pods) {
    if (!controllerOf(pod)) continue
    const scale = scaleOf(pod)
    if (!scale) return undefined
    scales.set(scale.uid, scale.replicas)
  }
  return [...scales.values()].reduce((sum, replicas) => sum + replicas, 0)
}

/** The controller. */
export const disruptionController: Controller = {
  name: 'disruption-controller',
  start: (context) => {
    const budgets = context.informer(podDisruptionBudgets)
    context.informer(deployments)
    context.informer(statefulSets)
    context.informer(replicaSets)
    const queue = context.reconciler('disruption', {
      reconcile: (key, signal) => reconcile(context, key, signal),
    })
    budgets.onChange({
      add: (budget) => queue.add(keyOf(budget)),
      update: (_, budget) => queue.add(keyOf(budget)),
    })
    const look = (pod: Pod) => {
      for (const budget of budgets.list(pod.metadata.namespace))
        if (selects(budget, pod)) queue.add(keyOf(budget))
    }
    context.informer(podResource).onChange({ add: look, update: (_, pod) => look(pod), delete: look })
  },
}

function selects({ spec }: PodDisruptionBudget, pod: Pod): boolean {
  return matchesLabels(labelSelectorFrom(spec?.selector), pod.metadata.labels)
}

async function reconcile(
  context: ControllerContext,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult | undefined> {
  const { namespace, name } = splitKey(key)
  const budget = context.informer(podDisruptionBudgets).get(namespace, name)
  if (!budget) return undefined
  const pods = context
    .informer(podResource)
    .list(namespace)
    .filter((pod) => selects(budget, pod))
  const recorder = context.recorder('controllermanager')
  if (pods.length === 0) recorder.event(budget, 'Normal', 'NoPods', 'No matching pods found')
  const scaleOf = (pod: Pod) => ownerScale(context, pod)
  const plan = planBudget({ budget, pods, scaleOf, nowMs: context.nowMs() })
  for (const podName of plan.notDeleted) {
    const message = `Pod was expected by PDB ${key} to be deleted but it wasn't`
    const pod = context.informer(podResource).get(namespace, podName)
    if (pod) recorder.event(pod, 'Warning', 'NotDeleted', message)
  }
  if (!deepEqual(plan.status, budget.status)) {
    const resource = context.client.resource(podDisruptionBudgets, namespace)
    await ignoreNotFound(resource.updateStatus({ ...budget, status: plan.status }, { signal }))
  }
  return { requeueAfterMs: plan.requeueAfterMs }
}

/** Up the chain of controllers: a ReplicaSet of a Deployment counts as the Deployment. */
function ownerScale(context: ControllerContext, pod: Pod): OwnerScale | undefined {
  const controller = controllerOf(pod)
  const { namespace } = pod.metadata
  if (!controller) return undefined
  const { kind, name, uid } = controller
  if (kind === 'StatefulSet') {
    const set = context.informer(statefulSets).get(namespace, name)
    return set?.metadata.uid === uid ? { uid, replicas: set.spec?.replicas ?? 1 } : undefined
  }
  if (kind !== 'ReplicaSet') return undefined
  const set = context.informer(replicaSets).get(namespace, name)
  if (set?.metadata.uid !== uid) return undefined
  const above = controllerOf(set)
  if (above?.kind !== 'Deployment') return { uid, replicas: set.spec?.replicas ?? 1 }
  const deployment = context.informer(deployments).get(namespace, above.name)
  if (deployment?.metadata.uid !== above.uid) return undefined
  return { uid: above.uid, replicas: deployment.spec?.replicas ?? 1 }
}

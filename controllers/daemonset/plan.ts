/**
 * `planDaemonSet`: one pod on each node that wants one, the newest revision everywhere. Pure.
 *
 * Rolling update without surge: an old pod that is not available goes at once; an available one goes while
 * fewer than maxUnavailable nodes are without an available pod. With surge the new pod comes first, on up to
 * maxSurge nodes, and the old one goes when the new one is available.
 * Source: Kubernetes pkg/controller/daemon/daemon_controller.go, update.go.
 */
import { isPodAvailable, isPodReady, isPodTerminal, isPodTerminating } from '../../api/core/pod-conditions.ts'
import { resolveIntOrPercent } from '../../api/meta/int-or-string.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { DaemonSet, DaemonSetStatus, Node, Pod } from '../../api/types.ts'
import { byName, compareTexts } from '../framework/claim.ts'
import { podBurstMax } from '../framework/pod-control.ts'
import { revisionHashLabel } from '../framework/revisions.ts'
import { fitOf, type NodeFit, targetNode } from './node-fit.ts'

export interface ObservedDaemonSet {
  readonly set: DaemonSet
  readonly nodes: readonly Node[]
  /** The pods that it controls, going ones too. */
  readonly pods: readonly Pod[]
  /** The hash of the present template's revision. */
  readonly hash: string
  readonly nowMs: number
  /** Whether a failed pod on this node may be replaced already. */
  readonly mayReplaceFailed: (nodeName: string) => boolean
}

export interface DaemonSetPlan {
  /** Node names to make a pod for. */
  readonly create: readonly string[]
  readonly delete: readonly Pod[]
  /** Failed pods among them, and the nodes on which they failed. */
  readonly failed: readonly { readonly pod: Pod; readonly nodeName: string }[]
  readonly status: DaemonSetStatus
}

interface NodeView {
  readonly nodeName: string
  readonly fit: NodeFit
  /** Pods that are not on their way out, oldest first. */
  readonly pods: readonly Pod[]
  readonly hasGoing: boolean
}

export function planDaemonSet(observed: ObservedDaemonSet): DaemonSetPlan {
  const views = viewsOf(observed)
  const known = new Set(views.map(({ nodeName }) => nodeName))
  const stray = observed.pods.filter(
    (pod) => !isPodTerminating(pod) && !pod.spec?.nodeName && !known.has(targetNode(pod) ?? ''),
  )
  const status = statusOf(observed, views)
  if (observed.set.metadata.deletionTimestamp !== undefined)
    return { create: [], delete: [], failed: [], status }
  const managed = views.map((view) => manageNode(observed, view))
  const update =
    observed.set.spec?.updateStrategy?.type === 'OnDelete' ? none : rollingUpdate(observed, views)
  const failed = managed.flatMap(({ failed: list }) => list)
  const gone = new Set([...managed.flatMap((each) => each.delete), ...stray, ...update.delete])
  const create = new Set([...managed.flatMap((each) => each.create), ...update.create])
  return {
    create: [...create].slice(0, podBurstMax),
    delete: [...gone].slice(0, podBurstMax),
    failed,
    status,
  }
}

interface NodePlan {
  readonly create: readonly string[]
  readonly delete: readonly Pod[]
  readonly failed: DaemonSetPlan['failed']
}

const none: NodePlan = { create: [], delete: [], failed: [] }

function viewsOf({ set, nodes, pods }: ObservedDaemonSet): readonly NodeView[] {
  const byNode = new Map<string, Pod[]>()
  for (const pod of pods) {
    const name = targetNode(pod)
    if (name !== undefined) byNode.set(name, [...(byNode.get(name) ?? []), pod])
  }
  return [...nodes].sort(byName).map((node) => {
    const nodeName = node.metadata.name ?? ''
    const here = byNode.get(nodeName) ?? []
    const staying = here.filter((pod) => !isPodTerminating(pod)).sort(byAge)
    return { nodeName, fit: fitOf(set, node), pods: staying, hasGoing: staying.length < here.length }
  })
}

function byAge(a: Pod, b: Pod): number {
  const difference =
    (parseTime(a.metadata.creationTimestamp) ?? 0) - (parseTime(b.metadata.creationTimestamp) ?? 0)
  return difference || compareTexts(a.metadata.name, b.metadata.name)
}

/** A missing pod is made, an ended one replaced, a surplus one removed. */
function manageNode(observed: ObservedDaemonSet, view: NodeView): NodePlan {
  const { nodeName, fit, pods, hasGoing } = view
  if (!fit.mayStay) return { ...none, delete: pods }
  const ended = pods.filter(isPodTerminal)
  const running = pods.filter((pod) => !isPodTerminal(pod))
  const replaceable = ended.filter(
    (pod) => pod.status?.phase === 'Succeeded' || observed.mayReplaceFailed(nodeName),
  )
  const failed = replaceable.filter((pod) => pod.status?.phase === 'Failed').map((pod) => ({ pod, nodeName }))
  const surplus = surplusOf(observed, running)
  // While a pod is going its name and ports are not free: the next one waits until it is gone.
  const create = fit.shouldRun && pods.length === 0 && !hasGoing ? [nodeName] : []
  return { create, delete: [...replaceable, ...surplus], failed }
}

/** All but the oldest; while a surge is allowed, all but the oldest of each of the two revisions. */
function surplusOf(observed: ObservedDaemonSet, running: readonly Pod[]): readonly Pod[] {
  if (limitsOf(observed, 1).maxSurge === 0) return running.slice(1)
  const isNew = (pod: Pod) => isUpdated(pod, observed.hash)
  const updated = running.filter(isNew)
  const old = running.filter((pod) => !isNew(pod))
  const isReplaced = updated[0] !== undefined && isAvailable(observed, updated[0])
  return [...updated.slice(1), ...old.slice(isReplaced ? 0 : 1)]
}

function isUpdated(pod: Pod, hash: string): boolean {
  return pod.metadata.labels?.[revisionHashLabel] === hash
}

function isAvailable({ set, nowMs }: ObservedDaemonSet, pod: Pod): boolean {
  return isPodAvailable(pod, set.spec?.minReadySeconds ?? 0, nowMs)
}

/** maxSurge and maxUnavailable over `desired` nodes, both rounded up; unavailable is 1 when both come to 0. */
function limitsOf({ set }: ObservedDaemonSet, desired: number): { maxSurge: number; maxUnavailable: number } {
  const { maxSurge = 0, maxUnavailable = 1 } = set.spec?.updateStrategy?.rollingUpdate ?? {}
  const surge = resolveIntOrPercent(maxSurge, desired, true)
  const unavailable = resolveIntOrPercent(maxUnavailable, desired, true)
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable }
}

function rollingUpdate(observed: ObservedDaemonSet, views: readonly NodeView[]): NodePlan {
  const wanted = views.filter(({ fit }) => fit.shouldRun)
  const limits = limitsOf(observed, wanted.length)
  const live = wanted.map((view) => ({ ...view, pods: view.pods.filter((pod) => !isPodTerminal(pod)) }))
  return limits.maxSurge > 0
    ? surge(observed, live, limits.maxSurge)
    : replace(observed, live, limits.maxUnavailable)
}

function replace(observed: ObservedDaemonSet, views: readonly NodeView[], maxUnavailable: number): NodePlan {
  const unavailable: Pod[] = []
  const candidates: Pod[] = []
  let missing = 0
  for (const { pods } of views) {
    const [pod] = pods
    if (pods.length !== 1 || !pod || !isAvailable(observed, pod)) missing += 1
    if (pods.length !== 1 || !pod || isUpdated(pod, observed.hash)) continue
    if (isAvailable(observed, pod)) candidates.push(pod)
    else unavailable.push(pod)
  }
  return { ...none, delete: [...unavailable, ...candidates.slice(0, Math.max(maxUnavailable - missing, 0))] }
}

function surge(observed: ObservedDaemonSet, views: readonly NodeView[], maxSurge: number): NodePlan {
  const candidates: string[] = []
  let surging = 0
  for (const { nodeName, pods, hasGoing } of views) {
    const updated = pods.some((pod) => isUpdated(pod, observed.hash))
    const old = pods.some((pod) => !isUpdated(pod, observed.hash))
    if (updated && old) surging += 1
    if (old && !updated && !hasGoing) candidates.push(nodeName)
  }
  return { ...none, create: candidates.slice(0, Math.max(maxSurge - surging, 0)) }
}

function statusOf(observed: ObservedDaemonSet, views: readonly NodeView[]): DaemonSetStatus {
  const { set, hash } = observed
  const wanted = views.filter(({ fit }) => fit.shouldRun)
  const carriers = (list: readonly NodeView[]) =>
    list.filter(({ pods, hasGoing }) => pods.length > 0 || hasGoing)
  const has = (test: (pod: Pod) => boolean) => wanted.filter(({ pods }) => pods.some(test)).length
  const available = has((pod) => isAvailable(observed, pod))
  return {
    ...set.status,
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: carriers(wanted).length,
    numberMisscheduled: carriers(views.filter(({ fit }) => !fit.shouldRun)).length,
    numberReady: has(isPodReady),
    numberAvailable: available,
    numberUnavailable: wanted.length - available,
    updatedNumberScheduled: has((pod) => isUpdated(pod, hash)),
    observedGeneration: set.metadata.generation,
  }
}

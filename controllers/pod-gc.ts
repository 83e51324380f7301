/**
 * Pod garbage collection: pods whose node is gone, pods that were deleted before they had one, and ended
 * pods beyond a number. Source: Kubernetes pkg/controller/podgc/gc_controller.go.
 */
import { nodes } from '../api/core/node.ts'
import { isPodScheduled, isPodTerminal, isPodTerminating } from '../api/core/pod-conditions.ts'
import { pods as podResource } from '../api/core/pod.ts'
import { parseTime } from '../api/meta/time.ts'
import type { Pod, PodCondition } from '../api/types.ts'
import { setCondition } from '../api/meta/conditions.ts'
import { compareTexts } from './framework/claim.ts'
import type { Controller, ControllerContext } from './framework/controller.ts'
import { ignoreNotFound } from './framework/errors.ts'

const periodMs = 20_000
/** A missing node is believed missing only after this long. */
export const quarantineMs = 40_000
/** Ended pods that may stay. */
export const terminatedMax = 12_500

export interface ObservedPods {
  readonly pods: readonly Pod[]
  /** Nodes that have been missing for the whole quarantine. */
  readonly isNodeGone: (name: string) => boolean
  readonly terminatedMax: number
}

export interface PodGcPlan {
  /** Their node is gone: marked failed, then deleted. */
  readonly orphaned: readonly Pod[]
  /** Deleted without ever having had a node. */
  readonly unscheduled: readonly Pod[]
  /** The oldest ended ones beyond the number. */
  readonly terminated: readonly Pod[]
}

/** Which pods go. Pure. */
export function planPodGc(observed: ObservedPods): PodGcPlan {
  const { pods, isNodeGone } = observed
  const orphaned = pods.filter((pod) => isPodScheduled(pod) && isNodeGone(pod.spec?.nodeName ?? ''))
  const unscheduled = pods.filter((pod) => isPodTerminating(pod) && !isPodScheduled(pod))
  const ended = pods.filter((pod) => isPodTerminal(pod) && !isPodTerminating(pod) && !orphaned.includes(pod))
  const created = (pod: Pod) => parseTime(pod.metadata.creationTimestamp) ?? 0
  const oldestFirst = [...ended].sort(
    (a, b) => created(a) - created(b) || compareTexts(a.metadata.uid, b.metadata.uid),
  )
  return {
    orphaned,
    unscheduled,
    terminated: oldestFirst.slice(0, Math.max(ended.length - observed.terminatedMax, 0)),
  }
}

/** The controller. */
export const podGcController: Controller = {
  name: 'pod-garbage-collector-controller',
  start: (context) => {
    const missingSinceMs = new Map<string, number>()
    context.informer(podResource)
    context.informer(nodes)
    context.every('pod-gc', periodMs, (signal) => collect(context, missingSinceMs, signal))
  },
}

async function collect(
  context: ControllerContext,
  missingSinceMs: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  const pods = context.informer(podResource).list()
  const hasNode = (name: string) => context.informer(nodes).get(undefined, name) !== undefined
  const gone = await findGoneNodes(context, missingSinceMs, { pods, hasNode, signal })
  const plan = planPodGc({ pods, isNodeGone: (name) => gone.has(name), terminatedMax })
  const cause = 'DeletionByPodGC'
  for (const pod of plan.orphaned) {
    await failAndDelete(context, pod, { reason: cause, message: 'PodGC: node no longer exists' }, signal)
  }
  for (const pod of [...plan.unscheduled, ...plan.terminated])
    await failAndDelete(context, pod, undefined, signal)
}

/** Nodes that pods name and that have been missing throughout the quarantine, by the server's own word. */
async function findGoneNodes(
  context: ControllerContext,
  missingSinceMs: Map<string, number>,
  options: { pods: readonly Pod[]; hasNode: (name: string) => boolean; signal: AbortSignal },
): Promise<ReadonlySet<string>> {
  const nowMs = context.powers.clock.monotonicMs()
  const named = new Set(options.pods.filter(isPodScheduled).map(({ spec }) => spec?.nodeName ?? ''))
  for (const name of missingSinceMs.keys())
    if (!named.has(name) || options.hasNode(name)) missingSinceMs.delete(name)
  const gone = new Set<string>()
  for (const name of [...named].sort()) {
    if (options.hasNode(name)) continue
    const sinceMs = missingSinceMs.get(name) ?? nowMs
    missingSinceMs.set(name, sinceMs)
    if (nowMs - sinceMs < quarantineMs) continue
    const live = await ignoreNotFound(context.client.resource(nodes).get(name, { signal: options.signal }))
    if (!live) gone.add(name)
  }
  return gone
}

/** Forces a pod away; one that has not ended is marked Failed first, so that its owner counts it so. */
async function failAndDelete(
  context: ControllerContext,
  pod: Pod,
  disruption: { readonly reason: string; readonly message: string } | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata
  const resource = context.client.resource(podResource, namespace)
  if (!isPodTerminal(pod)) {
    const target: PodCondition = { type: 'DisruptionTarget', status: 'True', ...disruption }
    const conditions = disruption
      ? setCondition(pod.status?.conditions, target, context.now())
      : pod.status?.conditions
    const failed: Pod = { ...pod, status: { ...pod.status, phase: 'Failed', conditions } }
    if (!(await ignoreNotFound(resource.updateStatus(failed, { signal })))) return
  }
  await ignoreNotFound(resource.delete(name, { gracePeriodSeconds: 0, preconditions: { uid }, signal }))
}

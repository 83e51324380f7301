/**
 * What a pod's status says, in one word each.
 *
 * Source: kubernetes pkg/api/v1/pod/util.go.
 */
import { findCondition } from '../meta/conditions.ts'
import type { Pod, PodCondition } from '../types.ts'

/** The condition of a type in the pod's status. */
export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return findCondition(pod.status?.conditions, type)
}

/** Condition Ready is True: the pod may get traffic. */
export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True'
}

/** Ready for at least `minReadySeconds`, at `nowMs`. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const ready = podCondition(pod, 'Ready')
  if (ready?.status !== 'True') return false
  if (minReadySeconds === 0) return true
  const since = Date.parse(ready.lastTransitionTime ?? '')
  return !Number.isNaN(since) && since + minReadySeconds * 1000 <= nowMs
}

/** Succeeded or Failed: it will never run again. */
export function isPodTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

/** Someone asked for its deletion. */
export function isPodTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined
}

/** Counts as a replica: neither terminal nor on its way out. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && !isPodTerminating(pod)
}

/** Has been bound to a node. */
export function isPodScheduled(pod: Pod): boolean {
  return (pod.spec?.nodeName ?? '') !== ''
}

/** Runs from a file on its node; the API only mirrors it. */
export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined
}

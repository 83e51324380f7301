/**
 * The two ways to replace pods: little by little between two fenceposts, or all at once.
 *
 *   size ▲ replicas + maxSurge      ─ ─ ─ ─ ─ never more pods than this
 *        │ replicas
 *        │ replicas - maxUnavailable ─ ─ ─ ─ never fewer available ones
 *
 * Source: Kubernetes pkg/controller/deployment/rolling.go, recreate.go.
 */
import {
  allSets,
  availableOf,
  type Draft,
  desiredReplicas,
  fenceposts,
  isRollingUpdate,
  scale,
  sizeOf,
  sum,
} from './draft.ts'

/** The size that the new set may have now. */
export function newSetSize(draft: Draft): number {
  const { deployment, current } = draft
  const replicas = desiredReplicas(deployment)
  if (!isRollingUpdate(deployment)) return replicas
  const size = sizeOf(current)
  const total = sum(allSets(draft), sizeOf)
  const room = replicas + fenceposts(deployment).maxSurge - total
  return room <= 0 ? size : size + Math.min(room, replicas - size)
}

/** Grows (or trims) the new set. True when its size changes. */
export function scaleCurrentSet(draft: Draft): boolean {
  const { current, deployment } = draft
  if (!current) return false
  const replicas = desiredReplicas(deployment)
  if (sizeOf(current) === replicas) return false
  return scale(draft, current, sizeOf(current) > replicas ? replicas : newSetSize(draft))
}

/** Shrinks old sets by what may be missing: first pods that are not available anyway, then others. */
export function scaleOldSets(draft: Draft): boolean {
  if (sum(draft.old, sizeOf) === 0) return false
  const { deployment, current } = draft
  const minAvailable = desiredReplicas(deployment) - fenceposts(deployment).maxUnavailable
  const unavailableNew = sizeOf(current) - availableOf(current)
  const spare = sum(allSets(draft), sizeOf) - minAvailable - unavailableNew
  if (spare <= 0) return false
  const cleaned = cleanUnhealthy(draft, spare)
  return shrinkAvailable(draft, minAvailable) + cleaned > 0
}

/** Removes up to `countMax` pods that are not available from old sets, oldest first. */
function cleanUnhealthy(draft: Draft, countMax: number): number {
  let count = 0
  for (const set of [...draft.old]) {
    if (count >= countMax) break
    const unhealthy = sizeOf(set) - availableOf(set)
    if (sizeOf(set) === 0 || unhealthy <= 0) continue
    const removed = Math.min(countMax - count, unhealthy)
    scale(draft, set, sizeOf(set) - removed)
    count += removed
  }
  return count
}

/** Removes available pods of old sets while more than `minAvailable` are left in all. */
function shrinkAvailable(draft: Draft, minAvailable: number): number {
  const available = sum(allSets(draft), availableOf)
  let count = 0
  for (const set of [...draft.old]) {
    if (available - count <= minAvailable) break
    if (sizeOf(set) === 0) continue
    const removed = Math.min(sizeOf(set), available - minAvailable - count)
    scale(draft, set, sizeOf(set) - removed)
    count += removed
  }
  return count
}

/** Recreate, first half: every old set to nothing. True when one was not. */
export function scaleOldSetsToNothing(draft: Draft): boolean {
  let isScaled = false
  for (const set of [...draft.old]) {
    if (sizeOf(set) > 0) isScaled = scale(draft, set, 0) || isScaled
  }
  return isScaled
}

/** Recreate, between the halves: a pod of an old set still lives. */
export function areOldPodsRunning(draft: Draft): boolean {
  return draft.old.some((set) => draft.observed.hasRunningPods(set.metadata.uid ?? ''))
}

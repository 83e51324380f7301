/**
 * A Deployment whose `spec.replicas` changed. With one active set that set is resized; in the middle of a
 * rollout every active set grows or shrinks in proportion to its size, so that a scale does not undo the
 * rollout; what rounding leaves goes to the largest.
 * Source: Kubernetes pkg/controller/deployment/sync.go (scale), util (GetReplicaSetProportion).
 */
import type { Deployment, ReplicaSet } from '../../api/types.ts'
import {
  allSets,
  annotatedNumber,
  availableOf,
  byAge,
  type Draft,
  desiredReplicas,
  desiredReplicasAnnotation,
  fenceposts,
  isRollingUpdate,
  maxReplicasAnnotation,
  scale,
  sizeOf,
  sum,
} from './draft.ts'

/** False for a Recreate with several active sets: that is a rollout to be finished, not a size to be shared. */
export function canScale(draft: Draft): boolean {
  return isRollingUpdate(draft.deployment) || activeOrLatest(draft) !== undefined || isSaturated(draft)
}

/** Resizes the active sets to `spec.replicas`. */
export function scaleToReplicas(draft: Draft): void {
  const replicas = desiredReplicas(draft.deployment)
  const only = activeOrLatest(draft)
  if (only) {
    scale(draft, only, replicas)
    return
  }
  if (isSaturated(draft)) {
    for (const set of draft.old) if (sizeOf(set) > 0) scale(draft, set, 0)
    return
  }
  if (isRollingUpdate(draft.deployment)) scaleInProportion(draft)
}

/** The one active set; with none active the new one, else the youngest; with several undefined. */
function activeOrLatest(draft: Draft): ReplicaSet | undefined {
  const active = allSets(draft).filter((set) => sizeOf(set) > 0)
  if (active.length > 1) return undefined
  return active[0] ?? draft.current ?? draft.old.at(-1)
}

/** The new set carries everything: old ones are only left over. */
function isSaturated({ current, deployment }: Draft): boolean {
  if (!current) return false
  const replicas = desiredReplicas(deployment)
  const desired = annotatedNumber(current, desiredReplicasAnnotation)
  return sizeOf(current) === replicas && desired === replicas && availableOf(current) === replicas
}

function scaleInProportion(draft: Draft): void {
  const { deployment } = draft
  const replicas = desiredReplicas(deployment)
  const active = allSets(draft).filter((set) => sizeOf(set) > 0)
  const sizeMax = replicas > 0 ? replicas + fenceposts(deployment).maxSurge : 0
  const toAdd = sizeMax - sum(active, sizeOf)
  const sorted = [...active].sort((a, b) => sizeOf(b) - sizeOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)))
  let added = 0
  const sizes = sorted.map((set) => {
    const share = toAdd === 0 ? 0 : proportion(set, deployment, { toAdd, added })
    added += share
    return sizeOf(set) + share
  })
  for (const [index, set] of sorted.entries()) {
    const rest = index === 0 && toAdd !== 0 ? toAdd - added : 0
    scale(draft, set, Math.max((sizes[index] ?? 0) + rest, 0))
  }
}

/** How many of `toAdd` this set gets (negative: loses), never more than are left. */
function proportion(
  set: ReplicaSet,
  deployment: Deployment,
  { toAdd, added }: { readonly toAdd: number; readonly added: number },
): number {
  if (sizeOf(set) === 0 || toAdd === added) return 0
  const left = toAdd - added
  const share = fraction(set, deployment)
  return toAdd > 0 ? Math.min(share, left) : Math.max(share, left)
}

/** The change that keeps this set's share of the whole. */
function fraction(set: ReplicaSet, deployment: Deployment): number {
  const replicas = desiredReplicas(deployment)
  if (replicas === 0) return -sizeOf(set)
  const maxNow = replicas + fenceposts(deployment).maxSurge
  const maxBefore = annotatedNumber(set, maxReplicasAnnotation) || deployment.status?.replicas || 0
  if (maxBefore === 0) return 0
  return Math.round((sizeOf(set) * maxNow) / maxBefore) - sizeOf(set)
}

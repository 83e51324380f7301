/**
 * What a Deployment says about itself: counts, and the conditions Available, Progressing and ReplicaFailure
 * that `kubectl rollout status` and `kubectl wait` read. Texts and reasons are upstream's.
 * Source: Kubernetes pkg/controller/deployment/progress.go, sync.go (calculateStatus).
 */
import { findCondition, removeCondition } from '../../api/meta/conditions.ts'
import { formatTime, parseTime } from '../../api/meta/time.ts'
import type { Deployment, DeploymentCondition, DeploymentStatus } from '../../api/types.ts'
import { allSets, availableOf, type Draft, desiredReplicas, fenceposts, sizeOf, sum } from './draft.ts'

const noDeadline = 2147483647
const newSetAvailable = 'NewReplicaSetAvailable'
const timedOut = 'ProgressDeadlineExceeded'

export function hasProgressDeadline(deployment: Deployment): boolean {
  const seconds = deployment.spec?.progressDeadlineSeconds
  return seconds !== undefined && seconds !== null && seconds !== noDeadline
}

export interface NextCondition {
  readonly type: 'Available' | 'Progressing' | 'ReplicaFailure'
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
  readonly nowMs: number
  /** Update time and message also when status and reason stay. */
  readonly force?: boolean
}

/** Sets a condition. One of equal status and reason stays as it is, times included. */
export function withCondition(status: DeploymentStatus, next: NextCondition): DeploymentStatus {
  const { type, reason, message, nowMs } = next
  const known = findCondition(status.conditions, type)
  if (known?.status === next.status && known.reason === reason && !next.force) return status
  const now = formatTime(nowMs)
  const lastTransitionTime = known?.status === next.status ? (known.lastTransitionTime ?? now) : now
  const condition: DeploymentCondition = {
    type,
    status: next.status,
    lastUpdateTime: now,
    lastTransitionTime,
    reason,
    message,
  }
  return { ...status, conditions: [...removeCondition(status.conditions, type), condition] }
}

/** Notes in the conditions that a Deployment was paused or resumed: the deadline does not run meanwhile. */
export function notePause(draft: Draft): void {
  const { deployment } = draft
  if (!hasProgressDeadline(deployment)) return
  const known = findCondition(draft.status.conditions, 'Progressing')
  if (known?.reason === timedOut) return
  const wasPaused = known?.reason === 'DeploymentPaused'
  const isPaused = deployment.spec?.paused === true
  if (isPaused === wasPaused) return
  draft.status = withCondition(draft.status, {
    type: 'Progressing',
    status: 'Unknown',
    reason: isPaused ? 'DeploymentPaused' : 'DeploymentResumed',
    message: isPaused ? 'Deployment is paused' : 'Deployment is resumed',
    nowMs: draft.observed.nowMs,
  })
}

/** Counts and availability, from the sets as they were observed (their own status lags their size). */
export function countedStatus(draft: Draft): DeploymentStatus {
  const { deployment, current } = draft
  const sets = allSets(draft)
  const available = sum(sets, availableOf)
  const { maxUnavailable } = fenceposts(deployment)
  const hasMinimum = available >= desiredReplicas(deployment) - maxUnavailable
  const counted: DeploymentStatus = {
    ...draft.status,
    observedGeneration: deployment.metadata.generation,
    replicas: sum(sets, (set) => set.status?.replicas ?? 0),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: sum(sets, (set) => set.status?.readyReplicas ?? 0),
    availableReplicas: available,
    unavailableReplicas: Math.max(sum(sets, sizeOf) - available, 0),
    collisionCount: deployment.status?.collisionCount,
  }
  return withCondition(counted, {
    type: 'Available',
    status: hasMinimum ? 'True' : 'False',
    reason: hasMinimum ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: hasMinimum
      ? 'Deployment has minimum availability.'
      : 'Deployment does not have minimum availability.',
    nowMs: draft.observed.nowMs,
  })
}

/** The status of a Deployment that is rolling out, with progress and failures. */
export function rolloutStatus(draft: Draft): DeploymentStatus {
  const status = withProgress(draft, countedStatus(draft))
  const failed = [...(draft.current ? [draft.current] : []), ...draft.old]
    .flatMap((set) => set.status?.conditions ?? [])
    .find(({ type, status: state }) => type === 'ReplicaFailure' && state === 'True')
  if (!failed) {
    const conditions = removeCondition(status.conditions, 'ReplicaFailure')
    return conditions.length === status.conditions?.length ? status : { ...status, conditions }
  }
  return withCondition(status, {
    type: 'ReplicaFailure',
    status: 'True',
    reason: failed.reason ?? 'FailedCreate',
    message: failed.message ?? '',
    nowMs: draft.observed.nowMs,
  })
}

function withProgress(draft: Draft, status: DeploymentStatus): DeploymentStatus {
  const { deployment, observed } = draft
  if (!hasProgressDeadline(deployment)) {
    const conditions = removeCondition(status.conditions, 'Progressing')
    return conditions.length === status.conditions?.length ? status : { ...status, conditions }
  }
  const known = findCondition(status.conditions, 'Progressing')
  const wasComplete = status.replicas === status.updatedReplicas && known?.reason === newSetAvailable
  if (wasComplete) return status
  const progressing = (next: Pick<NextCondition, 'status' | 'reason' | 'message' | 'force'>) =>
    withCondition(status, { type: 'Progressing', nowMs: observed.nowMs, ...next })
  if (isComplete(deployment, status)) {
    const message = `${subject(draft)} has successfully progressed.`
    return progressing({ status: 'True', reason: newSetAvailable, message })
  }
  if (isProgressing(deployment.status ?? {}, status)) {
    const message = `${subject(draft)} is progressing.`
    return progressing({ status: 'True', reason: 'ReplicaSetUpdated', message, force: true })
  }
  if (isTimedOut(deployment, status, observed.nowMs)) {
    const message = `${subject(draft)} has timed out progressing.`
    return progressing({ status: 'False', reason: timedOut, message })
  }
  return status
}

function subject({ current, deployment }: Draft): string {
  return current ? `ReplicaSet "${current.metadata.name}"` : `Deployment "${deployment.metadata.name}"`
}

/** All pods are new, all are available, and the generation that asks for them has been seen. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const replicas = desiredReplicas(deployment)
  return (
    status.updatedReplicas === replicas &&
    status.replicas === replicas &&
    status.availableReplicas === replicas &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  )
}

function isProgressing(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const oldOnes = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0)
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    oldOnes(after) < oldOnes(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  )
}

function isTimedOut(deployment: Deployment, status: DeploymentStatus, nowMs: number): boolean {
  const condition = findCondition(status.conditions, 'Progressing')
  if (!condition || condition.reason === newSetAvailable) return false
  if (condition.reason === timedOut) return true
  const deadlineMs = deadlineOf(deployment, condition)
  return deadlineMs !== undefined && deadlineMs < nowMs
}

function deadlineOf(deployment: Deployment, condition: DeploymentCondition): number | undefined {
  const sinceMs = parseTime(condition.lastUpdateTime)
  const seconds = deployment.spec?.progressDeadlineSeconds
  return sinceMs === undefined || seconds === undefined ? undefined : sinceMs + seconds * 1000
}

/** When to look whether the deadline has passed; undefined when it does not run. */
export function progressCheckAfterMs(draft: Draft, status: DeploymentStatus): number | undefined {
  const { deployment, observed } = draft
  const condition = findCondition(status.conditions, 'Progressing')
  if (!hasProgressDeadline(deployment) || !condition) return undefined
  if (isComplete(deployment, status) || condition.reason === timedOut) return undefined
  if (deployment.spec?.paused) return undefined
  const deadlineMs = deadlineOf(deployment, condition)
  return deadlineMs === undefined ? undefined : Math.max(deadlineMs - observed.nowMs, 0) + 1000
}

/**
 * `planJob`: what a Job wants done next. Pure.
 *
 * Each finished pod is counted exactly once, though the counter (the Job's status) and the pod are two
 * objects and the controller may die between any two writes:
 *
 *   1 pod ends, carries the tracking finalizer
 *   2 status.uncountedTerminatedPods names its uid          (one write, with everything else that changed)
 *   3 the finalizer is taken off                            (only after 2 is on record)
 *   4 the uid leaves the list, succeeded or failed grows    (one write, only when the cache shows 3)
 *
 * Source: KEP-2307; Kubernetes pkg/controller/job/job_controller.go.
 */
import { isPodActive, isPodReady } from '../../api/core/pod-conditions.ts'
import { findCondition, isConditionTrue } from '../../api/meta/conditions.ts'
import { formatTime, parseTime } from '../../api/meta/time.ts'
import type { Job, JobCondition, JobStatus, Pod } from '../../api/types.ts'
import { rankForDeletion } from '../framework/pod-ranking.ts'
import { podBurstMax } from '../framework/pod-control.ts'
import { formatIndexes, parseIndexes } from './indexes.ts'
import { finishedMs, indexOf, isEnding, isFailed, isIndexed, isSucceeded, isTracked } from './job-pods.ts'

export interface ObservedJob {
  readonly job: Job
  /** Every pod that it controls, ended ones too, sorted by name. */
  readonly pods: readonly Pod[]
  /** False while the cache does not show what was done before: count, but make and delete nothing. */
  readonly mayAct: boolean
  /** Pods whose finalizer is off already though the cache still shows it. */
  readonly isReleased: (uid: string) => boolean
  readonly nowMs: number
}

export interface JobPlan {
  /** Written first, when it differs. */
  readonly status: JobStatus
  /** Then the finalizer is taken off these. */
  readonly release: readonly Pod[]
  /** Deleted uncounted: the Job wants fewer. Their finalizer goes first. */
  readonly discard: readonly Pod[]
  /** Deleted and counted as failed: the Job has ended. */
  readonly end: readonly Pod[]
  /** One new pod each; undefined for a Job without indexes. */
  readonly create: readonly (number | undefined)[]
  readonly requeueAfterMs?: number | undefined
  /** Set in the step in which the Job gets its last condition, or is suspended or resumed. */
  readonly event?: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string }
}

/** Newly ended pods taken up in one step (upstream: maxUncountedPods). */
const uncountedMax = 500
const backoffBaseMs = 10_000
const backoffMaxMs = 600_000

export function isFinished(job: Job): boolean {
  const { conditions } = job.status ?? {}
  return isConditionTrue(conditions, 'Complete') || isConditionTrue(conditions, 'Failed')
}

export function planJob(observed: ObservedJob): JobPlan {
  const { job, pods } = observed
  if (isFinished(job)) {
    return { status: job.status ?? {}, release: pods.filter(isTracked), discard: [], end: [], create: [] }
  }
  const counted = countPods(observed)
  const ended = withOutcome(observed, counted)
  if (ended) return ended
  return manage(observed, counted)
}

interface Counted {
  readonly status: JobStatus
  readonly release: readonly Pod[]
  readonly active: readonly Pod[]
  readonly ending: readonly Pod[]
  readonly succeeded: number
  readonly failed: number
  /** Steps 2 to 4 are done for every ended pod. */
  readonly isSettled: boolean
}

/** Steps 2 and 4 of the count, and the numbers that follow from the pods. */
function countPods(observed: ObservedJob): Counted {
  const { job, pods, isReleased, nowMs } = observed
  const status = job.status ?? {}
  const byUid = new Map(pods.map((pod) => [pod.metadata.uid ?? '', pod]))
  const isOff = (uid: string) => {
    const pod = byUid.get(uid)
    return !pod || !isTracked(pod) || isReleased(uid)
  }
  const split = (uids: readonly string[] = []) => ({
    off: uids.filter(isOff).length,
    on: uids.filter((uid) => !isOff(uid)),
  })
  const succeededBefore = split(status.uncountedTerminatedPods?.succeeded)
  const failedBefore = split(status.uncountedTerminatedPods?.failed)
  const known = new Set([...succeededBefore.on, ...failedBefore.on])
  const fresh = pods.filter((pod) => {
    const uid = pod.metadata.uid ?? ''
    return isTracked(pod) && !isReleased(uid) && !known.has(uid) && (isSucceeded(pod) || isFailed(pod, job))
  })
  const taken = fresh.slice(0, uncountedMax)
  const uidOf = (pod: Pod) => pod.metadata.uid ?? ''
  const indexed = isIndexed(job)
  const freshSucceeded = taken.filter(isSucceeded)
  const failedUids = [...failedBefore.on, ...taken.filter((pod) => !isSucceeded(pod)).map(uidOf)]
  const succeededUids = indexed ? [] : [...succeededBefore.on, ...freshSucceeded.map(uidOf)]
  const completed = indexed ? completedIndexes(job, freshSucceeded) : new Set<number>()
  const succeededCounted = indexed ? completed.size : (status.succeeded ?? 0) + succeededBefore.off
  const failedCounted = (status.failed ?? 0) + failedBefore.off
  const active = pods.filter(isPodActive)
  const ending = pods.filter(isEnding)
  const recorded = new Set([...succeededUids, ...failedUids, ...(indexed ? freshSucceeded.map(uidOf) : [])])
  return {
    status: {
      ...status,
      active: active.length,
      ready: active.filter(isPodReady).length,
      terminating: ending.length,
      succeeded: succeededCounted,
      failed: failedCounted,
      ...(indexed && completed.size > 0 ? { completedIndexes: formatIndexes(completed) } : {}),
      uncountedTerminatedPods: {
        ...(succeededUids.length > 0 ? { succeeded: succeededUids } : {}),
        ...(failedUids.length > 0 ? { failed: failedUids } : {}),
      },
      startTime: status.startTime ?? (job.spec?.suspend ? undefined : formatTime(nowMs)),
    },
    release: pods.filter((pod) => recorded.has(uidOf(pod)) && isTracked(pod)),
    active,
    ending,
    succeeded: succeededCounted + succeededUids.length,
    failed: failedCounted + failedUids.length,
    isSettled: recorded.size === 0 && fresh.length === taken.length,
  }
}

function completedIndexes(job: Job, succeeded: readonly Pod[]): ReadonlySet<number> {
  const completions = job.spec?.completions ?? 0
  const completed = new Set(parseIndexes(job.status?.completedIndexes, completions))
  for (const pod of succeeded) {
    const index = indexOf(pod)
    if (index !== undefined && index < completions) completed.add(index)
  }
  return completed
}

interface Outcome {
  /** The condition that announces it. */
  readonly target: 'FailureTarget' | 'SuccessCriteriaMet'
  readonly reason: string
  readonly message: string
}

/** What the Job has come to: what its status announces already, else what the counts say. */
function outcomeOf({ job, nowMs }: ObservedJob, counted: Counted): Outcome | undefined {
  for (const target of ['FailureTarget', 'SuccessCriteriaMet'] as const) {
    const found = findCondition(job.status?.conditions, target)
    if (found?.status === 'True') return { target, reason: found.reason ?? '', message: found.message ?? '' }
  }
  if (isPastBackoffLimit(job, counted)) {
    const message = 'Job has reached the specified backoff limit'
    return { target: 'FailureTarget', reason: 'BackoffLimitExceeded', message }
  }
  const deadlineMs = deadlineOf(job)
  if (deadlineMs !== undefined && nowMs >= deadlineMs) {
    const message = 'Job was active longer than specified deadline'
    return { target: 'FailureTarget', reason: 'DeadlineExceeded', message }
  }
  if (!isReached(job, counted)) return undefined
  const message = 'Reached expected number of succeeded pods'
  return { target: 'SuccessCriteriaMet', reason: 'CompletionsReached', message }
}

function isPastBackoffLimit(job: Job, { failed, active }: Counted): boolean {
  const limit = job.spec?.backoffLimit ?? 6
  if (failed > limit) return true
  if (job.spec?.template.spec?.restartPolicy !== 'OnFailure') return false
  const restarts = active
    .flatMap(({ status }) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])])
    .reduce((total, { restartCount }) => total + restartCount, 0)
  return limit === 0 ? restarts > 0 : restarts >= limit
}

function deadlineOf(job: Job): number | undefined {
  const seconds = job.spec?.activeDeadlineSeconds
  const startMs = parseTime(job.status?.startTime)
  if (seconds === undefined || startMs === undefined || job.spec?.suspend) return undefined
  return startMs + seconds * 1000
}

function isReached(job: Job, { succeeded, active }: Counted): boolean {
  const completions = job.spec?.completions
  if (completions === undefined || completions === null) return succeeded > 0 && active.length === 0
  return succeeded >= completions
}

/** The plan of a Job that has come to its end: end the pods, settle the count, then say so for good. */
function withOutcome(observed: ObservedJob, counted: Counted): JobPlan | undefined {
  const outcome = outcomeOf(observed, counted)
  if (!outcome) return undefined
  const announced = withCondition(
    counted.status,
    { ...outcome, type: outcome.target, status: 'True' },
    observed,
  )
  const base = { release: counted.release, discard: [], create: [] }
  const isEnded = counted.active.length === 0 && counted.ending.length === 0 && counted.isSettled
  if (!isEnded) return { ...base, status: announced, end: observed.mayAct ? counted.active : [] }
  const { reason, message } = outcome
  const isFailure = outcome.target === 'FailureTarget'
  const type = isFailure ? 'Failed' : 'Complete'
  const status = withCondition(announced, { type, status: 'True', reason, message }, observed)
  return {
    ...base,
    end: [],
    status: isFailure ? status : { ...status, completionTime: formatTime(observed.nowMs) },
    event: isFailure
      ? { type: 'Warning', reason, message }
      : { type: 'Normal', reason: 'Completed', message: 'Job completed' },
  }
}

function withCondition(
  status: JobStatus,
  next: Pick<JobCondition, 'type' | 'status' | 'reason' | 'message'>,
  { nowMs }: ObservedJob,
): JobStatus {
  const known = findCondition(status.conditions, next.type)
  if (known?.status === next.status) return status
  const now = formatTime(nowMs)
  const { type, reason, message } = next
  const condition = {
    type,
    status: next.status,
    reason,
    message,
    lastProbeTime: now,
    lastTransitionTime: now,
  }
  return { ...status, conditions: [...(status.conditions ?? []).filter((old) => old !== known), condition] }
}

/** The plan of a running Job: suspended, or kept at the wanted number of pods. */
function manage(observed: ObservedJob, counted: Counted): JobPlan {
  const { job, mayAct, nowMs } = observed
  const base = { release: counted.release, discard: [], end: [], create: [] }
  if (job.spec?.suspend) {
    const isNew = !isConditionTrue(job.status?.conditions, 'Suspended')
    const condition = { type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'Job suspended' }
    return {
      ...base,
      status: withCondition({ ...counted.status, startTime: undefined }, condition, observed),
      discard: mayAct ? counted.active : [],
      ...(isNew ? { event: { type: 'Normal', reason: 'Suspended', message: 'Job suspended' } } : {}),
    }
  }
  const isResumed = isConditionTrue(job.status?.conditions, 'Suspended')
  const resumed = { type: 'Suspended', status: 'False', reason: 'JobResumed', message: 'Job resumed' }
  const status = isResumed
    ? withCondition({ ...counted.status, startTime: formatTime(nowMs) }, resumed, observed)
    : counted.status
  const deadlineMs = deadlineOf({ ...job, status })
  const deadlineInMs = deadlineMs === undefined ? undefined : Math.max(deadlineMs - nowMs, 0) + 1
  const plan: JobPlan = {
    ...base,
    status,
    requeueAfterMs: deadlineInMs,
    ...(isResumed ? { event: { type: 'Normal', reason: 'Resumed', message: 'Job resumed' } } : {}),
  }
  return mayAct ? resize(observed, counted, plan) : plan
}

/** Adds pods to be made or discarded. Failed pods delay new ones: 10 s, 20 s, … up to 10 minutes. */
function resize(observed: ObservedJob, counted: Counted, plan: JobPlan): JobPlan {
  const { job, nowMs } = observed
  const { active, ending } = counted
  const wanted = wantedActive(job, counted)
  if (active.length > wanted) {
    const ranked = rankForDeletion(active, active, nowMs)
    return { ...plan, discard: ranked.slice(0, Math.min(active.length - wanted, podBurstMax)) }
  }
  const isPatient = job.spec?.podReplacementPolicy === 'Failed'
  const missing = wanted - active.length - (isPatient ? ending.length : 0)
  if (missing <= 0) return plan
  const waitMs = backoffMs(observed)
  if (waitMs > 0) {
    return { ...plan, requeueAfterMs: Math.min(waitMs, plan.requeueAfterMs ?? waitMs) }
  }
  const count = Math.min(missing, podBurstMax)
  if (!isIndexed(job)) return { ...plan, create: Array.from({ length: count }, () => undefined) }
  return { ...plan, create: missingIndexes(observed, counted).slice(0, count) }
}

function wantedActive(job: Job, { succeeded, active }: Counted): number {
  const parallelism = job.spec?.parallelism ?? 1
  const completions = job.spec?.completions
  if (completions !== undefined && completions !== null)
    return Math.max(Math.min(completions - succeeded, parallelism), 0)
  return succeeded > 0 ? Math.min(active.length, parallelism) : parallelism
}

function missingIndexes({ job }: ObservedJob, { active, ending, status }: Counted): readonly number[] {
  const completions = job.spec?.completions ?? 0
  const isPatient = job.spec?.podReplacementPolicy === 'Failed'
  const taken = new Set([...active, ...(isPatient ? ending : [])].map(indexOf))
  const completed = parseIndexes(status.completedIndexes, completions)
  const missing: number[] = []
  for (let index = 0; index < completions && missing.length < podBurstMax; index += 1) {
    if (!taken.has(index) && !completed.has(index)) missing.push(index)
  }
  return missing
}

/** How long the failures since the last success hold back new pods. */
function backoffMs({ job, pods, nowMs }: ObservedJob): number {
  const lastSuccessMs = Math.max(0, ...pods.filter(isSucceeded).map(finishedMs))
  const failures = pods.filter((pod) => isFailed(pod, job) && !isSucceeded(pod)).map(finishedMs)
  const recent = failures.filter((ms) => ms > lastSuccessMs)
  if (recent.length === 0) return 0
  const delayMs = Math.min(backoffBaseMs * 2 ** Math.min(recent.length - 1, 10), backoffMaxMs)
  return Math.max(...recent) + delayMs - nowMs
}

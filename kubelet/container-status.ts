/**
 * One container's status: waiting, running or terminated, with the reasons that people look for. Pure.
 * Source: kubelet `kubelet_pods.go` convertToAPIContainerStatuses, `kuberuntime_container.go`.
 */
import type { Container, ContainerState, ContainerStatus, Pod } from '../api/types.ts'
import { formatTime } from '../platform/clock.ts'
import { retryAtMs } from './backoff.ts'
import {
  initContainersOf,
  isBusy,
  isSidecar,
  latestRecord,
  mainContainersOf,
  type PodObservation,
  presentRecord,
  shouldRestart,
} from './pod-model.ts'
import type { ContainerRecord } from './runtime/oci-runtime.ts'

/** How long a failed pull is shown as ErrImagePull before it is shown as a back-off. */
export const pullErrorShownMs = 2000

export interface ContainerStatusInput {
  readonly pod: Pod
  readonly observed: PodObservation
  readonly nowMs: number
  readonly phase: string
}

/** The status of one container of the pod's spec. */
export function containerStatusOf(
  input: ContainerStatusInput,
  container: Container,
  kind: 'init' | 'main',
): ContainerStatus {
  const { observed } = input
  const record = latestRecord(observed, container.name)
  const before = observed.containers.find(
    (one) => one.containerName === container.name && one.attempt === (record?.attempt ?? 0) - 1,
  )
  const { state, last } = statesOf(input, container, kind, record, before)
  const findings = record?.state === 'running' ? observed.probes.get(record.id) : undefined
  const isInitDone =
    kind === 'init' && !isSidecar(container) && record?.state === 'exited' && record.exitCode === 0
  return {
    name: container.name,
    image: record?.image ?? container.image ?? '',
    imageID: record?.imageId ?? '',
    restartCount: record?.attempt ?? 0,
    ready: isInitDone || (findings?.isReady ?? false),
    started: findings?.isStarted ?? false,
    state,
    lastState: last,
    ...(record === undefined ? {} : { containerID: containerIdText(record) }),
  }
}

/** `skedia://<id>`, as the status shows it. */
export function containerIdText(record: { readonly id: string }): string {
  return `skedia://${record.id}`
}

function statesOf(
  input: ContainerStatusInput,
  container: Container,
  kind: 'init' | 'main',
  record: ContainerRecord | undefined,
  before: ContainerRecord | undefined,
): { readonly state: ContainerState; readonly last: ContainerState } {
  const ofBefore = before === undefined ? {} : terminated(before)
  if (record === undefined) return { state: { waiting: waitingOf(input, container, kind) }, last: {} }
  if (record.state === 'running') {
    return {
      state: { running: { startedAt: formatTime(record.startedAtMs ?? record.createdAtMs) } },
      last: ofBefore,
    }
  }
  if (record.state === 'created')
    return { state: { waiting: { reason: 'ContainerCreating' } }, last: ofBefore }
  const isOver =
    input.phase === 'Succeeded' || input.phase === 'Failed' || input.observed.termination !== undefined
  const runsAgain = !isOver && shouldRestart(input.pod, container, kind, record.exitCode)
  const waiting = runsAgain ? restartWaiting(input, container, record) : undefined
  if (waiting === undefined) return { state: terminated(record), last: ofBefore }
  return { state: { waiting }, last: terminated(record) }
}

function restartWaiting(
  input: ContainerStatusInput,
  container: Container,
  record: ContainerRecord,
): { readonly reason: string; readonly message?: string } | undefined {
  const { observed, nowMs, pod } = input
  const failure = failureOf(input, container)
  if (failure !== undefined) return failure
  const backoff = observed.crashBackoffs.get(container.name)
  if (backoff !== undefined && retryAtMs(backoff, record.finishedAtMs ?? nowMs) > nowMs) {
    const where = `pod=${pod.metadata?.name}_${pod.metadata?.namespace}(${pod.metadata?.uid})`
    const message = `back-off ${formatDelay(backoff.delayMs)} restarting failed container=${container.name} ${where}`
    return { reason: 'CrashLoopBackOff', message }
  }
  return undefined
}

/** `10s`, `1m20s`, as Go prints durations. */
function formatDelay(delayMs: number): string {
  const seconds = Math.round(delayMs / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}

function failureOf({ observed, nowMs }: ContainerStatusInput, container: Container) {
  const pull = observed.failures.get(`pull/${container.name}`)
  if (pull !== undefined) {
    const isBackingOff = nowMs - pull.atMs >= pullErrorShownMs && pull.waiting.reason === 'ErrImagePull'
    if (!isBackingOff) return pull.waiting
    return {
      reason: 'ImagePullBackOff',
      message: `Back-off pulling image "${container.image}": ${pull.waiting.message}`,
    }
  }
  return observed.failures.get(`start/${container.name}`)?.waiting
}

function waitingOf(
  input: ContainerStatusInput,
  container: Container,
  kind: 'init' | 'main',
): { reason: string; message?: string } {
  const failure = failureOf(input, container)
  if (failure !== undefined) return failure
  if (kind === 'main' && hasInitPending(input)) return { reason: 'PodInitializing' }
  const isInitWaiting =
    kind === 'init' && !isBusy(input.observed, container.name) && hasEarlierInitPending(input, container)
  return { reason: isInitWaiting ? 'PodInitializing' : 'ContainerCreating' }
}

function isInitPending(input: ContainerStatusInput, container: Container): boolean {
  const record = presentRecord(input.observed, container.name)
  if (record === undefined) return true
  if (isSidecar(container)) return !(input.observed.probes.get(record.id)?.isStarted ?? false)
  return !(record.state === 'exited' && record.exitCode === 0)
}

function hasInitPending(input: ContainerStatusInput): boolean {
  const hasMain = mainContainersOf(input.pod).some(
    (one) => presentRecord(input.observed, one.name) !== undefined,
  )
  return !hasMain && initContainersOf(input.pod).some((one) => isInitPending(input, one))
}

function hasEarlierInitPending(input: ContainerStatusInput, container: Container): boolean {
  const all = initContainersOf(input.pod)
  return all.slice(0, all.indexOf(container)).some((one) => isInitPending(input, one))
}

function terminated(record: ContainerRecord): ContainerState {
  if (record.state !== 'exited') return {}
  const exitCode = record.exitCode ?? 137
  return {
    terminated: {
      exitCode,
      reason: terminatedReason(record, exitCode),
      ...(record.terminationMessage ? { message: record.terminationMessage } : {}),
      startedAt: formatTime(record.startedAtMs ?? record.createdAtMs),
      finishedAt: formatTime(record.finishedAtMs ?? record.createdAtMs),
      containerID: containerIdText(record),
    },
  }
}

function terminatedReason(record: ContainerRecord, exitCode: number): string {
  if (record.isExitUnknown === true) return 'ContainerStatusUnknown'
  if (record.wasOomKilled === true) return 'OOMKilled'
  return exitCode === 0 ? 'Completed' : 'Error'
}

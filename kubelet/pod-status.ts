/**
 * A pod's status, from what is wanted and what is seen. Pure.
 *
 * Invariants: the phase never goes back (Pending → Running → Succeeded | Failed); a condition keeps its
 * lastTransitionTime while its status stays; conditions of other writers are not in the result.
 *
 * Source: kubelet `kubelet_pods.go` (getPhase, generateAPIPodStatus), `status/generate.go`.
 */
import { findCondition, setCondition } from '../api/meta/conditions.ts'
import type { Pod, PodCondition, PodStatus } from '../api/types.ts'
import { formatTime } from '../platform/clock.ts'
import { containerStatusOf } from './container-status.ts'
import {
  initContainersOf,
  isAlive,
  isSidecar,
  latestRecord,
  mainContainersOf,
  type PodObservation,
  presentRecord,
} from './pod-model.ts'
import { isPodDone } from './pod-plan.ts'

export interface PodStatusInput {
  readonly pod: Pod
  readonly observed: PodObservation
  readonly nowMs: number
  readonly hostIP: string
  readonly qosClass: string
  /** What was told last; the API's view at the start. */
  readonly previous: PodStatus | undefined
  /** Everything has stopped and the sandbox is gone. */
  readonly isFinished: boolean
}

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed'

/** The kubelet's own conditions. Others (PodScheduled's writer, readiness gates) are left alone. */
export const ownConditions = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady'] as const

/** The whole status as the kubelet sees it. */
export function podStatusOf(input: PodStatusInput): PodStatus {
  const { pod, observed, previous } = input
  const phase = phaseOf(input)
  const withRecords = { ...input, phase }
  const ip = podIpOf(input)
  const failure = observed.termination?.failure
  const message = failure?.message ?? previous?.message
  const reason = failure?.reason ?? previous?.reason
  const init = initContainersOf(pod).map((container) => containerStatusOf(withRecords, container, 'init'))
  return {
    phase,
    ...(message === undefined ? {} : { message }),
    ...(reason === undefined ? {} : { reason }),
    startTime: previous?.startTime ?? formatTime(input.nowMs),
    hostIP: input.hostIP,
    hostIPs: [{ ip: input.hostIP }],
    ...(ip === '' ? {} : { podIP: ip, podIPs: [{ ip }] }),
    qosClass: input.qosClass,
    conditions: conditionsOf(withRecords),
    ...(init.length === 0 ? {} : { initContainerStatuses: init }),
    containerStatuses: mainContainersOf(pod).map((container) =>
      containerStatusOf(withRecords, container, 'main'),
    ),
  }
}

function podIpOf({ pod, observed, previous, hostIP }: PodStatusInput): string {
  if (observed.sandbox === undefined) return previous?.podIP ?? ''
  return pod.spec?.hostNetwork === true ? hostIP : observed.sandbox.ip
}

/** The next phase; never behind the previous one. */
export function phaseOf(input: PodStatusInput): Phase {
  const { pod, observed, previous } = input
  if (previous?.phase === 'Succeeded' || previous?.phase === 'Failed') return previous.phase
  const isAnythingAlive = observed.containers.some(isAlive)
  if (!isAnythingAlive && (observed.termination?.failure !== undefined || pod.status?.reason === 'Evicted')) {
    return input.isFinished || observed.containers.length === 0 ? 'Failed' : currentPhase(input)
  }
  const isOver = isPodDone(pod, observed) && !mainOrInitAlive(input)
  if (isOver) return haveAllSucceeded(input) ? 'Succeeded' : 'Failed'
  if (input.isFinished && observed.termination !== undefined)
    return haveAllSucceeded(input) ? 'Succeeded' : 'Failed'
  return currentPhase(input)
}

function currentPhase({ pod, observed, previous }: PodStatusInput): Phase {
  if (previous?.phase === 'Running') return 'Running'
  const hasMainStarted = mainContainersOf(pod).some((container) => {
    const record = latestRecord(observed, container.name)
    return record?.startedAtMs !== undefined
  })
  return hasMainStarted ? 'Running' : 'Pending'
}

function mainOrInitAlive({ pod, observed }: PodStatusInput): boolean {
  const names = [...initContainersOf(pod).filter((one) => !isSidecar(one)), ...mainContainersOf(pod)]
  return names.some((container) => isAlive(latestRecord(observed, container.name)))
}

function haveAllSucceeded({ pod, observed }: PodStatusInput): boolean {
  return mainContainersOf(pod).every((container) => {
    const record = latestRecord(observed, container.name)
    return record?.state === 'exited' && record.exitCode === 0
  })
}

type WithPhase = PodStatusInput & { readonly phase: Phase }

function conditionsOf(input: WithPhase): readonly PodCondition[] {
  const { observed, previous, nowMs } = input
  const containersReady = containersReadyOf(input)
  const next: PodCondition[] = [
    { type: 'PodReadyToStartContainers', status: observed.sandbox?.isReady === true ? 'True' : 'False' },
    initializedOf(input),
    readyOf(input, containersReady),
    containersReady,
  ]
  let conditions: readonly PodCondition[] = (previous?.conditions ?? []).filter((condition) =>
    next.some((one) => one.type === condition.type),
  )
  for (const condition of next) conditions = setCondition(conditions, condition, formatTime(nowMs))
  return conditions
}

function isTerminal(phase: Phase): boolean {
  return phase === 'Succeeded' || phase === 'Failed'
}

function initializedOf({ pod, observed, phase }: WithPhase): PodCondition {
  if (phase === 'Succeeded') return { type: 'Initialized', status: 'True', reason: 'PodCompleted' }
  const hasMain = mainContainersOf(pod).some(
    (container) => presentRecord(observed, container.name) !== undefined,
  )
  const incomplete = initContainersOf(pod).filter((container) => {
    if (hasMain) return false
    const record = presentRecord(observed, container.name)
    if (record === undefined) return true
    if (isSidecar(container)) return !(observed.probes.get(record.id)?.isStarted ?? false)
    return !(record.state === 'exited' && record.exitCode === 0)
  })
  if (incomplete.length === 0) return { type: 'Initialized', status: 'True' }
  return {
    type: 'Initialized',
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${incomplete.map((container) => container.name).join(' ')}]`,
  }
}

function containersReadyOf({ pod, observed, phase }: WithPhase): PodCondition {
  const type = 'ContainersReady'
  if (phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' }
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' }
  const counted = [...initContainersOf(pod).filter(isSidecar), ...mainContainersOf(pod)]
  const unready = counted.filter((container) => {
    const record = latestRecord(observed, container.name)
    return !(record?.state === 'running' && (observed.probes.get(record.id)?.isReady ?? false))
  })
  if (unready.length === 0) return { type, status: 'True' }
  return {
    type,
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.map((container) => container.name).join(' ')}]`,
  }
}

function readyOf({ pod, phase }: WithPhase, containersReady: PodCondition): PodCondition {
  if (containersReady.status !== 'True') return { ...containersReady, type: 'Ready' }
  const gates = pod.spec?.readinessGates ?? []
  const missing = gates.filter(
    (gate) => findCondition(pod.status?.conditions, gate.conditionType)?.status !== 'True',
  )
  if (missing.length === 0 || isTerminal(phase)) return { type: 'Ready', status: 'True' }
  return {
    type: 'Ready',
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message: missing
      .map((gate) => `corresponding condition of pod readiness gate "${gate.conditionType}" does not exist.`)
      .join(', '),
  }
}

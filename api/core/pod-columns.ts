/**
 * The columns of `kubectl get pods`.
 *
 * Source: kubernetes pkg/printers/internalversion/printers.go (printPod).
 */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, none } from '../meta/columns.ts'
import { findCondition, isConditionTrue } from '../meta/conditions.ts'
import { age, parseTime } from '../meta/time.ts'
import type { Container, ContainerStateTerminated, ContainerStatus, Pod } from '../types.ts'

interface Summary {
  readonly reason: string
  readonly ready: number
  readonly restarts: number
  readonly lastRestart: string | undefined
}

interface Restarts {
  count: number
  last: string | undefined
}

function noteRestarts(restarts: Restarts, status: ContainerStatus): void {
  restarts.count += status.restartCount ?? 0
  const finished = status.lastState?.terminated?.finishedAt
  if (finished === undefined) return
  if (restarts.last === undefined || (parseTime(finished) ?? 0) > (parseTime(restarts.last) ?? 0)) {
    restarts.last = finished
  }
}

function terminatedText(terminated: ContainerStateTerminated): string {
  if ((terminated.reason ?? '') !== '') return terminated.reason ?? ''
  return (terminated.signal ?? 0) !== 0
    ? `Signal:${terminated.signal}`
    : `ExitCode:${terminated.exitCode ?? 0}`
}

function isRestartable(container: Container | undefined): boolean {
  return container?.restartPolicy === 'Always'
}

interface InitSummary {
  /** Why the pod is not past its init containers, or undefined when it is. */
  readonly reason: string | undefined
  readonly ready: number
  readonly all: Restarts
  readonly sidecars: Restarts
}

function summarizeInit(pod: Pod): InitSummary {
  const containers = new Map((pod.spec?.initContainers ?? []).map((container) => [container.name, container]))
  const all: Restarts = { count: 0, last: undefined }
  const sidecars: Restarts = { count: 0, last: undefined }
  let ready = 0
  let reason: string | undefined
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const isSidecar = isRestartable(containers.get(status.name))
    noteRestarts(all, status)
    if (isSidecar) noteRestarts(sidecars, status)
    const { terminated, waiting } = status.state ?? {}
    if (terminated !== undefined && (terminated.exitCode ?? 0) === 0) continue
    if (isSidecar && status.started === true) {
      if (status.ready) ready += 1
      continue
    }
    if (terminated !== undefined) reason = `Init:${terminatedText(terminated)}`
    else if ((waiting?.reason ?? '') !== '' && waiting?.reason !== 'PodInitializing')
      reason = `Init:${waiting?.reason}`
    else reason = `Init:${index}/${containers.size}`
    break
  }
  return { reason, ready, all, sidecars }
}

function startReason(pod: Pod): string {
  if (findCondition(pod.status?.conditions, 'PodScheduled')?.reason === 'SchedulingGated')
    return 'SchedulingGated'
  return pod.status?.reason || pod.status?.phase || ''
}

function summarizeContainers(pod: Pod, init: InitSummary): Summary {
  const restarts: Restarts = { ...init.sidecars }
  let reason = startReason(pod)
  let ready = init.ready
  let hasRunning = false
  for (const status of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    noteRestarts(restarts, status)
    const { waiting, terminated, running } = status.state ?? {}
    if ((waiting?.reason ?? '') !== '') reason = waiting?.reason ?? ''
    else if (terminated !== undefined) reason = terminatedText(terminated)
    else if (status.ready && running !== undefined) {
      hasRunning = true
      ready += 1
    }
  }
  if (reason === 'Completed' && hasRunning) {
    reason = isConditionTrue(pod.status?.conditions, 'Ready') ? 'Running' : 'NotReady'
  }
  return { reason, ready, restarts: restarts.count, lastRestart: restarts.last }
}

function summarize(pod: Pod): Summary {
  const init = summarizeInit(pod)
  const isInitialized = isConditionTrue(pod.status?.conditions, 'Initialized')
  const summary =
    init.reason !== undefined && !isInitialized
      ? { reason: init.reason, ready: init.ready, restarts: init.all.count, lastRestart: init.all.last }
      : summarizeContainers(pod, init)
  if (pod.metadata?.deletionTimestamp === undefined) return summary
  if (pod.status?.reason === 'NodeLost') return { ...summary, reason: 'Unknown' }
  const isTerminal = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'
  return isTerminal ? summary : { ...summary, reason: 'Terminating' }
}

/** The one-word status that users see: Running, Init:0/1, CrashLoopBackOff, Terminating… */
export function podStatusText(pod: Pod): string {
  return summarize(pod).reason
}

function readyText(pod: Pod): string {
  const sidecars = (pod.spec?.initContainers ?? []).filter(isRestartable).length
  return `${summarize(pod).ready}/${(pod.spec?.containers ?? []).length + sidecars}`
}

function restartsText(pod: Pod, nowMs: number): string {
  const { restarts, lastRestart } = summarize(pod)
  if (restarts === 0 || lastRestart === undefined) return String(restarts)
  return `${restarts} (${age(lastRestart, nowMs)} ago)`
}

function gatesText(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? []
  if (gates.length === 0) return none
  const met = gates.filter((gate) => isConditionTrue(pod.status?.conditions, gate.conditionType)).length
  return `${met}/${gates.length}`
}

function addressText(pod: Pod): string {
  return pod.status?.podIPs?.[0]?.ip || pod.status?.podIP || none
}

const wide = { wide: true }

export const podColumns: readonly Column<Pod>[] = [
  nameColumn(),
  column('Ready', 'The aggregate readiness state of this pod for accepting traffic.', readyText),
  column('Status', 'The aggregate status of the containers in this pod.', podStatusText),
  column(
    'Restarts',
    'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    restartsText,
  ),
  ageColumn(),
  column('IP', 'IP address allocated to the pod.', addressText, wide),
  column('Node', 'The node that the pod runs on.', (pod) => pod.spec?.nodeName || none, wide),
  column(
    'Nominated Node',
    'The node that preemption made room on.',
    (pod) => pod.status?.nominatedNodeName || none,
    wide,
  ),
  column('Readiness Gates', 'How many readiness gates are met.', gatesText, wide),
]

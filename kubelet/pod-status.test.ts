import t from 'tap'
import type { Pod, PodStatus } from '../api/types.ts'
import { formatTime } from '../platform/clock.ts'
import type { PodObservation } from './pod-model.ts'
import { podStatusOf } from './pod-status.ts'
import { containerOf, endedOf, nowMs, observationOf, podOf, recordOf } from './testing/pod-fixtures.ts'

function statusOf(
  pod: Pod,
  observed: Partial<PodObservation>,
  more: { previous?: PodStatus; isFinished?: boolean; atMs?: number } = {},
): PodStatus {
  return podStatusOf({
    pod,
    observed: observationOf(observed),
    nowMs: more.atMs ?? nowMs,
    hostIP: '192.168.0.1',
    qosClass: 'BestEffort',
    previous: more.previous,
    isFinished: more.isFinished ?? false,
  })
}

const conditions = (status: PodStatus) =>
  Object.fromEntries(
    (status.conditions ?? []).map(({ type, status: value, reason }) => [
      type,
      reason === undefined ? value : `${value} ${reason}`,
    ]),
  )
const up = new Map([['c-0', { isStarted: true, isReady: true }]])

t.test('a pod whose container is being made is Pending with ContainerCreating', async (t) => {
  const status = statusOf(podOf(), {})
  t.equal(status.phase, 'Pending')
  t.same(status.containerStatuses?.[0]?.state, { waiting: { reason: 'ContainerCreating' } })
  t.same(conditions(status), {
    PodReadyToStartContainers: 'True',
    Initialized: 'True',
    Ready: 'False ContainersNotReady',
    ContainersReady: 'False ContainersNotReady',
  })
})

t.test('a running, ready pod has its addresses and is Ready', async (t) => {
  const status = statusOf(podOf(), { containers: [recordOf('c')], probes: up })
  t.equal(status.phase, 'Running')
  t.equal(status.podIP, '10.244.0.2')
  t.equal(status.hostIP, '192.168.0.1')
  t.equal(conditions(status).Ready, 'True')
  t.match(status.containerStatuses?.[0], {
    ready: true,
    started: true,
    restartCount: 0,
    state: { running: { startedAt: formatTime(nowMs) } },
  })
})

t.test("a pod on the host's network has the node's address", async (t) => {
  t.equal(statusOf(podOf({ hostNetwork: true }), {}).podIP, '192.168.0.1')
})

t.test('main containers wait with PodInitializing while init containers run', async (t) => {
  const pod = podOf({ initContainers: [containerOf('i')] })
  const status = statusOf(pod, { containers: [recordOf('i', { kind: 'init' })] })
  t.equal(status.containerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing')
  t.equal(conditions(status).Initialized, 'False ContainersNotInitialized')
})

t.test('a crash loop shows its back-off and how the last run ended', async (t) => {
  const status = statusOf(podOf(), {
    containers: [endedOf('c', 1, { attempt: 3 })],
    crashBackoffs: new Map([['c', { delayMs: 80_000, sinceMs: nowMs }]]),
  })
  const [container] = status.containerStatuses ?? []
  t.equal(container?.state?.waiting?.reason, 'CrashLoopBackOff')
  t.match(container?.state?.waiting?.message, /^back-off 1m20s restarting failed container=c pod=web_default/)
  t.match(container?.lastState?.terminated, { exitCode: 1, reason: 'Error' })
  t.equal(container?.restartCount, 3)
})

t.test('a failed pull is first an error and then a back-off', async (t) => {
  const failure = {
    atMs: nowMs,
    backoff: { delayMs: 10_000, sinceMs: nowMs },
    waiting: { reason: 'ErrImagePull', message: 'not found' },
  }
  const failures = new Map([['pull/c', failure]])
  const reasonAt = (atMs: number) =>
    statusOf(podOf(), { failures }, { atMs }).containerStatuses?.[0]?.state?.waiting?.reason
  t.equal(reasonAt(nowMs), 'ErrImagePull')
  t.equal(reasonAt(nowMs + 3000), 'ImagePullBackOff')
})

t.test('ends are named: Completed, Error, OOMKilled, ContainerStatusUnknown', async (t) => {
  const reasonOf = (exitCode: number, more = {}) =>
    statusOf(podOf({ restartPolicy: 'Never' }), { containers: [endedOf('c', exitCode, more)] })
      .containerStatuses?.[0]?.state?.terminated?.reason
  t.equal(reasonOf(0), 'Completed')
  t.equal(reasonOf(2), 'Error')
  t.equal(reasonOf(137, { wasOomKilled: true }), 'OOMKilled')
  t.equal(reasonOf(137, { isExitUnknown: true }), 'ContainerStatusUnknown')
})

t.test('a pod that never restarts ends Succeeded or Failed', async (t) => {
  const pod = podOf({ restartPolicy: 'Never', containers: [containerOf('a'), containerOf('b')] })
  const phaseOf = (a: number, b: number) =>
    statusOf(pod, { containers: [endedOf('a', a), endedOf('b', b)] }).phase
  t.equal(phaseOf(0, 0), 'Succeeded')
  t.equal(phaseOf(0, 1), 'Failed')
  t.equal(statusOf(pod, { containers: [endedOf('a', 0), recordOf('b')] }).phase, 'Running')
})

t.test('a phase never goes back, whatever is seen later', async (t) => {
  const running = statusOf(podOf(), { containers: [recordOf('c')] })
  t.equal(statusOf(podOf(), { containers: [] }, { previous: running }).phase, 'Running')
  const failed = { ...running, phase: 'Failed' }
  t.equal(statusOf(podOf(), { containers: [recordOf('c')] }, { previous: failed }).phase, 'Failed')
})

t.test('a pod past its deadline is Failed once nothing runs', async (t) => {
  const failure = { reason: 'DeadlineExceeded', message: 'too long' }
  const termination = { graceSeconds: 1, startedAtMs: nowMs, failure }
  const alive = statusOf(podOf(), { termination, containers: [recordOf('c')] })
  t.equal(alive.phase, 'Running')
  const over = statusOf(
    podOf(),
    { termination, containers: [endedOf('c', 143)], sandbox: undefined },
    { previous: alive, isFinished: true },
  )
  t.match(over, { phase: 'Failed', reason: 'DeadlineExceeded', message: 'too long' })
})

t.test('a condition keeps its time while its status stays', async (t) => {
  const first = statusOf(podOf(), {})
  const second = statusOf(
    podOf(),
    { containers: [recordOf('c')], probes: up },
    { previous: first, atMs: nowMs + 60_000 },
  )
  const timeOf = (type: string) =>
    second.conditions?.find((condition) => condition.type === type)?.lastTransitionTime
  t.equal(timeOf('Initialized'), formatTime(nowMs))
  t.equal(timeOf('Ready'), formatTime(nowMs + 60_000))
  t.equal(second.startTime, formatTime(nowMs))
})

t.test('a readiness gate holds the pod back until its condition is true', async (t) => {
  const gated = podOf({ readinessGates: [{ conditionType: 'example.com/ok' }] })
  const observed = { containers: [recordOf('c')], probes: up }
  t.equal(conditions(statusOf(gated, observed)).Ready, 'False ReadinessGatesNotReady')
  const open = { ...gated, status: { conditions: [{ type: 'example.com/ok', status: 'True' }] } }
  t.equal(conditions(statusOf(open, observed)).Ready, 'True')
})

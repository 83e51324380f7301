/**
 * One pod's worker. It looks (runtime, probes, what runs), lets `pod-plan` decide, does it, and reports the
 * status; again whenever something changes. Passes are serial; what takes time runs beside them as an
 * operation that the plan sees, so nothing is started twice.
 *
 *     spec change ─┐                      ┌─ operations ─┐
 *     exit, probe ─┼─► pass: observe → plan              ├─► next pass
 *     timer ───────┘                      └─ status ─────┘
 */
import { isPodTerminal } from '../api/core/pod-conditions.ts'
import { qosClass } from '../api/core/pod-resources.ts'
import type { Container, ObjectReference, Pod, PodStatus } from '../api/types.ts'
import { messageOf, unreachable } from '../platform/assert.ts'
import { parseTime, type Timer } from '../platform/clock.ts'
import { TaskGroup } from '../platform/tasks.ts'
import { type Backoff, backoffAfterRestarts, nextBackoff, retryAtMs } from './backoff.ts'
import { Grace, killContainer } from './container-kill.ts'
import { startContainer } from './container-start.ts'
import { pullErrorShownMs } from './container-status.ts'
import { ensureImage } from './image-puller.ts'
import type { Sandbox } from './network/pod-network.ts'
import {
  initContainersOf,
  mainContainersOf,
  type Operation,
  type PodObservation,
  type ProbeFindings,
  type Termination,
  type Waiting,
} from './pod-model.ts'
import { graceSecondsOf, type PodAction, type PodPlan, planPod } from './pod-plan.ts'
import { podStatusOf } from './pod-status.ts'
import { ContainerProbes } from './probes/container-probes.ts'
import type { ContainerRecord } from './runtime/oci-runtime.ts'
import { PodVolumes } from './volumes/pod-volumes.ts'
import type { WorkerContext } from './worker-context.ts'

const quickBackoff = { initialMs: 500, maxMs: 60_000, forgetAfterMs: 600_000 }
const slowBackoff = { initialMs: 10_000, maxMs: 300_000, forgetAfterMs: 1_200_000 }
/** Volumes' content is looked at again this often. */
const refreshMs = 60_000
/** Timers are never set further than this, so a wall clock that jumped back does no lasting harm. */
const wakeMaxMs = 300_000

/** What is not done before the API has been heard. */
const startActions: ReadonlySet<PodAction['kind']> = new Set([
  'create-sandbox',
  'remove-sandbox',
  'pull-image',
  'start-container',
])

type Failure = { readonly atMs: number; readonly backoff: Backoff; readonly waiting: Waiting }

export interface PodWorkerOptions {
  readonly context: WorkerContext
  readonly pod: Pod
  /** The sandbox that an earlier kubelet made. */
  readonly sandbox: Sandbox | undefined
  /** Called once, when nothing of the pod is left to do. */
  readonly onFinished: () => void
}

export class PodWorker {
  readonly #context: WorkerContext
  readonly #tasks: TaskGroup
  readonly #volumes: PodVolumes
  readonly #onFinished: () => void
  readonly #operations = new Map<string, Operation>()
  readonly #graces = new Map<string, Grace>()
  readonly #probes = new Map<string, ContainerProbes>()
  readonly #imageReadyFor = new Map<string, number>()
  readonly #crashBackoffs = new Map<string, Backoff>()
  readonly #failures = new Map<string, Failure>()
  #pod: Pod
  #sandbox: Sandbox | undefined
  #status: PodStatus | undefined
  #termination: Termination | undefined
  #volumesReady: Promise<void> | undefined
  #refreshAtMs: number
  #timer: Timer | undefined
  #isPassing = false
  #hasLooked = false
  #isDirty = false
  #isFinished = false

  /** Does nothing before `notify`. */
  constructor(options: PodWorkerOptions) {
    const { context, pod } = options
    const { log, clock } = context.powers
    this.#context = context
    this.#pod = pod
    this.#sandbox = options.sandbox
    this.#status = pod.status
    this.#onFinished = options.onFinished
    this.#refreshAtMs = clock.wallMs() + refreshMs
    this.#tasks = new TaskGroup((error, name) => {
      log.error('a pod operation failed', {
        pod: pod.metadata.name,
        operation: name,
        error: messageOf(error),
      })
      this.#wakeAfter(1000)
    })
    this.#volumes = new PodVolumes({ clock, client: context.client, host: context.host.volumes, pod })
  }

  get pod(): Pod {
    return this.#pod
  }

  get sandbox(): Sandbox | undefined {
    return this.#sandbox
  }

  /** Every container has ended and the sandbox is gone. */
  get isFinished(): boolean {
    return this.#isFinished
  }

  /** What was last reported. */
  get status(): PodStatus | undefined {
    return this.#status
  }

  /** The API's object changed. */
  update(pod: Pod): void {
    this.#pod = pod
    const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata
    if (deletionTimestamp !== undefined)
      this.terminate({ graceSeconds: deletionGracePeriodSeconds ?? graceSecondsOf(pod) })
    else if (isPodTerminal(pod)) this.terminate({ graceSeconds: graceSecondsOf(pod) })
    this.notify()
  }

  /** The pod must end. Asked again with less grace, it ends sooner. */
  terminate(options: { readonly graceSeconds: number; readonly failure?: Termination['failure'] }): void {
    const nowMs = this.#context.powers.clock.wallMs()
    const { graceSeconds, failure } = options
    const deadlineMs = nowMs + graceSeconds * 1000
    const current = this.#termination
    if (current !== undefined && current.startedAtMs + current.graceSeconds * 1000 <= deadlineMs) return
    const kept = current?.failure ?? failure
    this.#termination = { graceSeconds, startedAtMs: nowMs, ...(kept === undefined ? {} : { failure: kept }) }
    for (const grace of this.#graces.values()) grace.shorten(deadlineMs)
    this.notify()
  }

  /** Something may have changed: look. */
  notify(): void {
    for (const grace of this.#graces.values()) grace.wake()
    if (this.#isPassing) {
      this.#isDirty = true
      return
    }
    this.#isPassing = true
    this.#tasks.run('pass', async () => {
      try {
        do {
          this.#isDirty = false
          await this.#pass()
        } while (this.#isDirty && !this.#tasks.isClosed)
      } finally {
        this.#isPassing = false
      }
    })
  }

  /** Stops working; containers go on. Resolves when all tasks have ended. */
  async close(): Promise<void> {
    this.#timer?.cancel()
    for (const probes of this.#probes.values()) probes.stop()
    await this.#tasks.close()
  }

  async #pass(): Promise<void> {
    const { clock } = this.#context.powers
    const uid = this.#pod.metadata.uid ?? ''
    const containers = await this.#context.host.runtime.list(uid)
    this.#watchDeadline()
    if (!this.#hasLooked) this.#takeUp(containers)
    this.#tendProbes(containers)
    const nowMs = clock.wallMs()
    const observed = this.#observe(containers)
    const plan = planPod({ pod: this.#pod, observed, nowMs })
    const mayStart = this.#context.mayStart()
    for (const action of plan.actions) if (mayStart || !startActions.has(action.kind)) this.#begin(action)
    if (plan.isFinished && this.#operations.size === 0) await this.#finish()
    this.#report(this.#observe(containers), nowMs)
    this.#refreshVolumes(nowMs)
    this.#schedule(plan, nowMs)
  }

  /** The first look at what an earlier kubelet left. */
  #takeUp(containers: readonly ContainerRecord[]): void {
    this.#hasLooked = true
    for (const { containerName, attempt, createdAtMs } of containers) {
      const backoff = backoffAfterRestarts(attempt, createdAtMs)
      const known = this.#crashBackoffs.get(containerName)
      if (backoff !== undefined && (known === undefined || known.delayMs < backoff.delayMs)) {
        this.#crashBackoffs.set(containerName, backoff)
      }
    }
  }

  #observe(containers: readonly ContainerRecord[]): PodObservation {
    const probes = new Map<string, ProbeFindings>()
    for (const [id, one] of this.#probes) probes.set(id, one.findings())
    return {
      sandbox: this.#sandbox,
      containers,
      operations: [...this.#operations.values()],
      probes,
      imageReadyFor: this.#imageReadyFor,
      crashBackoffs: this.#crashBackoffs,
      failures: this.#failures,
      termination: this.#termination,
    }
  }

  #watchDeadline(): void {
    const seconds = this.#pod.spec?.activeDeadlineSeconds
    const startMs = parseTime(this.#status?.startTime ?? '')
    if (seconds === undefined || startMs === undefined || this.#termination !== undefined) return
    if (this.#context.powers.clock.wallMs() < startMs + seconds * 1000) return
    const message = 'Pod was active on the node longer than the specified deadline'
    this.#context.events.eventFor(this.#reference(), 'Normal', 'DeadlineExceeded', message)
    this.terminate({
      graceSeconds: graceSecondsOf(this.#pod),
      failure: { reason: 'DeadlineExceeded', message },
    })
  }

  #tendProbes(containers: readonly ContainerRecord[]): void {
    const running = containers.filter(
      (record) => record.state === 'running' && !this.#isStarting(record.containerName),
    )
    for (const [id, probes] of this.#probes) {
      if (running.some((record) => record.id === id)) continue
      probes.stop()
      this.#probes.delete(id)
    }
    for (const record of running) {
      const container = this.#containerNamed(record.containerName)
      if (container === undefined || this.#probes.has(record.id)) continue
      this.#probes.set(record.id, this.#openProbes(container, record))
    }
  }

  /** A container counts as started only after its postStart hook. */
  #isStarting(name: string): boolean {
    return this.#operations.get(name)?.kind === 'starting'
  }

  #openProbes(container: Container, record: ContainerRecord): ContainerProbes {
    const { events, config } = this.#context
    const known = [
      ...(this.#status?.containerStatuses ?? []),
      ...(this.#status?.initContainerStatuses ?? []),
    ].find((status) => status.containerID?.endsWith(record.id) === true)
    return new ContainerProbes({
      context: this.#context,
      container,
      containerId: record.id,
      podIP: this.#sandbox?.ip || config.address,
      startedAtMs: record.startedAtMs ?? record.createdAtMs,
      wasReady: known?.ready === true,
      wasStarted: known?.started === true,
      onChange: () => this.notify(),
      onFailure: (probe, message) => {
        const name = `${probe.charAt(0).toUpperCase()}${probe.slice(1)}`
        events.eventFor(
          this.#reference(container),
          'Warning',
          'Unhealthy',
          `${name} probe failed: ${message}`,
        )
      },
      signal: this.#tasks.signal,
    })
  }

  #begin(action: PodAction): void {
    switch (action.kind) {
      case 'create-sandbox':
        return this.#operate('sandbox', { kind: 'creating-sandbox' }, () => this.#createSandbox())
      case 'remove-sandbox':
        return this.#operate('sandbox', { kind: 'removing-sandbox' }, () => this.#removeSandbox())
      case 'pull-image': {
        const { container, attempt } = action
        return this.#operate(container.name, { kind: 'pulling', container: container.name }, (signal) =>
          this.#pull(container, attempt, signal),
        )
      }
      case 'start-container':
        return this.#operate(
          action.container.name,
          { kind: 'starting', container: action.container.name },
          (signal) => this.#start(action, signal),
        )
      case 'kill-container': {
        const { containerName: container, id: containerId } = action.record
        return this.#operate(container, { kind: 'killing', container, containerId }, (signal) =>
          this.#kill(action, signal),
        )
      }
      case 'remove-container': {
        const { containerName: container, id: containerId } = action.record
        return this.#operate(`remove/${containerId}`, { kind: 'removing', container, containerId }, () =>
          this.#context.host.runtime.remove(containerId),
        )
      }
      default:
        return unreachable(action)
    }
  }

  #operate(key: string, operation: Operation, work: (signal: AbortSignal) => Promise<void>): void {
    if (this.#operations.has(key)) return
    this.#operations.set(key, operation)
    this.#tasks.run(operation.kind, async (signal) => {
      try {
        await work(signal)
      } finally {
        this.#operations.delete(key)
        if (!this.#tasks.isClosed) this.notify()
      }
    })
  }

  async #createSandbox(): Promise<void> {
    const { host, powers, events } = this.#context
    const { metadata, spec } = this.#pod
    const nowMs = powers.clock.wallMs()
    const bytes = powers.crypto.digest(`${metadata.uid}/sandbox/${nowMs}`)
    const id = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
      .join('')
      .slice(0, 40)
    // Beside the network; whoever starts a container waits for them and hears what went wrong.
    void this.#loadVolumes()
    try {
      this.#sandbox = await host.network.setUp({
        id,
        podUid: metadata.uid ?? '',
        podNamespace: metadata.namespace ?? '',
        podName: metadata.name ?? '',
        usesHostNetwork: spec?.hostNetwork === true,
        usesHostIpc: spec?.hostIPC === true,
        usesHostPid: spec?.hostPID === true,
        hostPorts: hostPortsOf(this.#pod),
      })
      this.#failures.delete('sandbox')
    } catch (error) {
      const message = messageOf(error)
      events.eventFor(
        this.#reference(),
        'Warning',
        'FailedCreatePodSandBox',
        `Failed to create pod sandbox: ${message}`,
      )
      this.#fail('sandbox', { reason: 'ContainerCreating', message }, quickBackoff)
    }
  }

  async #removeSandbox(): Promise<void> {
    if (this.#sandbox !== undefined) await this.#context.host.network.tearDown(this.#sandbox.id)
    this.#sandbox = undefined
  }

  async #pull(container: Container, attempt: number, signal: AbortSignal): Promise<void> {
    const result = await ensureImage(this.#context, {
      pod: this.#pod,
      container,
      reference: this.#reference(container),
      signal,
    })
    const key = `pull/${container.name}`
    if ('waiting' in result) {
      this.#fail(key, result.waiting, slowBackoff)
      return
    }
    this.#failures.delete(key)
    this.#imageReadyFor.set(container.name, attempt)
  }

  async #start(action: Extract<PodAction, { kind: 'start-container' }>, signal: AbortSignal): Promise<void> {
    const { container, attempt, type } = action
    const sandbox = this.#sandbox
    if (sandbox === undefined) return
    const result = await startContainer(this.#context, {
      pod: this.#pod,
      container,
      kind: type,
      attempt,
      sandbox,
      volumes: this.#volumes,
      volumesReady: () => this.#loadVolumes(),
      reference: this.#reference(container),
      signal,
    })
    const key = `start/${container.name}`
    if ('waiting' in result) {
      this.#fail(key, result.waiting, result.isQuick ? quickBackoff : slowBackoff)
      return
    }
    this.#failures.delete(key)
    if (attempt > 0) {
      const previous = this.#crashBackoffs.get(container.name)
      this.#crashBackoffs.set(container.name, nextBackoff(previous, this.#context.powers.clock.wallMs()))
    }
  }

  async #kill(action: Extract<PodAction, { kind: 'kill-container' }>, signal: AbortSignal): Promise<void> {
    const { record, container, deadlineMs, reason } = action
    const grace = new Grace(this.#context.powers.clock, deadlineMs)
    this.#graces.set(record.id, grace)
    const probe = this.#probes.get(record.id)?.findings().failure?.probe
    const messages: Readonly<Record<string, string>> = {
      Unhealthy: `Container ${record.containerName} failed ${probe ?? 'liveness'} probe, will be restarted`,
      SpecChanged: `Container ${record.containerName} definition changed, will be restarted`,
    }
    try {
      await killContainer(this.#context, {
        record,
        container,
        reference: this.#reference(container),
        podIP: this.#sandbox?.ip || this.#context.config.address,
        message: messages[reason] ?? `Stopping container ${record.containerName}`,
        grace,
        signal,
      })
    } finally {
      this.#graces.delete(record.id)
    }
  }

  /** Makes the volumes once; a failed try is forgotten, so the next start tries again. */
  #loadVolumes(): Promise<void> {
    if (this.#volumesReady === undefined) {
      const facts = this.#context.facts(this.#pod, this.#sandbox?.ip ?? '')
      const loading = this.#volumes.refresh(facts, this.#tasks.signal)
      this.#volumesReady = loading
      loading.catch(() => {
        this.#volumesReady = undefined
      })
    }
    return this.#volumesReady
  }

  #refreshVolumes(nowMs: number): void {
    const dueMs = Math.min(this.#refreshAtMs, this.#volumes.renewAtMs ?? Number.POSITIVE_INFINITY)
    if (nowMs < dueMs || this.#volumesReady === undefined || this.#termination !== undefined) return
    this.#refreshAtMs = nowMs + refreshMs
    const facts = this.#context.facts(this.#pod, this.#sandbox?.ip ?? '')
    this.#tasks.run('refresh volumes', async (signal) => {
      await this.#volumes.refresh(facts, signal)
    })
  }

  #fail(key: string, waiting: Waiting, limits: typeof quickBackoff): void {
    const nowMs = this.#context.powers.clock.wallMs()
    const backoff = nextBackoff(this.#failures.get(key)?.backoff, nowMs, limits)
    this.#failures.set(key, { atMs: nowMs, backoff, waiting })
  }

  async #finish(): Promise<void> {
    if (this.#isFinished) return
    await this.#context.host.volumes.removePod(this.#pod.metadata.uid ?? '')
    this.#isFinished = true
    this.#onFinished()
  }

  #report(observed: PodObservation, nowMs: number): void {
    const known = this.#status
    // A finished pod whose records are gone (another machine directory): the API knows better than we.
    if (
      known?.phase !== undefined &&
      isPodTerminal({ ...this.#pod, status: known }) &&
      observed.containers.length === 0
    ) {
      this.#context.report(this.#pod, known, this.#isFinished)
      return
    }
    const status = podStatusOf({
      pod: this.#pod,
      observed,
      nowMs,
      hostIP: this.#context.config.address,
      qosClass: qosClass(this.#pod),
      previous: this.#status,
      isFinished: this.#isFinished,
    })
    this.#tellBackoffs(status)
    this.#status = status
    this.#context.report(this.#pod, status, this.#isFinished)
  }

  /** An event when a container begins to wait for its next try. */
  #tellBackoffs(status: PodStatus): void {
    const waitingOf = (known: PodStatus | undefined, name: string) =>
      [...(known?.initContainerStatuses ?? []), ...(known?.containerStatuses ?? [])].find(
        (one) => one.name === name,
      )?.state?.waiting
    const { namespace, name, uid } = this.#pod.metadata
    for (const container of [...initContainersOf(this.#pod), ...mainContainersOf(this.#pod)]) {
      const reason = waitingOf(status, container.name)?.reason
      if (reason === waitingOf(this.#status, container.name)?.reason) continue
      const message =
        reason === 'CrashLoopBackOff'
          ? `Back-off restarting failed container ${container.name} in pod ${name}_${namespace}(${uid})`
          : reason === 'ImagePullBackOff'
            ? `Back-off pulling image "${container.image}"`
            : undefined
      if (message !== undefined)
        this.#context.events.eventFor(this.#reference(container), 'Warning', 'BackOff', message)
    }
  }

  #schedule(plan: PodPlan, nowMs: number): void {
    const times = [plan.wakeAtMs ?? Number.POSITIVE_INFINITY]
    for (const failure of this.#failures.values()) {
      if (nowMs < failure.atMs + pullErrorShownMs) times.push(failure.atMs + pullErrorShownMs)
      else times.push(retryAtMs(failure.backoff, failure.atMs))
    }
    const seconds = this.#pod.spec?.activeDeadlineSeconds
    const startMs = parseTime(this.#status?.startTime ?? '')
    if (seconds !== undefined && startMs !== undefined && this.#termination === undefined)
      times.push(startMs + seconds * 1000)
    if (!this.#isFinished) times.push(this.#refreshAtMs, this.#volumes.renewAtMs ?? Number.POSITIVE_INFINITY)
    const nextMs = Math.min(...times.filter((time) => time > nowMs))
    if (Number.isFinite(nextMs)) this.#wakeAfter(nextMs - nowMs)
  }

  #wakeAfter(delayMs: number): void {
    this.#timer?.cancel()
    if (this.#tasks.isClosed) return
    this.#timer = this.#context.powers.clock.setTimer(Math.min(delayMs, wakeMaxMs), () => this.notify())
  }

  #containerNamed(name: string): Container | undefined {
    const { spec } = this.#pod
    return [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].find(
      (container) => container.name === name,
    )
  }

  #reference(container?: Container): ObjectReference {
    const { metadata, spec } = this.#pod
    const isInit = container !== undefined && (spec?.initContainers ?? []).includes(container)
    const field = container && `spec.${isInit ? 'initContainers' : 'containers'}{${container.name}}`
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace: metadata.namespace,
      name: metadata.name,
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
      ...(field === undefined ? {} : { fieldPath: field }),
    }
  }
}

function hostPortsOf(pod: Pod) {
  if (pod.spec?.hostNetwork === true) return []
  return (pod.spec?.containers ?? []).flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => port.hostPort)
      .map((port) => ({
        hostPort: port.hostPort ?? 0,
        containerPort: port.containerPort,
        protocol: (port.protocol ?? 'TCP').toLowerCase(),
        hostIP: port.hostIP ?? '',
      })),
  )
}

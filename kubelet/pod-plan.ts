/**
 * What to do next for one pod. A function of what is wanted and what is seen: it starts nothing that is
 * already under way, and called again after each of its actions it comes to rest.
 *
 * Order of a pod's life: sandbox → init containers one by one (a sidecar counts as done once started) →
 * main containers together; at the end main containers first, then sidecars from last to first, then the
 * sandbox. restartPolicy decides about ended containers, back-offs about when.
 *
 * Source: kubelet `kuberuntime_manager.go` computePodActions; KEP-753 (sidecars).
 */
import type { Container, Pod } from '../api/types.ts'
import { retryAtMs } from './backoff.ts'
import {
  initContainersOf,
  isAlive,
  isBusy,
  isSidecar,
  latestRecord,
  mainContainersOf,
  type PodObservation,
  type PodView,
  presentRecord,
  shouldRestart,
  type Termination,
} from './pod-model.ts'
import type { ContainerRecord } from './runtime/oci-runtime.ts'
import { containerSpecHash } from './spec-hash.ts'

export type PodAction =
  | { readonly kind: 'create-sandbox' }
  | { readonly kind: 'remove-sandbox' }
  | { readonly kind: 'pull-image'; readonly container: Container; readonly attempt: number }
  | {
      readonly kind: 'start-container'
      readonly container: Container
      readonly type: 'init' | 'main'
      readonly attempt: number
    }
  | {
      readonly kind: 'kill-container'
      readonly record: ContainerRecord
      readonly container: Container | undefined
      /** Wall clock; SIGKILL at this moment. */
      readonly deadlineMs: number
      readonly reason: string
    }
  /** An ended record that nothing needs any more. */
  | { readonly kind: 'remove-container'; readonly record: ContainerRecord }

export interface PodPlan {
  readonly actions: readonly PodAction[]
  /** Ask again at this wall clock time, when nothing has happened before. */
  readonly wakeAtMs: number | undefined
  /** Every container has ended for good, the sandbox is gone. */
  readonly isFinished: boolean
}

/** The next actions for a pod. */
export function planPod(view: PodView): PodPlan {
  const planning = new Planning(view)
  const { termination } = view.observed
  if (termination !== undefined) planning.terminate(termination)
  else if (isPodDone(view.pod, view.observed))
    planning.terminate({ graceSeconds: graceSecondsOf(view.pod), startedAtMs: view.nowMs })
  else planning.run()
  planning.removeOldRecords()
  return planning.result()
}

/** Whether nothing of the pod will ever run again: the phase is then Succeeded or Failed. */
export function isPodDone(pod: Pod, observed: PodObservation): boolean {
  if ((pod.spec?.restartPolicy ?? 'Always') === 'Always') return false
  const hasFailedInit = initContainersOf(pod).some((container) => {
    const record = latestRecord(observed, container.name)
    return (
      record?.state === 'exited' &&
      !isSidecar(container) &&
      record.exitCode !== 0 &&
      !shouldRestart(pod, container, 'init', record.exitCode)
    )
  })
  if (hasFailedInit) return true
  return mainContainersOf(pod).every((container) => {
    const record = latestRecord(observed, container.name)
    return record?.state === 'exited' && !shouldRestart(pod, container, 'main', record.exitCode)
  })
}

/** The grace that the pod's author gave. */
export function graceSecondsOf(pod: Pod): number {
  return pod.spec?.terminationGracePeriodSeconds ?? 30
}

/** Collects the actions of one pass. */
class Planning {
  readonly #pod: Pod
  readonly #observed: PodObservation
  readonly #nowMs: number
  readonly #actions: PodAction[] = []
  #wakeAtMs: number | undefined
  #isFinished = false

  constructor(view: PodView) {
    this.#pod = view.pod
    this.#observed = view.observed
    this.#nowMs = view.nowMs
  }

  result(): PodPlan {
    return { actions: this.#actions, wakeAtMs: this.#wakeAtMs, isFinished: this.#isFinished }
  }

  run(): void {
    const sandbox = this.#observed.sandbox
    if (sandbox === undefined) {
      this.#createSandbox()
      return
    }
    if (!sandbox.isReady) {
      this.#leaveSandbox()
      return
    }
    if (this.#runInitContainers()) {
      for (const container of mainContainersOf(this.#pod)) this.#runContainer(container, 'main')
    }
  }

  terminate(termination: Termination): void {
    const sidecarNames = initContainersOf(this.#pod)
      .filter(isSidecar)
      .map((container) => container.name)
    const living = this.#observed.containers.filter(isAlive)
    const first = living.filter((record) => !sidecarNames.includes(record.containerName))
    const deadlineMs = termination.startedAtMs + termination.graceSeconds * 1000
    const isGraceOver = this.#nowMs >= deadlineMs
    if (first.length > 0 || living.length === 0) {
      for (const record of first) this.#kill(record, deadlineMs, 'Killing')
    }
    if (first.length === 0 || isGraceOver) {
      const order = [...sidecarNames].reverse()
      const last = order
        .map((name) => living.find((record) => record.containerName === name))
        .filter(isRecord)
      for (const record of isGraceOver ? last : last.slice(0, 1)) this.#kill(record, deadlineMs, 'Killing')
    }
    if (living.length > 0 || this.#observed.operations.length > 0) return
    if (this.#observed.sandbox !== undefined) this.#actions.push({ kind: 'remove-sandbox' })
    else this.#isFinished = true
  }

  /** Keeps, of each name, the newest record and the one before it. */
  removeOldRecords(): void {
    const byName = new Map<string, ContainerRecord[]>()
    for (const record of this.#observed.containers) {
      byName.set(record.containerName, [...(byName.get(record.containerName) ?? []), record])
    }
    for (const [name, records] of byName) {
      if (isBusy(this.#observed, name)) continue
      const old = records.sort((a, b) => b.attempt - a.attempt).slice(2)
      for (const record of old) if (!isAlive(record)) this.#actions.push({ kind: 'remove-container', record })
    }
  }

  #createSandbox(): void {
    if (this.#hasOperation('creating-sandbox') || this.#hasOperation('removing-sandbox')) return
    if (this.#mustWaitFor('sandbox')) return
    this.#actions.push({ kind: 'create-sandbox' })
  }

  /** The namespaces are gone: end what claims to live, then make new ones. */
  #leaveSandbox(): void {
    const living = this.#observed.containers.filter(isAlive)
    for (const record of living) this.#kill(record, this.#nowMs, 'SandboxChanged')
    if (living.length === 0 && this.#observed.operations.length === 0)
      this.#actions.push({ kind: 'remove-sandbox' })
  }

  /** True once the main containers may start. */
  #runInitContainers(): boolean {
    const hasStartedMain = mainContainersOf(this.#pod).some((container) =>
      presentRecord(this.#observed, container.name),
    )
    for (const container of initContainersOf(this.#pod)) {
      const record = presentRecord(this.#observed, container.name)
      if (isSidecar(container)) {
        this.#runContainer(container, 'init')
        const isStarted =
          record?.state === 'running' && (this.#observed.probes.get(record.id)?.isStarted ?? false)
        if (!isStarted && !hasStartedMain) return false
        continue
      }
      if (hasStartedMain || (record?.state === 'exited' && record.exitCode === 0)) continue
      this.#runContainer(container, 'init')
      return false
    }
    return true
  }

  #runContainer(container: Container, type: 'init' | 'main'): void {
    if (isBusy(this.#observed, container.name)) return
    const record = latestRecord(this.#observed, container.name)
    if (record === undefined) {
      this.#start(container, type, 0)
      return
    }
    if (record.state === 'running') {
      this.#keepRunning(container, record)
      return
    }
    if (record.state === 'created') {
      // Its starter is gone (the kubelet was killed between the two): it can only be thrown away.
      this.#kill(record, this.#nowMs, 'NeverStarted')
      return
    }
    const isOfOldSandbox = record.sandboxId !== this.#observed.sandbox?.id
    const isInitAgain = type === 'init' && isOfOldSandbox
    if (!isInitAgain && !shouldRestart(this.#pod, container, type, record.exitCode)) return
    const restartAtMs = retryAtMs(
      this.#observed.crashBackoffs.get(container.name),
      record.finishedAtMs ?? this.#nowMs,
    )
    if (!isOfOldSandbox && restartAtMs > this.#nowMs) {
      this.#wakeAt(restartAtMs)
      return
    }
    this.#start(container, type, record.attempt + 1)
  }

  #keepRunning(container: Container, record: ContainerRecord): void {
    const failure = this.#observed.probes.get(record.id)?.failure
    const graceMs = (failure?.graceSeconds ?? graceSecondsOf(this.#pod)) * 1000
    if (failure !== undefined) this.#kill(record, this.#nowMs + graceMs, 'Unhealthy')
    else if (record.specHash !== containerSpecHash(container))
      this.#kill(record, this.#nowMs + graceMs, 'SpecChanged')
  }

  #start(container: Container, type: 'init' | 'main', attempt: number): void {
    if (this.#observed.imageReadyFor.get(container.name) !== attempt) {
      if (this.#mustWaitFor(`pull/${container.name}`)) return
      this.#actions.push({ kind: 'pull-image', container, attempt })
      return
    }
    if (this.#mustWaitFor(`start/${container.name}`)) return
    this.#actions.push({ kind: 'start-container', container, type, attempt })
  }

  #kill(record: ContainerRecord, deadlineMs: number, reason: string): void {
    if (isBusy(this.#observed, record.containerName)) return
    const all = [...initContainersOf(this.#pod), ...mainContainersOf(this.#pod)]
    const container = all.find((candidate) => candidate.name === record.containerName)
    this.#actions.push({ kind: 'kill-container', record, container, deadlineMs, reason })
  }

  #mustWaitFor(what: string): boolean {
    const failure = this.#observed.failures.get(what)
    if (failure === undefined) return false
    const atMs = retryAtMs(failure.backoff, failure.atMs)
    if (atMs <= this.#nowMs) return false
    this.#wakeAt(atMs)
    return true
  }

  #wakeAt(atMs: number): void {
    this.#wakeAtMs = this.#wakeAtMs === undefined ? atMs : Math.min(this.#wakeAtMs, atMs)
  }

  #hasOperation(kind: PodObservation['operations'][number]['kind']): boolean {
    return this.#observed.operations.some((operation) => operation.kind === kind)
  }
}

function isRecord(record: ContainerRecord | undefined): record is ContainerRecord {
  return record !== undefined
}

/**
 * A pod below the plan, in a few lines: carries actions out, lets things happen, and fails when something
 * runs that must not. For `pod-plan`'s property tests.
 */
import type { Pod } from '../../api/types.ts'
import { assert } from '../../platform/assert.ts'
import { nextBackoff, type Backoff } from '../backoff.ts'
import type { Sandbox } from '../network/pod-network.ts'
import {
  isAlive,
  isSidecar,
  type Operation,
  type PodObservation,
  type ProbeFindings,
  shouldRestart,
  type Termination,
} from '../pod-model.ts'
import { type PodAction, planPod } from '../pod-plan.ts'
import { podStatusOf } from '../pod-status.ts'
import type { PodStatus } from '../../api/types.ts'
import type { ContainerRecord } from '../runtime/oci-runtime.ts'
import { nowMs as startMs, recordOf, sandboxOf } from './pod-fixtures.ts'

export type Happening =
  | { readonly kind: 'finish'; readonly pick: number; readonly fails: boolean }
  | { readonly kind: 'exit'; readonly pick: number; readonly code: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'unhealthy'; readonly pick: number }
  | { readonly kind: 'reboot' }
  | { readonly kind: 'delete'; readonly graceSeconds: number }

const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Running: 1, Succeeded: 2, Failed: 2 }
const passesMax = 2000

export class PodSimulation {
  readonly #pod: Pod
  #nowMs = startMs
  #sandbox: Sandbox | undefined
  #sandboxes = 0
  #records: ContainerRecord[] = []
  #operations: { readonly operation: Operation; readonly action: PodAction }[] = []
  readonly #probes = new Map<string, ProbeFindings>()
  readonly #imageReadyFor = new Map<string, number>()
  readonly #crashBackoffs = new Map<string, Backoff>()
  readonly #failures = new Map<
    string,
    { atMs: number; backoff: Backoff; waiting: { reason: string; message: string } }
  >()
  #termination: Termination | undefined
  #status: PodStatus | undefined
  #isFinished = false

  constructor(pod: Pod) {
    this.#pod = pod
  }

  /** One thing happens, then the plan is asked. */
  happen(event: Happening): void {
    this.#apply(event)
    this.#pass()
  }

  /** Lets all operations succeed and time go by until nothing moves. The world is kind from here on. */
  settle(): void {
    for (let passes = 0; passes < passesMax; passes += 1) {
      const wakeAtMs = this.#pass()
      const [next] = this.#operations
      if (next !== undefined) this.#finish(next, false)
      else if (wakeAtMs !== undefined) this.#nowMs = Math.max(this.#nowMs, wakeAtMs)
      else {
        this.#checkRest()
        return
      }
    }
    assert(false, 'the plan never comes to rest')
  }

  #apply(event: Happening): void {
    switch (event.kind) {
      case 'finish': {
        const found = this.#operations[event.pick % Math.max(1, this.#operations.length)]
        if (found !== undefined) this.#finish(found, event.fails)
        return
      }
      case 'exit': {
        const living = this.#records.filter((record) => record.state === 'running')
        const record = living[event.pick % Math.max(1, living.length)]
        if (record !== undefined) this.#end(record, event.code)
        return
      }
      case 'wait':
        this.#nowMs += event.ms
        return
      case 'unhealthy': {
        const ids = [...this.#probes.keys()]
        const id = ids[event.pick % Math.max(1, ids.length)]
        if (id !== undefined)
          this.#probes.set(id, {
            isStarted: true,
            isReady: false,
            failure: { probe: 'liveness', message: '' },
          })
        return
      }
      case 'reboot':
        for (const record of this.#records.filter(isAlive)) this.#end(record, 137)
        this.#operations = []
        if (this.#sandbox !== undefined) this.#sandbox = { ...this.#sandbox, isReady: false }
        return
      case 'delete':
        this.#termination ??= { graceSeconds: event.graceSeconds, startedAtMs: this.#nowMs }
    }
  }

  #observe(): PodObservation {
    return {
      sandbox: this.#sandbox,
      containers: this.#records,
      operations: this.#operations.map(({ operation }) => operation),
      probes: this.#probes,
      imageReadyFor: this.#imageReadyFor,
      crashBackoffs: this.#crashBackoffs,
      failures: this.#failures,
      termination: this.#termination,
    }
  }

  #pass(): number | undefined {
    const observed = this.#observe()
    const plan = planPod({ pod: this.#pod, observed, nowMs: this.#nowMs })
    const isCleaning = plan.actions.every((action) => action.kind === 'remove-container')
    assert(!this.#isFinished || isCleaning, 'a finished pod begins again')
    for (const action of plan.actions) this.#begin(action)
    if (plan.isFinished) this.#isFinished = true
    const before = this.#status?.phase ?? 'Pending'
    this.#status = podStatusOf({
      pod: this.#pod,
      observed,
      nowMs: this.#nowMs,
      hostIP: '10.0.0.1',
      qosClass: 'BestEffort',
      previous: this.#status,
      isFinished: this.#isFinished,
    })
    const phase = this.#status.phase ?? ''
    assert((phaseOrder[phase] ?? -1) >= (phaseOrder[before] ?? 9), `phase went from ${before} to ${phase}`)
    const isFinal = before === 'Succeeded' || before === 'Failed'
    assert(!isFinal || phase === before, `final phase ${before} became ${phase}`)
    return plan.wakeAtMs
  }

  #begin(action: PodAction): void {
    const busy = this.#operations.map(({ operation }) =>
      'container' in operation ? operation.container : 'sandbox',
    )
    const add = (operation: Operation) => {
      const key = 'container' in operation ? operation.container : 'sandbox'
      assert(
        !busy.includes(key) || operation.kind === 'removing',
        `${operation.kind} ${key} although it is busy`,
      )
      this.#operations.push({ operation, action })
    }
    switch (action.kind) {
      case 'create-sandbox':
        assert(this.#sandbox === undefined, 'a second sandbox')
        return add({ kind: 'creating-sandbox' })
      case 'remove-sandbox':
        assert(!this.#records.some(isAlive), 'the sandbox goes while a container lives')
        return add({ kind: 'removing-sandbox' })
      case 'pull-image':
        return add({ kind: 'pulling', container: action.container.name })
      case 'start-container':
        this.#checkStart(action)
        return add({ kind: 'starting', container: action.container.name })
      case 'kill-container':
        return add({ kind: 'killing', container: action.record.containerName, containerId: action.record.id })
      case 'remove-container':
        assert(!isAlive(action.record), 'a living container is removed')
        return add({
          kind: 'removing',
          container: action.record.containerName,
          containerId: action.record.id,
        })
    }
  }

  #checkStart(action: Extract<PodAction, { kind: 'start-container' }>): void {
    const { container, attempt, type } = action
    const own = this.#records.filter((record) => record.containerName === container.name)
    assert(this.#sandbox?.isReady === true, 'a start without a sandbox')
    const phase = this.#status?.phase
    assert(phase !== 'Succeeded' && phase !== 'Failed', `${container.name} starts in a pod that is ${phase}`)
    assert(this.#termination === undefined, `${container.name} starts although the pod ends`)
    assert(!own.some(isAlive), `${container.name} runs already`)
    assert(
      !own.some((record) => record.attempt >= attempt),
      `attempt ${attempt} of ${container.name} was made before`,
    )
    const last = own.sort((a, b) => b.attempt - a.attempt)[0]
    const isNewSandbox = last?.sandboxId !== this.#sandbox.id
    if (last !== undefined && !(isNewSandbox && type === 'init')) {
      assert(
        shouldRestart(this.#pod, container, type, last.exitCode),
        `${container.name} runs again against the restartPolicy`,
      )
    }
    if (type === 'main') {
      for (const init of this.#pod.spec?.initContainers ?? []) {
        const record = this.#records.find(
          (one) => one.containerName === init.name && one.sandboxId === this.#sandbox?.id,
        )
        assert(record !== undefined, `${container.name} starts before ${init.name}`)
        assert(
          isSidecar(init) || record.exitCode === 0 || own.length > 0 || record.state === 'exited',
          `${init.name} is not done`,
        )
      }
    }
  }

  #finish(entry: { readonly operation: Operation; readonly action: PodAction }, fails: boolean): void {
    this.#operations = this.#operations.filter((one) => one !== entry)
    const { action } = entry
    switch (action.kind) {
      case 'create-sandbox':
        if (fails) return this.#fail('sandbox')
        this.#sandboxes += 1
        this.#sandbox = sandboxOf({ id: `s${this.#sandboxes}` })
        return
      case 'remove-sandbox':
        this.#sandbox = undefined
        return
      case 'pull-image':
        if (fails) return this.#fail(`pull/${action.container.name}`)
        this.#imageReadyFor.set(action.container.name, action.attempt)
        return
      case 'start-container':
        if (fails || this.#sandbox === undefined) return this.#fail(`start/${action.container.name}`)
        return this.#started(action)
      case 'kill-container':
        this.#end(action.record, 143)
        return
      case 'remove-container':
        this.#records = this.#records.filter((record) => record.id !== action.record.id)
    }
  }

  #started(action: Extract<PodAction, { kind: 'start-container' }>): void {
    const { container, attempt, type } = action
    const record = recordOf(container.name, {
      attempt,
      kind: type,
      sandboxId: this.#sandbox?.id ?? '',
      createdAtMs: this.#nowMs,
      startedAtMs: this.#nowMs,
    })
    this.#records.push(record)
    this.#probes.set(record.id, { isStarted: true, isReady: true })
    if (attempt > 0)
      this.#crashBackoffs.set(
        container.name,
        nextBackoff(this.#crashBackoffs.get(container.name), this.#nowMs),
      )
  }

  #end(record: ContainerRecord, exitCode: number): void {
    this.#probes.delete(record.id)
    this.#records = this.#records.map((one) =>
      one.id === record.id && one.state !== 'exited'
        ? { ...one, state: 'exited', exitCode, finishedAtMs: this.#nowMs }
        : one,
    )
  }

  #fail(key: string): void {
    const backoff = nextBackoff(this.#failures.get(key)?.backoff, this.#nowMs)
    this.#failures.set(key, { atMs: this.#nowMs, backoff, waiting: { reason: 'Failed', message: '' } })
  }

  /** At rest all is as wanted: everything runs, or everything is over. */
  #checkRest(): void {
    const living = this.#records.filter(isAlive)
    if (this.#isFinished) {
      assert(living.length === 0 && this.#sandbox === undefined, 'a finished pod left something behind')
      const phase = this.#status?.phase
      if (this.#termination !== undefined)
        assert(phase === 'Succeeded' || phase === 'Failed', `a deleted pod rests in ${phase}`)
      return
    }
    assert(this.#termination === undefined, 'a deleted pod does not end')
    const waitsForInit = living.some((record) => record.kind === 'init')
    for (const container of this.#pod.spec?.containers ?? []) {
      const records = this.#records
        .filter((one) => one.containerName === container.name)
        .sort((a, b) => b.attempt - a.attempt)
      const isAtWork =
        records[0] !== undefined &&
        (isAlive(records[0]) || !shouldRestart(this.#pod, container, 'main', records[0].exitCode))
      assert(isAtWork || waitsForInit, `${container.name} rests although it should run`)
    }
  }
}

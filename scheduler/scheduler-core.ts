/**
 * One term of a leading scheduler: queue, cache and framework, and the loop that takes pods from the first
 * to a node. Built when leadership is won, from what the informers know then; thrown away when it is lost.
 *
 *   pop → choose a node (synchronous) → assume → reserve → bind (in the background) → next pod at once
 *
 * Invariants: between the snapshot and `assume` nothing else runs, so no two decisions overlook each other; a
 * popped pod ends in exactly one of: bound, requeued, or let go because it is gone or has a node.
 */
import { deepEqual } from '../api/meta/json.ts'
import type { Pod, PodCondition } from '../api/types.ts'
import { AssertionFailed, messageOf } from '../platform/assert.ts'
import { formatTime, sleep } from '../platform/clock.ts'
import type { Powers } from '../platform/powers.ts'
import { TaskGroup } from '../platform/tasks.ts'
import { bindPod, type BindingOutcome } from './binding-cycle.ts'
import { SchedulerCache } from './cache/cache.ts'
import { type PodInfo, podInfoOf, withNodeName } from './cache/pod-info.ts'
import { emptySnapshot, type Snapshot } from './cache/snapshot.ts'
import { CycleState } from './framework/cycle-state.ts'
import { type Diagnosis, formatDiagnosis, pendingPlugins, rejectingPlugins } from './framework/diagnosis.ts'
import { Framework } from './framework/framework.ts'
import type { CatalogEntry, Handle, Listers } from './framework/handle.ts'
import type { Rejection } from './framework/rejection.ts'
import { createSchedulerMetrics, type SchedulerMetrics } from './metrics.ts'
import type { QueuedPod } from './queue/queued-pod.ts'
import { SchedulingQueue } from './queue/scheduling-queue.ts'
import type { SchedulerApi } from './scheduler-api.ts'
import { chooseNode, type Choice, type Rotation } from './scheduling-cycle.ts'
import { StatusWriter } from './status-writer.ts'

export interface CoreOptions {
  readonly powers: Pick<Powers, 'clock' | 'random' | 'log' | 'metrics' | 'fatal'>
  readonly api: SchedulerApi
  readonly listers: Listers
  readonly catalog: readonly CatalogEntry[]
  /** The pod as the informer has it now. */
  readonly findPod: (namespace: string, name: string) => Pod | undefined
}

/** Bindings under way at once; beyond it the loop waits for one to end. */
export const bindingsMax = 256
/** Pods scheduled in a row before timers and sockets get their turn. */
const burst = 16
const expiryCheckMs = 30_000
const eventMessageMax = 1024

/** Names the plugin that stands for "there is no node at all". */
const noNodes = 'NoNodes'

/** Why a pod goes back to the queue. */
interface Failure {
  readonly reason: 'Unschedulable' | 'SchedulerError'
  readonly message: string
  readonly rejectedBy: ReadonlySet<string>
  readonly pendingOn: ReadonlySet<string>
  /** '' clears a nomination, undefined leaves it. */
  readonly nominatedNodeName?: string | undefined
}

export class SchedulerCore {
  readonly cache: SchedulerCache
  readonly queue: SchedulingQueue
  readonly #options: CoreOptions
  readonly #framework: Framework
  readonly #tasks: TaskGroup
  readonly #statuses: StatusWriter
  readonly #metrics: SchedulerMetrics
  readonly #rotation: Rotation = { nextIndex: 0 }
  #snapshot: Snapshot = emptySnapshot
  #bindings = 0
  #onBindingEnd: (() => void) | undefined

  constructor(options: CoreOptions) {
    const { powers, api, listers } = options
    this.#options = options
    this.#tasks = new TaskGroup((error) => powers.fatal(error))
    this.#statuses = new StatusWriter({ api, tasks: this.#tasks, log: powers.log })
    this.#metrics = createSchedulerMetrics(powers.metrics)
    this.cache = new SchedulerCache(powers.clock)
    const nominator = () => this.queue.nominator
    const handle: Handle = {
      snapshot: () => this.#snapshot,
      podNow: (pod) => this.#podNow(pod),
      filters: {
        filter: (...call) => this.#framework.filter(...call),
        filterWithNominated: (...call) => this.#framework.filterWithNominated(...call),
        adjust: (...call) => this.#framework.adjust(...call),
      },
      get nominator() {
        return nominator()
      },
      listers,
      api,
      activate: (uid) => this.queue.activate(uid),
      clock: powers.clock,
      random: powers.random.fork('scheduler plugins'),
      log: powers.log,
      tasks: this.#tasks,
    }
    const plugins = options.catalog.map(({ create, weight }) => ({ plugin: create(handle), weight }))
    this.#framework = new Framework({ plugins, clock: powers.clock, nominator })
    this.queue = new SchedulingQueue({
      clock: powers.clock,
      less: (a, b) => this.#framework.less(a, b),
      preEnqueue: (pod) => this.#framework.preEnqueue(pod),
      hints: new Map([...this.#framework.hints(), [noNodes, [{ resource: 'node', actions: ['add'] }]]]),
    })
  }

  /** Schedules until `signal` aborts; then ends what is under way. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options.powers
    const draws = random.fork('scheduler')
    this.#tasks.run('expire assumed pods', (ending) => this.#expireLoop(ending))
    try {
      for (let inRow = 1; !signal.aborted; inRow += 1) {
        const queued = this.queue.pop()
        if (queued === undefined) {
          await this.queue.whenReady(signal)
          continue
        }
        this.#scheduleOne(queued, draws)
        if (this.#bindings >= bindingsMax) await this.#bindingEnded(signal)
        if (inRow % burst === 0) await sleep(clock, 0)
      }
    } finally {
      await this.close()
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.queue.close()
    await this.#tasks.close()
  }

  #scheduleOne(queued: QueuedPod, random: Powers['random']): void {
    const { info } = queued
    if (this.#isNotOurs(info)) {
      this.queue.done(info.uid)
      return
    }
    const startedMs = this.#options.powers.clock.monotonicMs()
    const state = new CycleState()
    let choice: Choice
    try {
      this.#snapshot = this.cache.snapshot()
      if (this.#snapshot.nodes.length === 0) {
        this.#park(queued, noNodesFailure)
        return
      }
      const { snapshot, framework, rotation } = {
        snapshot: this.#snapshot,
        framework: this.#framework,
        rotation: this.#rotation,
      }
      choice = chooseNode({ framework, state, pod: info, snapshot, rotation, random })
      if (choice.kind === 'unfit') {
        this.#park(queued, this.#afterPostFilter(state, info, choice.diagnosis))
        return
      }
    } catch (error) {
      this.#park(queued, errorFailure(error))
      return
    } finally {
      this.#metrics.cycleMs(this.#options.powers.clock.monotonicMs() - startedMs)
      this.#metrics.pending(this.queue.lengths)
    }
    this.#commit(queued, state, choice.nodeName)
  }

  #commit(queued: QueuedPod, state: CycleState, nodeName: string): void {
    const pod = withNodeName(queued.info, nodeName)
    this.cache.assume(pod)
    this.queue.nominator.remove(pod.uid)
    const rejection = this.#framework.reserve(state, pod, nodeName)
    if (rejection) {
      this.#giveBack(state, pod)
      this.#park(queued, rejectionFailure(rejection))
      return
    }
    this.#bindings += 1
    this.#tasks.run(`bind ${pod.key}`, async (signal) => {
      try {
        const { api, powers } = this.#options
        const outcome = await bindPod(
          { framework: this.#framework, state, pod, nodeName, api, clock: powers.clock },
          signal,
        )
        if (!signal.aborted) this.#settle({ queued, state, pod, nodeName }, outcome)
      } finally {
        this.#bindings -= 1
        this.#onBindingEnd?.()
      }
    })
  }

  #settle(
    binding: { queued: QueuedPod; state: CycleState; pod: PodInfo; nodeName: string },
    outcome: BindingOutcome,
  ): void {
    const { queued, state, pod, nodeName } = binding
    if (outcome.kind === 'bound') {
      this.cache.finishBinding(pod.uid)
      this.queue.done(pod.uid)
      this.#metrics.scheduled(this.#options.powers.clock.monotonicMs() - queued.firstSeenMs)
      const message = `Successfully assigned ${pod.key} to ${nodeName}`
      this.#options.api.event(pod, { type: 'Normal', reason: 'Scheduled', message })
      return
    }
    this.#giveBack(state, pod)
    if (outcome.kind === 'failed') this.#park(queued, bindFailure(outcome.error))
    else if (outcome.kind === 'rejected') this.#park(queued, rejectionFailure(outcome.rejection))
    else {
      this.#options.powers.log.info(`pod ${pod.key} was not bound to ${nodeName}: it is ${outcome.kind}`)
      this.queue.done(pod.uid)
    }
  }

  /** Undoes reserve and assume, and tells waiting pods of the room. */
  #giveBack(state: CycleState, pod: PodInfo): void {
    this.#framework.unreserve(state, pod, pod.pod.spec?.nodeName ?? '')
    if (!this.cache.forget(pod.uid)) return
    this.queue.move({ resource: 'assignedPod', action: 'delete', previous: pod.pod })
  }

  #afterPostFilter(state: CycleState, pod: PodInfo, diagnosis: Diagnosis): Failure {
    const result = this.#framework.postFilter(state, pod, diagnosis)
    return {
      reason: 'Unschedulable',
      message: formatDiagnosis(diagnosis, result.message),
      rejectedBy: rejectingPlugins(diagnosis),
      pendingOn: pendingPlugins(diagnosis),
      nominatedNodeName: result.nominatedNodeName,
    }
  }

  #park(queued: QueuedPod, failure: Failure): void {
    const info = this.#stillWaiting(queued.info)
    if (info === undefined) {
      this.queue.nominator.remove(queued.info.uid)
      this.queue.done(queued.info.uid)
      return
    }
    if (failure.nominatedNodeName !== undefined)
      this.queue.nominator.nominate(info, failure.nominatedNodeName)
    this.queue.requeue(queued, info, failure)
    this.#metrics.failed(failure.reason)
    const { api, powers } = this.#options
    const message = truncated(failure.message)
    api.event(info, { type: 'Warning', reason: 'FailedScheduling', message })
    powers.log.debug(`pod ${info.key} was not scheduled`, { reason: failure.reason, message })
    this.#writeStatus(info, failure)
  }

  #writeStatus(info: PodInfo, failure: Failure): void {
    const { status } = info.pod
    const previous = status?.conditions?.find(({ type }) => type === 'PodScheduled')
    const now = formatTime(this.#options.powers.clock.wallMs())
    const condition: PodCondition = {
      type: 'PodScheduled',
      status: 'False',
      reason: failure.reason,
      message: failure.message,
      lastTransitionTime: previous?.status === 'False' ? (previous.lastTransitionTime ?? now) : now,
    }
    const isSame = deepEqual(
      [previous?.status, previous?.reason, previous?.message],
      [condition.status, condition.reason, condition.message],
    )
    const nominated = failure.nominatedNodeName
    const isNominatedSame = nominated === undefined || nominated === (status?.nominatedNodeName ?? '')
    if (isSame && isNominatedSame) return
    this.#statuses.write(info, {
      condition: isSame ? undefined : condition,
      nominatedNodeName: isNominatedSame ? undefined : nominated,
    })
  }

  /** The pod as it is now, if it still is the same one and has no node. */
  #stillWaiting(info: PodInfo): PodInfo | undefined {
    const pod = this.#podNow(info)
    if (pod === undefined || (pod.spec?.nodeName ?? '') !== '') return undefined
    return pod === info.pod ? info : podInfoOf(pod)
  }

  #podNow(info: PodInfo): Pod | undefined {
    const pod = this.#options.findPod(info.namespace, info.name)
    return pod?.metadata.uid === info.uid ? pod : undefined
  }

  /** Already on a node by our decision, gone, or on its way out. */
  #isNotOurs(info: PodInfo): boolean {
    if (this.cache.nodeOf(info.uid) !== undefined || this.#stillWaiting(info) === undefined) return true
    if (info.pod.metadata.deletionTimestamp === undefined) return false
    const message = `skip schedule deleting pod: ${info.key}`
    this.#options.api.event(info, { type: 'Warning', reason: 'FailedScheduling', message })
    return true
  }

  /** Resolves when a binding has ended, or `signal` aborts. */
  #bindingEnded(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        this.#onBindingEnd = undefined
        signal.removeEventListener('abort', end)
        resolve()
      }
      this.#onBindingEnd = end
      signal.addEventListener('abort', end, { once: true })
      if (signal.aborted) end()
    })
  }

  async #expireLoop(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.#options.powers.clock, expiryCheckMs, signal)
      for (const pod of this.cache.expireAssumed()) {
        this.#options.powers.log.warn(
          `no informer ever confirmed that pod ${pod.key} was bound; its room is free again`,
        )
        this.queue.move({ resource: 'assignedPod', action: 'delete', previous: pod.pod })
        const waiting = this.#stillWaiting(pod)
        if (waiting) this.queue.add(waiting)
      }
    }
  }
}

const noNodesFailure: Failure = {
  reason: 'Unschedulable',
  message: 'no nodes available to schedule pods',
  rejectedBy: new Set([noNodes]),
  pendingOn: new Set(),
}

function rejectionFailure(rejection: Rejection): Failure {
  return {
    reason: 'Unschedulable',
    message: rejection.reasons.join(', '),
    rejectedBy: new Set([rejection.plugin]),
    pendingOn: new Set(rejection.code === 'pending' ? [rejection.plugin] : []),
  }
}

/** @throws the error itself when it is a bug of ours */
function errorFailure(error: unknown): Failure {
  if (error instanceof AssertionFailed) throw error
  return { reason: 'SchedulerError', message: messageOf(error), rejectedBy: new Set(), pendingOn: new Set() }
}

function bindFailure(error: Error): Failure {
  const failure = errorFailure(error)
  return { ...failure, message: `binding rejected: ${failure.message}` }
}

function truncated(message: string): string {
  const suffix = ' ...'
  return message.length <= eventMessageMax
    ? message
    : message.slice(0, eventMessageMax - suffix.length) + suffix
}

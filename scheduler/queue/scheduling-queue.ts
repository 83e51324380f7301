/**
 * Pods that wait for a node, in three places:
 *
 *              add                                    pop
 *   ───────────────────────▶ active ─────────────────────────────▶ in flight ──done──▶
 *                             ▲  ▲ ▲                                  │
 *          back-off over      │  │ └──── a change worth trying ───┐   │ requeue
 *          or active is empty │  │                                │   ▼
 *                          backoff ◀── a change worth trying ── unschedulable
 *
 * active is a heap by the queue-sort plugin. backoff is where pods that were refused sit out 1 s, 2 s, …
 * 10 s when they become worth trying before that time is over; while nothing is active, a refused pod is
 * taken from there early (KEP-5142), a pod that failed by an error never. unschedulable holds pods that no
 * change concerns; after five minutes there they are tried in any case, so that a wrong hint delays a pod
 * and never loses it.
 *
 * Invariants: each pod is in exactly one place, or in flight, or unknown; a gated pod is never active; a change
 * between pop and requeue is never missed (see in-flight.ts).
 *
 * Source: `pkg/scheduler/backend/queue`, KEP-4247.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import { type PodInfo } from '../cache/pod-info.ts'
import { type ClusterChange, hintCovers, type QueueingHint } from '../framework/cluster-change.ts'
import type { Orderable } from '../framework/extension-points.ts'
import type { Rejection } from '../framework/rejection.ts'
import { KeyedHeap } from './heap.ts'
import { InFlight } from './in-flight.ts'
import { Nominator } from './nominator.ts'
import { ownPodChanges } from './pod-changes.ts'
import type { QueuedPod } from './queued-pod.ts'

export interface QueueOptions {
  readonly clock: Clock
  readonly less: (a: Orderable, b: Orderable) => boolean
  readonly preEnqueue: (pod: PodInfo) => Rejection | undefined
  /** By plugin name. */
  readonly hints: ReadonlyMap<string, readonly QueueingHint[]>
  readonly initialBackoffMs?: number
  readonly maxBackoffMs?: number
  readonly unschedulableMaxMs?: number
  readonly flushPeriodMs?: number
  readonly changesInFlightMax?: number
}

/** How a pod came back from its cycle. */
export interface Outcome {
  readonly rejectedBy: ReadonlySet<string>
  readonly pendingOn: ReadonlySet<string>
}

/** How many pods wait, by place. */
export interface QueueLengths {
  readonly active: number
  readonly backoff: number
  readonly unschedulable: number
  readonly gated: number
  readonly inFlight: number
}

export class SchedulingQueue {
  readonly nominator = new Nominator()
  readonly #options: Required<QueueOptions>
  readonly #active: KeyedHeap<QueuedPod>
  readonly #backoff: KeyedHeap<QueuedPod>
  readonly #errorBackoff: KeyedHeap<QueuedPod>
  readonly #unschedulable = new Map<string, QueuedPod>()
  readonly #inFlight: InFlight
  /** Pods that were asked for by name while in flight. */
  readonly #activateWhenBack = new Set<string>()
  readonly #waiting = new Set<() => void>()
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  #nextSequence = 0
  #isClosed = false

  constructor(options: QueueOptions) {
    this.#options = {
      initialBackoffMs: 1000,
      maxBackoffMs: 10_000,
      unschedulableMaxMs: 300_000,
      flushPeriodMs: 30_000,
      changesInFlightMax: 10_000,
      ...options,
    }
    const keyOf = (pod: QueuedPod) => pod.info.uid
    const byExpiry = (a: QueuedPod, b: QueuedPod) =>
      a.backoffUntilMs === b.backoffUntilMs ? a.sequence < b.sequence : a.backoffUntilMs < b.backoffUntilMs
    this.#active = new KeyedHeap({ keyOf, less: options.less })
    this.#backoff = new KeyedHeap({ keyOf, less: byExpiry })
    this.#errorBackoff = new KeyedHeap({ keyOf, less: byExpiry })
    this.#inFlight = new InFlight(this.#options.changesInFlightMax)
  }

  get lengths(): QueueLengths {
    let gated = 0
    for (const pod of this.#unschedulable.values()) if (pod.isGated) gated += 1
    return {
      active: this.#active.size,
      backoff: this.#backoff.size + this.#errorBackoff.size,
      unschedulable: this.#unschedulable.size - gated,
      gated,
      inFlight: this.#inFlight.size,
    }
  }

  has(uid: string): boolean {
    return this.#find(uid) !== undefined || this.#inFlight.has(uid)
  }

  /** A pod without a node appeared. No-op when it is already known. */
  add(info: PodInfo): void {
    if (this.has(info.uid)) return
    const nowMs = this.#nowMs()
    this.nominator.nominate(info, info.pod.status?.nominatedNodeName ?? '')
    this.#activate({
      info,
      queuedAtMs: nowMs,
      firstSeenMs: nowMs,
      sequence: this.#sequence(),
      attempts: 0,
      rejections: 0,
      errors: 0,
      rejectedBy: new Set(),
      pendingOn: new Set(),
      isGated: false,
      backoffUntilMs: 0,
    })
  }

  /** A waiting pod changed. A pod not known here is added. */
  update(previous: PodInfo, next: PodInfo): void {
    const changes = ownPodChanges(previous.pod, next.pod)
    const nominated = next.pod.status?.nominatedNodeName ?? ''
    if (nominated !== (previous.pod.status?.nominatedNodeName ?? '')) this.nominator.nominate(next, nominated)
    if (this.#inFlight.has(next.uid)) {
      for (const change of changes) this.#inFlight.record(change, next.uid)
      return
    }
    const pod = this.#find(next.uid)
    if (pod === undefined) {
      this.add(next)
      return
    }
    pod.info = next
    if (this.#active.get(next.uid)) this.#active.set(pod)
    else if (this.#unschedulable.has(next.uid)) {
      for (const change of changes) {
        if (this.#moveIfWorthTrying(pod, change)) break
      }
    }
  }

  /** The pod is gone, or has a node. */
  delete(uid: string): void {
    this.nominator.remove(uid)
    this.#takeOut(uid)
  }

  /** The next pod to schedule, which is then in flight until `done` or `requeue`. */
  pop(): QueuedPod | undefined {
    this.#flush()
    const pod = this.#active.pop() ?? this.#backoff.pop()
    if (pod === undefined) return undefined
    pod.attempts += 1
    this.#inFlight.start(pod.info.uid)
    return pod
  }

  /** Resolves when `pop` may give a pod, or when the queue was closed. */
  whenReady(signal: AbortSignal): Promise<void> {
    this.#flush()
    if (this.#isReady() || this.#isClosed || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiting.add(wake)
      signal.addEventListener('abort', wake, { once: true })
    })
  }

  /** The pod was bound, or is nobody's business any more. */
  done(uid: string): void {
    this.#inFlight.end(uid)
    this.#activateWhenBack.delete(uid)
  }

  /** The pod could not be placed and comes back, with what the informer knows of it now. */
  requeue(pod: QueuedPod, info: PodInfo, outcome: Outcome): void {
    const { uid } = info
    const changes = this.#inFlight.changesFor(uid)
    const isWanted = this.#activateWhenBack.has(uid)
    this.done(uid)
    if (this.#find(uid)) return
    pod.info = info
    pod.queuedAtMs = this.#nowMs()
    pod.sequence = this.#sequence()
    pod.rejectedBy = outcome.rejectedBy
    pod.pendingOn = outcome.pendingOn
    if (outcome.rejectedBy.size === 0) pod.errors += 1
    else {
      pod.errors = 0
      pod.rejections += 1
    }
    pod.backoffUntilMs = this.#nowMs() + this.#backoffMs(pod)
    if (isWanted) this.#activate(pod)
    else if (outcome.rejectedBy.size === 0 || changes === 'overtaken') this.#wait(pod)
    else {
      this.#park(pod)
      for (const change of changes) {
        if (this.#moveIfWorthTrying(pod, change)) break
      }
    }
  }

  /** Something happened in the cluster: wakes the pods that it concerns. */
  move(change: ClusterChange): void {
    this.#inFlight.record(change)
    for (const pod of Array.from(this.#unschedulable.values())) this.#moveIfWorthTrying(pod, change)
  }

  /** Tries a pod at once, whatever it waits for (but not through a gate). */
  activate(uid: string): void {
    if (this.#inFlight.has(uid)) {
      this.#activateWhenBack.add(uid)
      return
    }
    if (this.#active.get(uid)) return
    const pod = this.#takeOut(uid)
    if (pod) this.#activate(pod)
  }

  /** Ends all waits. Nothing comes out any more. */
  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    for (const wake of Array.from(this.#waiting)) wake()
  }

  #moveIfWorthTrying(pod: QueuedPod, change: ClusterChange): boolean {
    const verdict = this.#verdictOn(pod, change)
    if (verdict === 'skip') return false
    this.#unschedulable.delete(pod.info.uid)
    if (verdict === 'at once') this.#activate(pod)
    else this.#wait(pod)
    return !pod.isGated
  }

  #verdictOn(pod: QueuedPod, change: ClusterChange): 'skip' | 'after back-off' | 'at once' {
    if (change.resource === '*') return 'after back-off'
    let verdict: 'skip' | 'after back-off' = 'skip'
    for (const plugin of pod.rejectedBy) {
      for (const hint of this.#options.hints.get(plugin) ?? []) {
        if (!hintCovers(hint, change) || hint.isWorthTrying?.(pod.info, change) === false) continue
        if (pod.pendingOn.has(plugin)) return 'at once'
        verdict = 'after back-off'
      }
    }
    return verdict
  }

  /** To active, unless a preEnqueue plugin holds the pod back. */
  #activate(pod: QueuedPod): void {
    if (!this.#passesGates(pod)) return
    this.#active.set(pod)
    this.#wake()
  }

  /** To backoff, or to active when the back-off is over. */
  #wait(pod: QueuedPod): void {
    if (pod.backoffUntilMs <= this.#nowMs()) {
      this.#activate(pod)
      return
    }
    if (!this.#passesGates(pod)) return
    if (pod.errors > 0) this.#errorBackoff.set(pod)
    else this.#backoff.set(pod)
    this.#wake()
    this.#arm()
  }

  #park(pod: QueuedPod): void {
    this.#unschedulable.set(pod.info.uid, pod)
    this.#arm()
  }

  #passesGates(pod: QueuedPod): boolean {
    const rejection = this.#options.preEnqueue(pod.info)
    pod.isGated = rejection !== undefined
    if (rejection === undefined) return true
    pod.rejectedBy = new Set([...pod.rejectedBy, rejection.plugin])
    this.#park(pod)
    return false
  }

  #flush(): void {
    const nowMs = this.#nowMs()
    for (const heap of [this.#backoff, this.#errorBackoff]) {
      for (let head = heap.peek(); head && head.backoffUntilMs <= nowMs; head = heap.peek()) {
        heap.pop()
        this.#activate(head)
      }
    }
    for (const pod of Array.from(this.#unschedulable.values())) {
      if (pod.isGated || pod.queuedAtMs + this.#options.unschedulableMaxMs > nowMs) continue
      this.#unschedulable.delete(pod.info.uid)
      pod.queuedAtMs = nowMs
      this.#wait(pod)
    }
  }

  #isReady(): boolean {
    return this.#active.size > 0 || this.#backoff.size > 0
  }

  #wake(): void {
    if (!this.#isReady()) return
    for (const wake of Array.from(this.#waiting)) wake()
  }

  /** Sees to it that `#flush` runs when the next pod is due. */
  #arm(): void {
    if (this.#isClosed) return
    const nowMs = this.#nowMs()
    const due = Math.min(
      this.#errorBackoff.peek()?.backoffUntilMs ?? Number.POSITIVE_INFINITY,
      this.#unschedulable.size > 0 ? nowMs + this.#options.flushPeriodMs : Number.POSITIVE_INFINITY,
    )
    if (due >= this.#timerAtMs || due === Number.POSITIVE_INFINITY) return
    this.#timer?.cancel()
    this.#timerAtMs = due
    this.#timer = this.#options.clock.setTimer(Math.max(0, due - nowMs), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY
      this.#flush()
      this.#arm()
    })
  }

  #backoffMs(pod: QueuedPod): number {
    const doublings = (pod.errors > 0 ? pod.errors : pod.rejections) - 1
    return Math.min(this.#options.maxBackoffMs, this.#options.initialBackoffMs * 2 ** Math.min(doublings, 30))
  }

  #find(uid: string): QueuedPod | undefined {
    return (
      this.#active.get(uid) ??
      this.#backoff.get(uid) ??
      this.#errorBackoff.get(uid) ??
      this.#unschedulable.get(uid)
    )
  }

  #takeOut(uid: string): QueuedPod | undefined {
    const parked = this.#unschedulable.get(uid)
    this.#unschedulable.delete(uid)
    return parked ?? this.#active.delete(uid) ?? this.#backoff.delete(uid) ?? this.#errorBackoff.delete(uid)
  }

  #sequence(): number {
    this.#nextSequence += 1
    return this.#nextSequence
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs()
  }
}

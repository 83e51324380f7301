/**
 * A queue of keys to reconcile.
 *
 * Data sheet (client-go `util/workqueue`)
 * - Fair: keys come out in the order in which they were first added.
 * - Stingy: a key that is added many times before it is taken comes out once.
 * - No key is worked on twice at once: added while in work, it comes out again after `done`.
 * - Delayed: `addAfter` keeps the earliest moment of each key. `addRateLimited` waits base * 2^failures.
 * - After `close` nothing more is taken; `next` gives undefined.
 * - Bound: one place per key; keys are objects' names, so as long as the cluster has objects.
 */
import type { Clock, Timer } from '../platform/clock.ts'
import { type Counter, type Gauge, type Histogram, type Metrics, silentMetrics } from '../platform/metrics.ts'

export interface WorkQueueOptions {
  readonly clock: Clock
  /** The label of its metrics. */
  readonly name: string
  readonly metrics?: Metrics | undefined
  readonly baseDelayMs?: number | undefined
  readonly maxDelayMs?: number | undefined
}

const durationBuckets = [0.00001, 0.0001, 0.001, 0.01, 0.1, 1, 10]

interface Instruments {
  readonly depth: Gauge
  readonly adds: Counter
  readonly retries: Counter
  readonly waiting: Histogram
  readonly working: Histogram
}

function instruments(metrics: Metrics): Instruments {
  const labels = ['name']
  return {
    depth: metrics.gauge({ name: 'workqueue_depth', help: 'Keys waiting.', labels }),
    adds: metrics.counter({ name: 'workqueue_adds_total', help: 'Keys added.', labels }),
    retries: metrics.counter({
      name: 'workqueue_retries_total',
      help: 'Keys added after a failure.',
      labels,
    }),
    waiting: metrics.histogram({
      name: 'workqueue_queue_duration_seconds',
      help: 'How long a key waits.',
      labels,
      buckets: durationBuckets,
    }),
    working: metrics.histogram({
      name: 'workqueue_work_duration_seconds',
      help: 'How long a key is worked on.',
      labels,
      buckets: durationBuckets,
    }),
  }
}

export class WorkQueue<K extends string = string> {
  readonly #clock: Clock
  readonly #labels: { readonly name: string }
  readonly #instruments: Instruments
  readonly #baseDelayMs: number
  readonly #maxDelayMs: number
  /** Waiting keys and when they were added, oldest first. */
  readonly #waiting = new Map<K, number>()
  /** Keys in work and when they were taken. */
  readonly #working = new Map<K, number>()
  /** Keys that were added while in work. */
  readonly #again = new Set<K>()
  readonly #delayed = new Map<K, { readonly atMs: number; readonly timer: Timer }>()
  readonly #failures = new Map<K, number>()
  #takers: ((key: K | undefined) => void)[] = []
  #isClosed = false

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock
    this.#labels = { name: options.name }
    this.#instruments = instruments(options.metrics ?? silentMetrics)
    this.#baseDelayMs = options.baseDelayMs ?? 5
    this.#maxDelayMs = options.maxDelayMs ?? 1_000_000
  }

  /** Keys waiting, without those delayed or in work. */
  get length(): number {
    return this.#waiting.size
  }

  /** True when nothing waits, is delayed or is in work. */
  get isIdle(): boolean {
    return this.#waiting.size + this.#working.size + this.#delayed.size + this.#again.size === 0
  }

  add(key: K): void {
    if (this.#isClosed) return
    if (this.#working.has(key)) {
      this.#again.add(key)
      return
    }
    if (this.#waiting.has(key)) return
    this.#instruments.adds.add(1, this.#labels)
    this.#waiting.set(key, this.#clock.monotonicMs())
    this.#measureDepth()
    this.#takers.shift()?.(this.#take())
  }

  /** Adds `key` in `delayMs`, or earlier when an earlier moment is already set. */
  addAfter(key: K, delayMs: number): void {
    if (this.#isClosed) return
    if (delayMs <= 0) {
      this.add(key)
      return
    }
    const atMs = this.#clock.monotonicMs() + delayMs
    const known = this.#delayed.get(key)
    if (known && known.atMs <= atMs) return
    known?.timer.cancel()
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#delayed.delete(key)
      this.add(key)
    })
    this.#delayed.set(key, { atMs, timer })
  }

  /** Adds `key` after its back-off, which doubles with each call until `forget`. */
  addRateLimited(key: K): void {
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    this.#instruments.retries.add(1, this.#labels)
    this.addAfter(key, Math.min(this.#baseDelayMs * 2 ** Math.min(failures, 40), this.#maxDelayMs))
  }

  /** Calls of `addRateLimited` since the last `forget`. */
  failures(key: K): number {
    return this.#failures.get(key) ?? 0
  }

  /** Ends the back-off of `key`. */
  forget(key: K): void {
    this.#failures.delete(key)
  }

  /** The next key, which is then in work until `done`. Undefined once closed. */
  next(): Promise<K | undefined> {
    if (this.#isClosed) return Promise.resolve(undefined)
    if (this.#waiting.size > 0) return Promise.resolve(this.#take())
    return new Promise((resolve) => {
      this.#takers.push(resolve)
    })
  }

  /** Ends the work on `key`; it waits again when it was added meanwhile. */
  done(key: K): void {
    const sinceMs = this.#working.get(key)
    if (sinceMs === undefined) return
    this.#working.delete(key)
    this.#instruments.working.observe((this.#clock.monotonicMs() - sinceMs) / 1000, this.#labels)
    if (this.#again.delete(key)) this.add(key)
  }

  /** Drops what waits and wakes every taker. Idempotent. */
  close(): void {
    this.#isClosed = true
    for (const { timer } of this.#delayed.values()) timer.cancel()
    this.#delayed.clear()
    this.#waiting.clear()
    this.#again.clear()
    const takers = this.#takers
    this.#takers = []
    for (const taker of takers) taker(undefined)
  }

  #take(): K | undefined {
    const [first] = this.#waiting
    if (first === undefined) return undefined
    const [key, sinceMs] = first
    const nowMs = this.#clock.monotonicMs()
    this.#waiting.delete(key)
    this.#working.set(key, nowMs)
    this.#instruments.waiting.observe((nowMs - sinceMs) / 1000, this.#labels)
    this.#measureDepth()
    return key
  }

  #measureDepth(): void {
    this.#instruments.depth.set(this.#waiting.size, this.#labels)
  }
}

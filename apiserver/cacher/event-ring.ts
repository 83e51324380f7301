/**
 * The window of recent changes from which watches resume. Events leave from the old end once there are
 * more than `eventsMin` and they are older than `freshMs`, and in any case beyond `eventsMax`.
 *
 * Invariant: every change with `oldestResumable < revision <= newest` is in the window, so a watch from any
 * revision >= `oldestResumable` misses nothing.
 */
import type { CacheEvent } from './cache-event.ts'

export interface RingLimits {
  readonly eventsMin: number
  readonly eventsMax: number
  readonly freshMs: number
}

export const defaultRingLimits: RingLimits = { eventsMin: 100, eventsMax: 20_000, freshMs: 75_000 }

/** The newest events keep their encodings and decoded states; watchers that keep up read no others. */
const memorisedMax = 128

export class EventRing {
  readonly #limits: RingLimits
  #events: { readonly event: CacheEvent; readonly at: number }[] = []
  #head = 0
  #oldestResumable: number

  constructor(startRevision: number, limits: RingLimits = defaultRingLimits) {
    this.#limits = limits
    this.#oldestResumable = startRevision
  }

  /** The smallest revision after which nothing is missing. */
  get oldestResumable(): number {
    return this.#oldestResumable
  }

  get length(): number {
    return this.#events.length - this.#head
  }

  /** Appends the events of whole revisions, oldest first. */
  append(events: readonly CacheEvent[], nowMs: number): void {
    for (const event of events) {
      this.#events.push({ event, at: nowMs })
      this.#events.at(-1 - memorisedMax)?.event.forget()
    }
    this.#trim(nowMs)
  }

  /** Every event after `revision`. Only for `revision >= oldestResumable`. */
  since(revision: number): readonly CacheEvent[] {
    let low = this.#head
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#events[middle]?.event.revision ?? 0) <= revision) low = middle + 1
      else high = middle
    }
    return this.#events.slice(low).map((entry) => entry.event)
  }

  #trim(nowMs: number): void {
    for (;;) {
      const first = this.#events[this.#head]
      if (!first) break
      const isOver = this.length > this.#limits.eventsMax
      const isOld = this.length > this.#limits.eventsMin && nowMs - first.at > this.#limits.freshMs
      if (!isOver && !isOld) break
      this.#oldestResumable = first.event.revision
      this.#head += 1
    }
    if (this.#head > 256 && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head)
      this.#head = 0
    }
  }
}

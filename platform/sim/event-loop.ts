/**
 * Virtual time: one heap of events, run one at a time, each followed by one turn of Node's event loop so
 * that every promise it settled has run before the next event starts. Nothing here waits for real time.
 *
 * Order is by (time, sequence): two events of one instant run in the order in which they were scheduled.
 * Times are integer microseconds, so no rounding differs between machines.
 */
import { crc32 } from 'node:zlib'

/** Whom an event belongs to. Its events are dropped once it is dead and held back while it is paused. */
export interface EventOwner {
  readonly name: string
  isAlive: boolean
  isPaused: boolean
}

interface ScheduledEvent {
  readonly timeUs: number
  readonly sequence: number
  readonly label: string
  readonly owner: EventOwner | undefined
  readonly run: () => void
  isCancelled: boolean
}

function isBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.timeUs < b.timeUs || (a.timeUs === b.timeUs && a.sequence < b.sequence)
}

/** A binary heap of events, earliest first. */
class EventHeap {
  readonly #items: ScheduledEvent[] = []

  get size(): number {
    return this.#items.length
  }

  peek(): ScheduledEvent | undefined {
    return this.#items[0]
  }

  push(event: ScheduledEvent): void {
    const items = this.#items
    let index = items.length
    items.push(event)
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = items[parentIndex]
      if (parent === undefined || !isBefore(event, parent)) break
      items[index] = parent
      index = parentIndex
    }
    items[index] = event
  }

  pop(): ScheduledEvent | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (last !== undefined && items.length > 0) this.#sink(last)
    return first
  }

  #sink(event: ScheduledEvent): void {
    const items = this.#items
    let index = 0
    while (true) {
      let childIndex = index * 2 + 1
      let child = items[childIndex]
      if (child === undefined) break
      const right = items[childIndex + 1]
      if (right !== undefined && isBefore(right, child)) {
        childIndex += 1
        child = right
      }
      if (!isBefore(child, event)) break
      items[index] = child
      index = childIndex
    }
    items[index] = event
  }
}

/** One turn of the real event loop: all microtasks of the last event have then run. */
function barrier(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export class EventLoop {
  readonly #heap = new EventHeap()
  readonly #held = new Map<EventOwner, ScheduledEvent[]>()
  readonly #onError: (error: unknown, owner: EventOwner | undefined, label: string) => void
  #nowUs = 0
  #sequence = 0
  #eventCount = 0
  #hash = 0
  #isStopped = false

  /** `onError` hears what an event threw. */
  constructor(onError: (error: unknown, owner: EventOwner | undefined, label: string) => void) {
    this.#onError = onError
  }

  get nowUs(): number {
    return this.#nowUs
  }

  get eventCount(): number {
    return this.#eventCount
  }

  /** A digest of everything that happened, in order: equal for two runs of one seed. */
  get traceHash(): string {
    return this.#hash.toString(16).padStart(8, '0')
  }

  /** Mixes a fact into the trace hash. */
  trace(fact: string | Uint8Array): void {
    this.#hash = crc32(fact, this.#hash)
  }

  schedule(options: { delayUs: number; label: string; owner?: EventOwner | undefined; run: () => void }): {
    cancel(): void
  } {
    this.#sequence += 1
    const event: ScheduledEvent = {
      timeUs: this.#nowUs + Math.max(0, Math.round(options.delayUs)),
      sequence: this.#sequence,
      label: options.label,
      owner: options.owner,
      run: options.run,
      isCancelled: false,
    }
    this.#heap.push(event)
    return {
      cancel: () => {
        event.isCancelled = true
      },
    }
  }

  /** Lets a paused owner's events run now, in their order. */
  release(owner: EventOwner): void {
    const held = this.#held.get(owner) ?? []
    this.#held.delete(owner)
    for (const event of held) {
      if (!event.isCancelled)
        this.schedule({ delayUs: 0, label: event.label, owner: event.owner, run: event.run })
    }
  }

  /** Ends `runUntil` after the present event. */
  stop(): void {
    this.#isStopped = true
  }

  /** Runs events up to and including `timeUs`, or until `stop`, and leaves the time there. */
  async runUntil(timeUs: number): Promise<void> {
    await barrier() // what was started before the first event settles first
    while (!this.#isStopped) {
      const event = this.#heap.peek()
      if (event === undefined || event.timeUs > timeUs) break
      this.#heap.pop()
      if (event.isCancelled || event.owner?.isAlive === false) continue
      this.#nowUs = event.timeUs
      if (event.owner?.isPaused) {
        const held = this.#held.get(event.owner)
        if (held) held.push(event)
        else this.#held.set(event.owner, [event])
        continue
      }
      this.#execute(event)
      await barrier()
    }
    if (!this.#isStopped) this.#nowUs = Math.max(this.#nowUs, timeUs)
  }

  #execute(event: ScheduledEvent): void {
    this.#eventCount += 1
    this.trace(`${event.timeUs} ${event.owner?.name ?? ''} ${event.label}`)
    try {
      event.run()
    } catch (error) {
      this.#onError(error, event.owner, event.label)
    }
  }
}

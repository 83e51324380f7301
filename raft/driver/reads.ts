/**
 * Callers that wait for a read index. All that arrive between two turns of the driver share one context, one
 * round and one answer. Each is called exactly once, never from within its own call.
 */
import type { Clock } from '../../platform/clock.ts'
import type { ReadIndexResult } from '../raft-node.ts'
import type { LogIndex } from '../types.ts'

type Done = (result: ReadIndexResult) => void

interface Batch {
  readonly callers: readonly Done[]
  readonly deadlineMs: number
}

export class Reads {
  readonly #clock: Clock
  readonly #timeoutMs: number
  #gathering: Done[] = []
  /** By context, in the order of their deadlines. */
  readonly #waiting = new Map<number, Batch>()
  #lastContext = 0

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  add(done: Done): void {
    this.#gathering.push(done)
  }

  /** The context under which to ask for all that has gathered; undefined when nothing has. */
  take(): number | undefined {
    if (this.#gathering.length === 0) return undefined
    this.#lastContext += 1
    const deadlineMs = this.#clock.monotonicMs() + this.#timeoutMs
    this.#waiting.set(this.#lastContext, { callers: this.#gathering, deadlineMs })
    this.#gathering = []
    return this.#lastContext
  }

  /** A context that timed out meanwhile is ignored. */
  confirm(contexts: readonly number[], index: LogIndex): void {
    for (const context of contexts) this.#finish(context, { ok: true, index })
  }

  /** Fails what has waited too long; returns the contexts that nobody waits for any more. */
  expire(hasLeader: boolean): readonly number[] {
    const nowMs = this.#clock.monotonicMs()
    const expired: number[] = []
    for (const [context, batch] of this.#waiting) {
      if (batch.deadlineMs > nowMs) break
      this.#finish(context, { ok: false, reason: hasLeader ? 'timeout' : 'no-leader' })
      expired.push(context)
    }
    return expired
  }

  close(): void {
    this.take()
    for (const context of [...this.#waiting.keys()]) this.#finish(context, { ok: false, reason: 'closing' })
  }

  #finish(context: number, result: ReadIndexResult): void {
    const batch = this.#waiting.get(context)
    if (!batch) return
    this.#waiting.delete(context)
    this.#clock.setTimer(0, () => {
      for (const done of batch.callers) done(result)
    })
  }
}

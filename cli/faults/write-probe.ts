/** A client that starts a write every 20 ms, whatever became of the ones before, and records what it saw. */
import { messageOf } from '../../platform/assert.ts'
import { type Clock, sleep } from '../../platform/clock.ts'
import { TaskGroup } from '../../platform/tasks.ts'
import type { WriteRecord } from './write-record.ts'

export const writeEveryMs = 20
/** Writes under way at most: 20 s of silence. At the bound no new one is started. */
export const inFlightMax = 1000

/** A record while its write is under way. */
type OpenRecord = { -readonly [field in keyof WriteRecord]: WriteRecord[field] }

export class WriteProbe {
  readonly #clock: Clock
  readonly #write: (sequence: number, signal: AbortSignal) => Promise<void>
  readonly #tasks: TaskGroup
  readonly #records: OpenRecord[] = []
  #inFlight = 0
  #isWriting = false

  /** `write` resolves when the write is acknowledged. */
  constructor(clock: Clock, write: (sequence: number, signal: AbortSignal) => Promise<void>) {
    this.#clock = clock
    this.#write = write
    this.#tasks = new TaskGroup(() => {})
  }

  records(): readonly WriteRecord[] {
    return this.#records
  }

  start(): void {
    this.#isWriting = true
    this.#tasks.run('writer', async (signal) => {
      let nextMs = this.#clock.monotonicMs()
      while (this.#isWriting && !signal.aborted) {
        if (this.#inFlight < inFlightMax) this.#tasks.run('write', (inner) => this.#writeOnce(inner))
        nextMs += writeEveryMs
        await sleep(this.#clock, Math.max(0, nextMs - this.#clock.monotonicMs()), signal)
      }
    })
  }

  /** Starts no more writes and waits for those under way, at most `timeoutMs`; the rest is not acknowledged. */
  async finish(timeoutMs: number): Promise<void> {
    this.#isWriting = false
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs
    while (this.#inFlight > 0 && this.#clock.monotonicMs() < deadlineMs) await sleep(this.#clock, 5)
    await this.#tasks.close()
  }

  async #writeOnce(signal: AbortSignal): Promise<void> {
    const record: OpenRecord = {
      sequence: this.#records.length + 1,
      sentMs: this.#clock.monotonicMs(),
      ackedMs: undefined,
      error: undefined,
    }
    this.#records.push(record)
    this.#inFlight += 1
    try {
      await this.#write(record.sequence, signal)
      record.ackedMs = this.#clock.monotonicMs()
    } catch (error) {
      record.error = messageOf(error)
    } finally {
      this.#inFlight -= 1
    }
  }
}

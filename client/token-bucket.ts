/** A token bucket: `burst` at once, `perSecond` in the long run (client-go's flowcontrol). */
import { type Clock, sleep } from '../platform/clock.ts'

export interface RateLimit {
  readonly perSecond: number
  readonly burst: number
}

/** Counts by the monotonic clock. Waiters are served in the order in which they came. */
export class TokenBucket {
  readonly #clock: Clock
  readonly #limit: RateLimit
  #tokens: number
  #filledMs: number

  constructor(clock: Clock, limit: RateLimit) {
    this.#clock = clock
    this.#limit = limit
    this.#tokens = limit.burst
    this.#filledMs = clock.monotonicMs()
  }

  /** Takes a token if there is one. */
  tryTake(): boolean {
    this.#fill()
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Takes a token, in debt if need be, and waits until the debt is paid. @throws the signal's reason */
  async take(signal?: AbortSignal): Promise<void> {
    this.#fill()
    this.#tokens -= 1
    if (this.#tokens < 0) await sleep(this.#clock, (-this.#tokens / this.#limit.perSecond) * 1000, signal)
  }

  #fill(): void {
    const nowMs = this.#clock.monotonicMs()
    const gained = ((nowMs - this.#filledMs) / 1000) * this.#limit.perSecond
    this.#tokens = Math.min(this.#limit.burst, this.#tokens + gained)
    this.#filledMs = nowMs
  }
}

/** Exponential back-off with jitter, reset after a quiet time (client-go's wait.Backoff). */
import type { Random } from '../platform/random.ts'

export interface BackoffOptions {
  readonly baseMs: number
  readonly maxMs: number
  /** Each delay is spread over [d, d * (1 + jitterFactor)). */
  readonly jitterFactor: number
}

/** The delays of one retry loop. */
export class Backoff {
  readonly #options: BackoffOptions
  readonly #random: Random
  #failures = 0

  constructor(random: Random, options: BackoffOptions) {
    this.#random = random
    this.#options = options
  }

  /** The next delay; each is twice the last, up to `maxMs` before jitter. */
  nextMs(): number {
    const { baseMs, maxMs, jitterFactor } = this.#options
    const delayMs = Math.min(baseMs * 2 ** Math.min(this.#failures, 30), maxMs)
    this.#failures += 1
    return delayMs * (1 + this.#random.float() * jitterFactor)
  }

  reset(): void {
    this.#failures = 0
  }
}

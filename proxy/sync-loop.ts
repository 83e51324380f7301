/**
 * Calls `sync` when something changed: at once after a quiet time, at most once per `minIntervalMs` in a busy
 * one, and once per `maxIntervalMs` in any case. A failure is repeated with growing pauses.
 */
import { type Clock, sleep } from '../platform/clock.ts'

export interface SyncLoopOptions {
  readonly clock: Clock
  readonly minIntervalMs: number
  readonly maxIntervalMs: number
  /** `isRegular`: nothing changed, the time has come to look whether all is as it should be. */
  readonly sync: (isRegular: boolean) => Promise<void>
  readonly onFailure: (error: unknown, failures: number, retryMs: number) => void
}

const retryBaseMs = 500
const retryMaxMs = 30_000

export class SyncLoop {
  readonly #options: SyncLoopOptions
  #dirtySinceMs: number | undefined
  #lastSyncedMs: number | undefined
  #wake: (() => void) | undefined

  constructor(options: SyncLoopOptions) {
    this.#options = options
  }

  /** Since when a change waits to be carried out; undefined when none does. */
  get dirtySinceMs(): number | undefined {
    return this.#dirtySinceMs
  }

  /** When the last sync succeeded (monotonic). */
  get lastSyncedMs(): number | undefined {
    return this.#lastSyncedMs
  }

  /** Something changed. */
  touch(): void {
    this.#dirtySinceMs ??= this.#options.clock.monotonicMs()
    this.#wake?.()
  }

  /** Runs until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, sync, onFailure, minIntervalMs, maxIntervalMs } = this.#options
    let failures = 0
    while (!signal.aborted) {
      if (this.#dirtySinceMs === undefined) await this.#untilTouched(maxIntervalMs, signal)
      const since = this.#dirtySinceMs
      const startedMs = clock.monotonicMs()
      this.#dirtySinceMs = undefined
      try {
        await sync(since === undefined)
        this.#lastSyncedMs = clock.monotonicMs()
        failures = 0
      } catch (error) {
        signal.throwIfAborted()
        failures += 1
        this.#dirtySinceMs = since ?? startedMs
        const retryMs = Math.min(retryMaxMs, retryBaseMs * 2 ** Math.min(failures - 1, 16))
        onFailure(error, failures, retryMs)
        await sleep(clock, retryMs, signal)
      }
      await sleep(clock, Math.max(0, minIntervalMs - (clock.monotonicMs() - startedMs)), signal)
    }
  }

  async #untilTouched(timeoutMs: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = () => {
        timer.cancel()
        signal.removeEventListener('abort', end)
        this.#wake = undefined
        resolve()
      }
      const timer = this.#options.clock.setTimer(timeoutMs, end)
      signal.addEventListener('abort', end, { once: true })
      this.#wake = end
      if (signal.aborted) end()
    })
    signal.throwIfAborted()
  }
}

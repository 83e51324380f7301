/**
 * What a controller has done and its cache does not show yet.
 *
 * A controller that creates pods and at once counts its cache would create them again. So it notes how many
 * creations (a number) and deletions (by uid) it expects to see, and does not act on the key until all were
 * seen, or until they are so old that something else must have happened.
 *
 *   expectCreations(3) ─ create ✓ ✓ ✗(refused: creationFailed) ─ informer: add, add ─► satisfied
 *
 * A creation whose answer was lost may or may not have happened: `creationUncertain` counts it as seen only
 * after a grace in which the informer would have shown it.
 *
 * Source: Kubernetes pkg/controller/controller_utils.go (ControllerExpectations, UIDTrackingControllerExpectations).
 */
import type { Clock } from '../../platform/clock.ts'

/** After this long an expectation is given up (upstream: ExpectationsTimeout). */
export const expectationsTimeoutMs = 300_000
/** After this long a creation without an answer counts as not done. */
export const uncertainGraceMs = 5000

interface Expectation {
  creations: number
  /** Moments from which one creation each no longer counts, ascending. */
  readonly uncertainUntilMs: number[]
  readonly deletions: Set<string>
  sinceMs: number
}

/** The expectations of one controller, by key. */
export class Expectations {
  readonly #clock: Clock
  readonly #byKey = new Map<string, Expectation>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** True when the cache shows everything that was done for `key`, or what is missing is too old. */
  isSatisfied(key: string): boolean {
    const found = this.#byKey.get(key)
    if (!found) return true
    const nowMs = this.#clock.monotonicMs()
    while (found.uncertainUntilMs[0] !== undefined && found.uncertainUntilMs[0] <= nowMs) {
      found.uncertainUntilMs.shift()
      found.creations -= 1
    }
    if (found.creations > 0 || found.deletions.size > 0) {
      if (nowMs - found.sinceMs < expectationsTimeoutMs) return false
    }
    this.#byKey.delete(key)
    return true
  }

  /** When an unsatisfied key should be looked at again though no event comes; undefined for satisfied ones. */
  retryAfterMs(key: string): number | undefined {
    const found = this.#byKey.get(key)
    if (!found) return undefined
    const nowMs = this.#clock.monotonicMs()
    const untilMs = found.uncertainUntilMs[0] ?? found.sinceMs + expectationsTimeoutMs
    return Math.max(untilMs - nowMs, 1)
  }

  expectCreations(key: string, count: number): void {
    this.#of(key).creations += count
  }

  expectDeletions(key: string, uids: readonly string[]): void {
    const { deletions } = this.#of(key)
    for (const uid of uids) deletions.add(uid)
  }

  creationObserved(key: string): void {
    const found = this.#byKey.get(key)
    if (found && found.creations > 0) found.creations -= 1
    if (found && found.uncertainUntilMs.length > Math.max(found.creations, 0)) found.uncertainUntilMs.shift()
  }

  /** A creation was refused: it will not be seen. */
  creationFailed(key: string): void {
    this.creationObserved(key)
  }

  /** The answer to a creation was lost: wait a while for it to be seen. */
  creationUncertain(key: string): void {
    const found = this.#byKey.get(key)
    // Seen already, while its answer was being waited for.
    if (!found || found.uncertainUntilMs.length >= found.creations) return
    found.uncertainUntilMs.push(this.#clock.monotonicMs() + uncertainGraceMs)
  }

  /** A deletion was seen, or refused. */
  deletionObserved(key: string, uid: string): void {
    this.#byKey.get(key)?.deletions.delete(uid)
  }

  /** The object of this key is gone. */
  forget(key: string): void {
    this.#byKey.delete(key)
  }

  #of(key: string): Expectation {
    const nowMs = this.#clock.monotonicMs()
    const known = this.#byKey.get(key)
    if (known) {
      known.sinceMs = nowMs
      return known
    }
    const fresh = { creations: 0, uncertainUntilMs: [], deletions: new Set<string>(), sinceMs: nowMs }
    this.#byKey.set(key, fresh)
    return fresh
  }
}

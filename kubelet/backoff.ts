/**
 * How long to wait before trying again what failed: 10 s, doubled up to 300 s, forgotten after ten quiet
 * minutes. The first failure is tried again at once. Pure; times are wall clock milliseconds.
 *
 * Source: client-go `util/flowcontrol/backoff.go`, kubelet's `MaxContainerBackOff`.
 */

export interface Backoff {
  /** The wait that the last failure earned. */
  readonly delayMs: number
  /** When it was earned. */
  readonly sinceMs: number
}

export interface BackoffLimits {
  readonly initialMs: number
  readonly maxMs: number
  /** A failure this long after the last one starts anew. */
  readonly forgetAfterMs: number
}

export const crashBackoffLimits: BackoffLimits = { initialMs: 10_000, maxMs: 300_000, forgetAfterMs: 600_000 }

/** The entry after another try at `nowMs`. */
export function nextBackoff(
  previous: Backoff | undefined,
  nowMs: number,
  limits = crashBackoffLimits,
): Backoff {
  if (previous === undefined || nowMs - previous.sinceMs > limits.forgetAfterMs) {
    return { delayMs: limits.initialMs, sinceMs: nowMs }
  }
  return { delayMs: Math.min(previous.delayMs * 2, limits.maxMs), sinceMs: nowMs }
}

/** What a container's crashes must have earned it, for a kubelet that did not see them: as if they came in a row. */
export function backoffAfterRestarts(
  restarts: number,
  sinceMs: number,
  limits = crashBackoffLimits,
): Backoff | undefined {
  if (restarts === 0) return undefined
  return { delayMs: Math.min(limits.initialMs * 2 ** Math.min(restarts - 1, 30), limits.maxMs), sinceMs }
}

/** When the next try is allowed, given that the last one failed at `failedAtMs`. */
export function retryAtMs(
  backoff: Backoff | undefined,
  failedAtMs: number,
  limits = crashBackoffLimits,
): number {
  const isForgotten = backoff === undefined || failedAtMs - backoff.sinceMs > limits.forgetAfterMs
  return isForgotten ? failedAtMs : failedAtMs + backoff.delayMs
}

/**
 * Time, as a power. Nothing above `platform/` reads a clock or starts a timer except through this
 * interface, so a simulation can run a day in a second and replay it from a seed.
 *
 * Two times, never to be mixed: `monotonicMs` measures durations and drives every timeout; `wallMs`
 * only stamps what people and certificates read, and may jump.
 */

/** A pending timer. `cancel` is idempotent and may be called after the timer has fired. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since the Unix epoch, as this node believes. May jump in both directions. */
  wallMs(): number
  /** Milliseconds since an arbitrary start. Never decreases; may stand still while the process is paused. */
  monotonicMs(): number
  /** Calls `callback` once, `delayMs` from now at the earliest (0: after the current event). */
  setTimer(delayMs: number, callback: () => void): Timer
}

/** RFC 3339 with second precision (`metav1.Time`). */
export function formatTime(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19)}Z`
}

/** RFC 3339 with microsecond precision (`metav1.MicroTime`). */
export function formatMicroTime(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 23)}000Z`
}

/** Milliseconds since the epoch of an RFC 3339 text, or undefined when it is not one. */
export function parseTime(text: string): number | undefined {
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}

/**
 * Resolves after `delayMs`.
 * @throws the signal's reason when `signal` aborts first; the timer is then gone.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error)
      return
    }
    const onAbort = () => {
      timer.cancel()
      reject(signal?.reason as Error)
    }
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** A deadline passed. `attempted` says what was waited for. */
export class DeadlineExceeded extends Error {
  readonly code = 'E_DEADLINE_EXCEEDED'
  constructor(attempted: string, timeoutMs: number) {
    super(`${attempted}: no answer within ${timeoutMs} ms`)
    this.name = 'DeadlineExceeded'
  }
}

/**
 * Runs `work` with a signal that aborts with `DeadlineExceeded` after `timeoutMs`, or with the
 * parent's reason when `parent` aborts. The timer is cancelled when `work` settles.
 */
export async function withDeadline<T>(
  options: { clock: Clock; timeoutMs: number; attempted: string; parent?: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const onParentAbort = () => controller.abort(options.parent?.reason)
  if (options.parent?.aborted) onParentAbort()
  options.parent?.addEventListener('abort', onParentAbort, { once: true })
  const timer = options.clock.setTimer(options.timeoutMs, () =>
    controller.abort(new DeadlineExceeded(options.attempted, options.timeoutMs)),
  )
  try {
    return await work(controller.signal)
  } finally {
    timer.cancel()
    options.parent?.removeEventListener('abort', onParentAbort)
  }
}

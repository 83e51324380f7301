/**
 * Many equal calls in batches of 1, 2, 4, … so that a quota or an admission plugin that refuses all is hit
 * once, not five hundred times. Source: Kubernetes pkg/controller/replicaset (slowStartBatch).
 */

/** Calls under way at once; each has a connection of its own. */
export const concurrencyMax = 32

export interface SlowStartResult {
  readonly succeeded: number
  /** Calls never made because a batch before them had a failure. */
  readonly skipped: number
  readonly errors: readonly unknown[]
}

/** Calls `call(index)` for [0, count); stops after the first batch with a failure. Never rejects. */
export async function slowStart(
  count: number,
  call: (index: number) => Promise<void>,
): Promise<SlowStartResult> {
  let done = 0
  let succeeded = 0
  for (let batch = Math.min(count, 1); batch > 0; batch = Math.min(batch * 2, concurrencyMax, count - done)) {
    const errors = await together(batch, done, call)
    done += batch
    succeeded += batch - errors.length
    if (errors.length > 0) return { succeeded, skipped: count - done, errors }
  }
  return { succeeded, skipped: 0, errors: [] }
}

/** Calls `call(index)` for [0, count), a bounded number at once, whatever fails. Gives the errors; never rejects. */
export async function inBatches(
  count: number,
  call: (index: number) => Promise<void>,
): Promise<readonly unknown[]> {
  const errors: unknown[] = []
  for (let start = 0; start < count; start += concurrencyMax) {
    errors.push(...(await together(Math.min(concurrencyMax, count - start), start, call)))
  }
  return errors
}

async function together(
  count: number,
  start: number,
  call: (index: number) => Promise<void>,
): Promise<readonly unknown[]> {
  const results = await Promise.allSettled(Array.from({ length: count }, (_, index) => call(start + index)))
  return results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
}

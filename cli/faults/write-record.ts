/**
 * What a client that writes every 20 ms saw of a fault: pure functions of its record. Times are milliseconds
 * on the client's monotonic clock.
 */

/** One write: when it was sent, and when its acknowledgement came, if it did. */
export interface WriteRecord {
  readonly sequence: number
  readonly sentMs: number
  readonly ackedMs: number | undefined
  /** Why it was not acknowledged, once that is known. */
  readonly error: string | undefined
}

/** What is stored under a probe's key. */
export interface StoredWrite {
  readonly sequence: number
  /** How often it was applied. */
  readonly version: number
}

/** The figures of `skedia kill leader --json`. */
export interface FaultFigures {
  /** From the fault to the end of the longest time without an acknowledgement; undefined when none followed. */
  readonly failoverMs: number | undefined
  /** Writes that took longer than `slowMs` or were not acknowledged at all. */
  readonly delayed: number
  readonly acknowledged: number
  readonly failed: number
}

/** A write slower than this is counted as delayed. */
export const slowMs = 100

/** Reads the figures off a record. */
export function figuresOf(records: readonly WriteRecord[], faultMs: number): FaultFigures {
  return {
    failoverMs: failoverMs(records, faultMs),
    delayed: records.filter((one) => one.ackedMs === undefined || one.ackedMs - one.sentMs > slowMs).length,
    acknowledged: records.filter((one) => one.ackedMs !== undefined).length,
    failed: records.filter((one) => one.error !== undefined).length,
  }
}

/**
 * The longest gap between two acknowledgements that ends after the fault, measured from the fault (an
 * acknowledgement that was under way when the leader died ends no failover).
 *
 *     acks   | | | |        fault ✗  |                      | | | |
 *                                    └ under way            └ writes flow again
 *            ────────────────────────▶◀──── failoverMs ────▶
 */
function failoverMs(records: readonly WriteRecord[], faultMs: number): number | undefined {
  const acks = records.flatMap((one) => one.ackedMs ?? []).sort((one, other) => one - other)
  let longest: { readonly gapMs: number; readonly endMs: number } | undefined
  let previousMs = faultMs
  for (const ackMs of acks) {
    if (ackMs < faultMs) continue
    const gapMs = ackMs - previousMs
    if (longest === undefined || gapMs > longest.gapMs) longest = { gapMs, endMs: ackMs }
    previousMs = ackMs
  }
  return longest === undefined ? undefined : longest.endMs - faultMs
}

/** Writes flow again: the newest `count` of those sent after the fault were acknowledged quickly, and none is overdue. */
export function isFlowing(
  records: readonly WriteRecord[],
  options: { faultMs: number; nowMs: number; count: number },
): boolean {
  const after = records.filter((one) => one.sentMs >= options.faultMs)
  const settled = after.filter((one) => one.ackedMs !== undefined || options.nowMs - one.sentMs > slowMs)
  const newest = settled.slice(-options.count)
  return (
    newest.length >= options.count &&
    newest.every((one) => one.ackedMs !== undefined && one.ackedMs - one.sentMs <= slowMs)
  )
}

/** Which acknowledged writes are missing, and which writes were applied more than once. */
export function compareWithStored(
  records: readonly WriteRecord[],
  stored: readonly StoredWrite[],
): { readonly lost: readonly number[]; readonly duplicated: readonly number[] } {
  const present = new Set(stored.map((one) => one.sequence))
  return {
    lost: records
      .filter((one) => one.ackedMs !== undefined && !present.has(one.sequence))
      .map((one) => one.sequence),
    duplicated: stored.filter((one) => one.version > 1).map((one) => one.sequence),
  }
}

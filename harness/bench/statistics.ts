/** The few statistics that the reports show. */

/** The middle value, or the mean of the two middle ones. @throws when there is none */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle]
  const lower = sorted[sorted.length % 2 === 0 ? middle - 1 : middle]
  if (upper === undefined || lower === undefined) throw new Error('a median of nothing')
  return (lower + upper) / 2
}

/** Least, middle and greatest, rounded to whole numbers. */
export function spread(values: readonly number[]): {
  readonly min: number
  readonly median: number
  readonly max: number
} {
  return {
    min: Math.round(Math.min(...values)),
    median: Math.round(median(values)),
    max: Math.round(Math.max(...values)),
  }
}

/** The last sync durations, for status and the watchdog's log lines. */
const kept = 1024

export class Latencies {
  readonly #ring = new Float64Array(kept)
  #count = 0

  add(ms: number): void {
    this.#ring[this.#count % kept] = ms
    this.#count += 1
  }

  /** How many durations there were. */
  get count(): number {
    return this.#count
  }

  /** The latest duration. */
  get last(): number {
    return this.#count === 0 ? 0 : (this.#ring[(this.#count - 1) % kept] ?? 0)
  }

  /** The value that `fraction` of the last 1024 durations do not exceed; 0 before the first. */
  quantile(fraction: number): number {
    const length = Math.min(this.#count, kept)
    if (length === 0) return 0
    const sorted = this.#ring.slice(0, length).sort()
    return sorted[Math.min(length - 1, Math.ceil(fraction * length) - 1)] ?? 0
  }
}

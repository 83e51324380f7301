/**
 * Appends that are under way to one follower, bounded by count and by bytes. Indexes only grow: an ack of
 * one append acks all before it.
 */
import { assert } from '../../platform/assert.ts'
import type { LogIndex } from '../types.ts'

export interface InflightLimits {
  readonly messagesMax: number
  readonly bytesMax: number
}

export class Inflights {
  readonly #limits: InflightLimits
  /** A queue as two flat arrays from `#head` on, so that the hot path makes no objects. */
  #lastIndexes: number[] = []
  #sizes: number[] = []
  #head = 0
  #bytes = 0

  constructor(limits: InflightLimits) {
    this.#limits = limits
  }

  get count(): number {
    return this.#lastIndexes.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  /** A single append larger than the byte limit still goes out, alone. */
  get isFull(): boolean {
    return this.count >= this.#limits.messagesMax || this.#bytes >= this.#limits.bytesMax
  }

  /** An append up to `lastIndex` left. */
  add(lastIndex: LogIndex, sizeBytes: number): void {
    assert(!this.isFull, () => `inflight append ${lastIndex} beyond the limit of ${this.count}`)
    const previous = this.#lastIndexes.at(-1) ?? 0
    assert(lastIndex >= previous, () => `inflight append ${lastIndex} after ${previous}`)
    this.#lastIndexes.push(lastIndex)
    this.#sizes.push(sizeBytes)
    this.#bytes += sizeBytes
  }

  /** Everything up to `matchIndex` has arrived. */
  freeTo(matchIndex: LogIndex): void {
    while (this.#head < this.#lastIndexes.length && (this.#lastIndexes[this.#head] ?? 0) <= matchIndex) {
      this.#bytes -= this.#sizes[this.#head] ?? 0
      this.#head += 1
    }
    if (this.#head > 256 || this.#head === this.#lastIndexes.length) {
      this.#lastIndexes.splice(0, this.#head)
      this.#sizes.splice(0, this.#head)
      this.#head = 0
    }
  }

  reset(): void {
    this.#lastIndexes = []
    this.#sizes = []
    this.#head = 0
    this.#bytes = 0
  }
}

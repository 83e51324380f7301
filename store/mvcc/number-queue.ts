/**
 * A first-in-first-out queue of number tuples in one flat array: no object per item, so that millions of
 * superseded revisions cost the garbage collector nothing. Unbounded; its owner bounds it by compaction.
 */
import { assert } from '../../platform/assert.ts'

export class NumberQueue {
  readonly #width: number
  #cells: Float64Array
  /** Cell of the first item. */
  #head = 0
  /** Cell after the last item. */
  #tail = 0

  /** `width`: numbers per item. */
  constructor(width: number) {
    this.#width = width
    this.#cells = new Float64Array(width * 64)
  }

  get length(): number {
    return (this.#tail - this.#head) / this.#width
  }

  push(...item: readonly number[]): void {
    assert(item.length === this.#width, () => `queue of width ${this.#width} got ${item.length} numbers`)
    if (this.#tail === this.#cells.length) this.#makeRoom()
    this.#cells.set(item, this.#tail)
    this.#tail += this.#width
  }

  /** Number `column` of the first item. @throws when the queue is empty */
  first(column: number): number {
    assert(this.#head < this.#tail, 'queue is empty')
    return this.#cells[this.#head + column] ?? 0
  }

  drop(): void {
    assert(this.#head < this.#tail, 'queue is empty')
    this.#head += this.#width
  }

  #makeRoom(): void {
    const used = this.#tail - this.#head
    const target = used * 2 > this.#cells.length ? new Float64Array(this.#cells.length * 2) : this.#cells
    target.set(this.#cells.subarray(this.#head, this.#tail))
    this.#cells = target
    this.#head = 0
    this.#tail = used
  }
}

/**
 * Many record places in revision order, flat: most transactions write one record, so first records are a
 * sorted column of revisions, and only the others are pairs.
 */
import { assert } from '../../platform/assert.ts'
import type { RecordPlace } from './record.ts'

export class PlaceList {
  /** Revisions whose first record is held. */
  readonly #firsts: Float64Array
  #firstCount = 0
  readonly #later: RecordPlace[] = []

  /** `countMax`: places to come at most. */
  constructor(countMax: number) {
    this.#firsts = new Float64Array(countMax)
  }

  get length(): number {
    return this.#firstCount + this.#later.length
  }

  add(main: number, sub: number): void {
    if (sub > 0) {
      this.#later.push({ main, sub })
      return
    }
    assert(
      this.#firstCount < this.#firsts.length,
      () => `more places than the ${this.#firsts.length} announced`,
    )
    this.#firsts[this.#firstCount] = main
    this.#firstCount += 1
  }

  /** Once all have been added. */
  sort(): void {
    this.#firsts.subarray(0, this.#firstCount).sort()
    this.#later.sort((a, b) => a.main - b.main || a.sub - b.sub)
  }

  /** Each place once, by revision. */
  *inOrder(): Generator<RecordPlace> {
    let next = 0
    for (const main of this.#firsts.subarray(0, this.#firstCount)) {
      for (let place = this.#later[next]; place && place.main < main; place = this.#later[next]) {
        yield place
        next += 1
      }
      yield { main, sub: 0 }
    }
    yield* this.#later.slice(next)
  }
}

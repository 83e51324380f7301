/**
 * Removes what compaction has made unreachable, a few records at a time. A record becomes garbage when it
 * is superseded at or before the compact revision; a tombstone when it lies before it (a watch may start at
 * the compact revision itself and must see the delete: etcd 18089, 19179).
 *
 * Two rules make a crash harmless, whatever subset of the removals LevelDB has kept:
 *
 *  - nothing is removed before the compaction's own log entry is covered by a checkpoint (the caller's
 *    part), so a replay never misses a record that it reads;
 *  - a tombstone is removed only after a checkpoint that covers the removal of what it hides. Were the
 *    tombstone gone and the put before it still there, the key would rise from the dead.
 *
 *   supersede/bury → garbage (by revision) → removed | tombstones (by checkpoint) → removed
 */
import { NumberQueue } from './number-queue.ts'
import type { OrderedIndex } from './ordered-index.ts'
import type { RecordPlace } from './record.ts'
import type { PlacedRevision, RevisionTable } from './revision-table.ts'

export class Compactor {
  compactRevision = 0
  readonly #index: OrderedIndex
  readonly #table: RevisionTable
  /** [garbage at revision, main, sub, slot, size in bytes, 1 when a tombstone]. Ordered by the first. */
  readonly #garbage = new NumberQueue(6)
  /** [checkpoints begun when it was queued, main, sub, slot, size in bytes]. */
  readonly #tombstones = new NumberQueue(5)
  #checkpointsBegun = 0
  #checkpointsDone = 0
  #removedBytes = 0

  constructor(state: { index: OrderedIndex; table: RevisionTable }) {
    this.#index = state.index
    this.#table = state.table
  }

  /** Records that are or will become garbage. */
  get pendingCount(): number {
    return this.#garbage.length + this.#tombstones.length
  }

  /** Bytes of all records removed so far. */
  get removedBytes(): number {
    return this.#removedBytes
  }

  /** A put has been superseded by a put or a tombstone. */
  supersede(slot: number, placed: PlacedRevision, byRevision: number): void {
    this.#garbage.push(byRevision, placed.main, placed.sub, slot, placed.sizeBytes, 0)
  }

  /** A tombstone has been laid. */
  bury(slot: number, placed: PlacedRevision): void {
    this.#garbage.push(placed.main + 1, placed.main, placed.sub, slot, placed.sizeBytes, 1)
  }

  /** A checkpoint begins: removals issued before are covered once the checkpoint has succeeded. */
  checkpointBegun(): number {
    this.#checkpointsBegun += 1
    return this.#checkpointsBegun
  }

  checkpointDone(checkpoint: number): void {
    this.#checkpointsDone = Math.max(this.#checkpointsDone, checkpoint)
  }

  /** Whether `step` would do something now. */
  get hasWork(): boolean {
    return this.#hasGarbage || this.#hasTombstone
  }

  /** Whether a checkpoint is what removal waits for. */
  get wantsCheckpoint(): boolean {
    return this.#tombstones.length > 0
  }

  get #hasGarbage(): boolean {
    return this.#garbage.length > 0 && this.#garbage.first(0) <= this.compactRevision
  }

  get #hasTombstone(): boolean {
    return this.#tombstones.length > 0 && this.#tombstones.first(0) < this.#checkpointsDone
  }

  /** Forgets at most `countMax` records; the places are to be removed from the backend. */
  step(countMax: number): readonly RecordPlace[] {
    const places: RecordPlace[] = []
    for (let done = 0; done < countMax && this.#hasTombstone; done += 1) places.push(this.#dropTombstone())
    for (let done = places.length; done < countMax && this.#hasGarbage; done += 1) {
      const place = { main: this.#garbage.first(1), sub: this.#garbage.first(2) }
      const slot = this.#garbage.first(3)
      const sizeBytes = this.#garbage.first(4)
      if (this.#garbage.first(5) === 1) {
        this.#tombstones.push(this.#checkpointsBegun, place.main, place.sub, slot, sizeBytes)
      } else {
        this.#table.forget(slot, place.main)
        this.#removedBytes += sizeBytes
        places.push(place)
      }
      this.#garbage.drop()
    }
    return places
  }

  #dropTombstone(): RecordPlace {
    const place = { main: this.#tombstones.first(1), sub: this.#tombstones.first(2) }
    const slot = this.#tombstones.first(3)
    this.#removedBytes += this.#tombstones.first(4)
    this.#tombstones.drop()
    if (this.#table.main(slot) !== place.main) {
      this.#table.forget(slot, place.main)
      return place
    }
    this.#index.remove(this.#table.keyOf(slot))
    this.#table.release(slot)
    return place
  }
}

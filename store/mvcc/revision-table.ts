/**
 * What the store remembers of each key: where its newest record lies, and where the older ones that have
 * not been compacted yet. A key owns a slot; columns are typed arrays, so a million keys are a few large
 * buffers rather than a million objects.
 *
 * A history is one flat array per key that has one, oldest first: main, sub, size, main, sub, size, …; a
 * tombstone's sub is stored as `-1 - sub`.
 */
import { assert, defined } from '../../platform/assert.ts'
import type { RecordPlace } from './record.ts'

export interface PlacedRevision extends RecordPlace {
  readonly isTombstone: boolean
  readonly sizeBytes: number
}

const slotsAtFirst = 1024
const cellsPerRevision = 3

function grown<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from)
  return to
}

export class RevisionTable {
  #keys: string[] = []
  #main = new Float64Array(slotsAtFirst)
  #sub = new Int32Array(slotsAtFirst)
  #size = new Int32Array(slotsAtFirst)
  #create = new Float64Array(slotsAtFirst)
  #version = new Float64Array(slotsAtFirst)
  readonly #history = new Map<number, number[]>()
  readonly #free: number[] = []

  allocate(key: string): number {
    const slot = this.#free.pop() ?? this.#keys.length
    if (slot === this.#main.length) this.#grow()
    this.#keys[slot] = key
    return slot
  }

  #grow(): void {
    const length = this.#main.length * 2
    this.#main = grown(this.#main, new Float64Array(length))
    this.#sub = grown(this.#sub, new Int32Array(length))
    this.#size = grown(this.#size, new Int32Array(length))
    this.#create = grown(this.#create, new Float64Array(length))
    this.#version = grown(this.#version, new Float64Array(length))
  }

  /** Gives the slot back. Its key must be gone from the index, its history empty. */
  release(slot: number): void {
    assert(!this.#history.has(slot), () => `slot ${slot} is released with a history`)
    this.#main[slot] = 0
    this.#version[slot] = 0
    this.#keys[slot] = ''
    this.#free.push(slot)
  }

  keyOf(slot: number): string {
    return defined(this.#keys[slot], `key of slot ${slot}`)
  }

  /** Revision of the newest record; 0 in a fresh slot. */
  main(slot: number): number {
    return this.#main[slot] ?? 0
  }

  createRevision(slot: number): number {
    return this.#create[slot] ?? 0
  }

  /** 0: the newest record is a tombstone, or the slot is fresh. */
  version(slot: number): number {
    return this.#version[slot] ?? 0
  }

  newest(slot: number): PlacedRevision {
    return {
      main: this.main(slot),
      sub: this.#sub[slot] ?? 0,
      sizeBytes: this.#size[slot] ?? 0,
      isTombstone: this.version(slot) === 0,
    }
  }

  /** Makes a record the newest of its key; the one before moves to the history. */
  advance(
    slot: number,
    place: RecordPlace,
    fields: { readonly createRevision: number; readonly version: number; readonly sizeBytes: number },
  ): void {
    const before = this.newest(slot)
    assert(before.main <= place.main, () => `revision ${place.main} follows ${before.main} of the same key`)
    if (before.main > 0) {
      const cells = [before.main, before.isTombstone ? -1 - before.sub : before.sub, before.sizeBytes]
      const history = this.#history.get(slot)
      if (history) history.push(...cells)
      else this.#history.set(slot, cells)
    }
    this.#main[slot] = place.main
    this.#sub[slot] = place.sub
    this.#size[slot] = fields.sizeBytes
    this.#create[slot] = fields.createRevision
    this.#version[slot] = fields.version
  }

  /** The newest record at or before `revision`; undefined when there is none. */
  at(slot: number, revision: number): PlacedRevision | undefined {
    if (this.main(slot) <= revision) return this.newest(slot)
    const history = this.#history.get(slot)
    if (!history) return undefined
    let low = 0
    let high = history.length / cellsPerRevision
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((history[middle * cellsPerRevision] ?? 0) <= revision) low = middle + 1
      else high = middle
    }
    return low === 0 ? undefined : placedAt(history, low - 1)
  }

  /** Removes an older record from the history. */
  forget(slot: number, main: number): void {
    const history = defined(this.#history.get(slot), `history of slot ${slot}`)
    let i = 0
    while (i < history.length && history[i] !== main) i += cellsPerRevision
    assert(i < history.length, () => `slot ${slot} has no record of revision ${main} to forget`)
    history.splice(i, cellsPerRevision)
    if (history.length === 0) this.#history.delete(slot)
  }

  /** Every record of a slot, newest last. */
  visit(slot: number, visit: (main: number, sub: number) => void): void {
    const history = this.#history.get(slot)
    if (history) {
      for (let i = 0; i < history.length; i += cellsPerRevision) {
        const sub = history[i + 1] ?? 0
        visit(history[i] ?? 0, sub < 0 ? -1 - sub : sub)
      }
    }
    visit(this.main(slot), this.#sub[slot] ?? 0)
  }
}

function placedAt(history: readonly number[], item: number): PlacedRevision {
  const main = history[item * cellsPerRevision] ?? 0
  const sub = history[item * cellsPerRevision + 1] ?? 0
  const sizeBytes = history[item * cellsPerRevision + 2] ?? 0
  return sub < 0
    ? { main, sub: -1 - sub, sizeBytes, isTombstone: true }
    : { main, sub, sizeBytes, isTombstone: false }
}

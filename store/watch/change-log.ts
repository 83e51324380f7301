/**
 * The newest changes in memory, by revision, shared by all watchers: one ring, no copy per watcher. A
 * watcher that falls behind its start reads the backend instead. Revisions are dense, so a revision's
 * place is a subtraction.
 */
import { assert } from '../../platform/assert.ts'
import type { RevisionChanges } from '../mvcc/mvcc.ts'
import type { RecordPlace } from '../mvcc/record.ts'

/** Bytes of records held at most. The newest revision is always held. */
export const logBytesMax = 8 * 1024 * 1024
const revisionsMax = 65_536

function sizeOf(changes: RevisionChanges): number {
  let bytes = 0
  for (const { record } of changes.changes) bytes += record.length + 64
  return bytes
}

export class ChangeLog {
  #items: RevisionChanges[] = []
  #head = 0
  #bytes = 0

  get #first(): number {
    return this.#items[this.#head]?.revision ?? 0
  }

  push(changes: RevisionChanges): void {
    const last = this.#items[this.#items.length - 1]
    assert(
      last === undefined || last.revision + 1 === changes.revision,
      () => `revision ${changes.revision} is out of order`,
    )
    this.#items.push(changes)
    this.#bytes += sizeOf(changes)
    while (this.#bytes > logBytesMax || this.#items.length - this.#head > revisionsMax) this.#dropFirst()
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
  }

  #dropFirst(): void {
    const first = this.#items[this.#head]
    if (first === undefined || this.#head === this.#items.length - 1) {
      this.#bytes = Math.min(this.#bytes, logBytesMax)
      return
    }
    this.#bytes -= sizeOf(first)
    this.#head += 1
  }

  /** The changes of one revision; undefined when they are no longer, or not yet, here. */
  get(revision: number): RevisionChanges | undefined {
    const first = this.#first
    return first === 0 || revision < first ? undefined : this.#items[this.#head + revision - first]
  }

  /** A record that is still here. */
  recordAt(place: RecordPlace): Uint8Array | undefined {
    return this.get(place.main)?.changes[place.sub]?.record
  }

  /** Forgets all; the next push may have any revision. */
  clear(): void {
    this.#items = []
    this.#head = 0
    this.#bytes = 0
  }
}

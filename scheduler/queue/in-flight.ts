/**
 * What happened while pods were out of the queue. A pod that is being scheduled sees one moment of the
 * cluster; when it comes back refused, the changes since then decide whether it must be tried again at
 * once. Without this list a change between pop and park would be missed and the pod would wait for
 * the five-minute flush.
 *
 *    changes:   c1  c2  c3  c4  c5
 *                  ▲        ▲
 *              pod a out  pod b out        a has c2…c5 to look at, b has c4, c5; c1 is dropped
 *
 * Bounded: when more than `changesMax` are kept, all pods in flight are marked as overtaken (they are
 * tried again, whatever happened) and the list is emptied.
 */
import type { ClusterChange } from '../framework/cluster-change.ts'

/** A change, and the only pod that it concerns, where it is about a waiting pod itself. */
interface Recorded {
  readonly sequence: number
  readonly change: ClusterChange
  readonly onlyUid: string | undefined
}

export class InFlight {
  readonly #changesMax: number
  /** Uid to the sequence number of the next change when the pod was taken. */
  readonly #since = new Map<string, number>()
  readonly #overtaken = new Set<string>()
  #changes: Recorded[] = []
  #nextSequence = 0

  constructor(changesMax: number) {
    this.#changesMax = changesMax
  }

  get size(): number {
    return this.#since.size
  }

  get changesKept(): number {
    return this.#changes.length
  }

  has(uid: string): boolean {
    return this.#since.has(uid)
  }

  start(uid: string): void {
    this.#since.set(uid, this.#nextSequence)
  }

  record(change: ClusterChange, onlyUid?: string): void {
    if (this.#since.size === 0) return
    if (this.#changes.length >= this.#changesMax) {
      for (const uid of this.#since.keys()) this.#overtaken.add(uid)
      this.#changes = []
    }
    this.#changes.push({ sequence: this.#nextSequence, change, onlyUid })
    this.#nextSequence += 1
  }

  /** What happened while the pod was out; 'overtaken' when that was too much to keep. */
  changesFor(uid: string): readonly ClusterChange[] | 'overtaken' {
    if (this.#overtaken.has(uid)) return 'overtaken'
    const since = this.#since.get(uid) ?? this.#nextSequence
    return this.#changes
      .filter(({ sequence, onlyUid }) => sequence >= since && (onlyUid === undefined || onlyUid === uid))
      .map(({ change }) => change)
  }

  /** The pod is back or gone for good. Changes that nobody needs any more are dropped. */
  end(uid: string): void {
    if (!this.#since.delete(uid)) return
    this.#overtaken.delete(uid)
    if (this.#since.size === 0) {
      this.#changes = []
      return
    }
    // Insertion order is order of departure, so the first one left is the oldest.
    const [oldest] = this.#since.values()
    let drop = 0
    for (const { sequence } of this.#changes) {
      if (oldest === undefined || sequence >= oldest) break
      drop += 1
    }
    if (drop > 0) this.#changes.splice(0, drop)
  }
}

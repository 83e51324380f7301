/**
 * One member's log, in memory, with its three frontiers and what the WAL has been given.
 *
 *      compacted │          entries held here                                      │
 *   ─────────────┼─────────────────────────────────────────────────────────────────┤
 *     offset ────┘   applied ≤ commit      stable             handed ≤ last ───────┘
 *
 *   offset   the last entry that is gone; its index and term are kept for the consistency check
 *   applied  handed out for applying; never above min(commit, stable), so that what the state machine has
 *            is in this member's own WAL
 *   commit   known to be committed; never above last, never falls
 *   stable   on this member's own disk, as it stands in this log
 *   handed   given to the WAL, perhaps not yet synced
 *
 * A late disk ack must not mark an entry stable that was replaced meanwhile, even by one that looks the
 * same (the ABA case of asynchronous appends). So each hand-over has a sequence number that never comes
 * again, and a truncation at index i shortens every hand-over still under way to i - 1: when its ack
 * arrives it vouches only for entries that no later write has replaced.
 *
 *   append 5..7 (#1) ─ truncate at 6 ─ append 6'..6' (#2) ─ ack #1: stable = 5 ─ ack #2: stable = 6
 *
 * Source: Raft paper 5.3, 5.4.2; etcd-io/raft log.go and its `async_storage_writes_append_aba_race`.
 */
import { assert, defined } from '../platform/assert.ts'
import type { Entry, LogIndex, LogPosition, Term } from './types.ts'
import { toLogIndex, toTerm } from './types.ts'

/** Entries for the WAL: they replace whatever it holds from `entries[0].index` on. */
export interface HandOver {
  /** Give it back to `stableTo` once durable. */
  readonly sequence: number
  /** Term of the entry before the first; lets the WAL's reader check the join. */
  readonly prevTerm: Term
  readonly entries: readonly Entry[]
}

/** What an entry weighs beside its data, so that portions of tiny entries are bounded too. */
const entryOverheadBytes = 64

interface PendingAppend {
  readonly sequence: number
  readonly sinceMs: number
  /** The last index that this hand-over still vouches for; 0 when it carried no entries. */
  lastIndex: LogIndex
}

export class RaftLog {
  #offset: LogPosition
  #entries: Entry[]
  #commitIndex: LogIndex
  #appliedIndex: LogIndex
  #stableIndex: LogIndex
  #handedIndex: LogIndex
  #pending: PendingAppend[] = []
  #sequence = 0
  /** What the held entries weigh. */
  #bytes = 0

  /** Everything given here was read from the disk, so it is stable. */
  constructor(restored: {
    offset: LogPosition
    entries: readonly Entry[]
    commitIndex: LogIndex
    appliedIndex: LogIndex
  }) {
    this.#offset = restored.offset
    this.#entries = [...restored.entries]
    this.#bytes = bytesOf(this.#entries)
    this.#stableIndex = this.lastIndex
    this.#handedIndex = this.lastIndex
    const { appliedIndex } = restored
    assert(
      appliedIndex >= this.#offset.index && appliedIndex <= this.lastIndex,
      () => `applied index ${appliedIndex} is outside of the log [${this.#offset.index}, ${this.lastIndex}]`,
    )
    this.#appliedIndex = appliedIndex
    const commit = Math.max(restored.commitIndex, appliedIndex)
    this.#commitIndex = toLogIndex(Math.min(commit, this.lastIndex))
  }

  /** The first index still held; lastIndex + 1 when none is. */
  get firstIndex(): LogIndex {
    return toLogIndex(this.#offset.index + 1)
  }

  get lastIndex(): LogIndex {
    return toLogIndex(this.#offset.index + this.#entries.length)
  }

  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#offset.term
  }

  get commitIndex(): LogIndex {
    return this.#commitIndex
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex
  }

  get stableIndex(): LogIndex {
    return this.#stableIndex
  }

  /** Since when the oldest hand-over has been waiting for the disk; undefined when none is. */
  get oldestPendingSinceMs(): number | undefined {
    return this.#pending[0]?.sinceMs
  }

  /** What the held entries weigh in memory, and about as much in the WAL. */
  get bytes(): number {
    return this.#bytes
  }

  get hasUnhanded(): boolean {
    return this.#handedIndex < this.lastIndex
  }

  get hasApplicable(): boolean {
    return this.#appliedIndex < Math.min(this.#commitIndex, this.#stableIndex)
  }

  /** Whether a membership change is committed but not applied. */
  hasUnappliedConfChange(): boolean {
    for (let index = this.#appliedIndex + 1; index <= this.#commitIndex; index += 1) {
      if (this.#entries[index - this.#offset.index - 1]?.kind === 'conf-change') return true
    }
    return false
  }

  /** The term at `index`; undefined when it is compacted or beyond the end. */
  termAt(index: LogIndex): Term | undefined {
    if (index === this.#offset.index) return this.#offset.term
    return this.#entries[index - this.#offset.index - 1]?.term
  }

  matches(position: LogPosition): boolean {
    return this.termAt(position.index) === position.term
  }

  /** Whether a log that ends at `position` is at least as up to date as this one (Raft paper 5.4.1). */
  isUpToDate(position: LogPosition): boolean {
    if (position.term !== this.lastTerm) return position.term > this.lastTerm
    return position.index >= this.lastIndex
  }

  /** A leader's own entries, at the end. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      assert(
        entry.index === this.lastIndex + 1,
        () => `entry ${entry.index} does not follow ${this.lastIndex}`,
      )
      assert(
        entry.term >= this.lastTerm,
        () => `entry of term ${entry.term} after one of term ${this.lastTerm}`,
      )
      this.#entries.push(entry)
      this.#bytes += entryOverheadBytes + entry.data.length
    }
  }

  /**
   * A leader's entries, after `prev`. Returns the last index that now equals the leader's log, or undefined
   * when this log has no entry `prev`. Truncates only at a real conflict: an old append that arrives late
   * must not cut off what a newer one brought.
   */
  appendAfter(prev: LogPosition, entries: readonly Entry[]): LogIndex | undefined {
    if (!this.matches(prev)) return undefined
    const fresh = entries.findIndex((entry) => this.termAt(entry.index) !== entry.term)
    const first = entries[fresh]
    if (first) {
      if (first.index <= this.lastIndex) this.#truncateFrom(first.index)
      this.append(fresh === 0 ? entries : entries.slice(fresh))
    }
    return toLogIndex(prev.index + entries.length)
  }

  /**
   * The last entry at or before `position.index` whose term is at most `position.term`; what the log no
   * longer holds counts as such. Lets both sides of a conflict skip whole terms.
   */
  lastNotAfter(position: LogPosition): LogPosition {
    let index = toLogIndex(Math.min(position.index, this.lastIndex))
    for (;;) {
      const term = this.termAt(index)
      if (term === undefined) return { index, term: toTerm(0) }
      if (term <= position.term) return { index, term }
      index = toLogIndex(index - 1)
    }
  }

  /** Entries from `from` on, about `bytesMax` in all, but at least one when there is one. */
  slice(from: LogIndex, bytesMax: number): readonly Entry[] {
    return this.#slice(from, this.lastIndex, bytesMax)
  }

  /** `index` is known to be committed. Never moves back. */
  commitTo(index: LogIndex): boolean {
    if (index <= this.#commitIndex) return false
    assert(index <= this.lastIndex, () => `commit index ${index} is past the log's end ${this.lastIndex}`)
    this.#commitIndex = index
    return true
  }

  /** What the WAL must write next; each hand-over's sequence is the previous one's plus one. */
  handOver(nowMs: number): HandOver {
    this.#sequence += 1
    const first = toLogIndex(this.#handedIndex + 1)
    const entries = this.#entries.slice(this.#handedIndex - this.#offset.index)
    const prevTerm = defined(this.termAt(this.#handedIndex), `term of entry ${this.#handedIndex}`)
    assert(
      entries[0] === undefined || entries[0].index === first,
      () => `hand-over does not begin at ${first}`,
    )
    this.#handedIndex = this.lastIndex
    const lastIndex = entries.length > 0 ? this.lastIndex : toLogIndex(0)
    this.#pending.push({ sequence: this.#sequence, sinceMs: nowMs, lastIndex })
    return { sequence: this.#sequence, prevTerm, entries }
  }

  /** Every hand-over up to `sequence` is durable. Returns whether the stable frontier moved. */
  stableTo(sequence: number): boolean {
    const before = this.#stableIndex
    while (this.#pending[0] && this.#pending[0].sequence <= sequence) {
      const done = this.#pending.shift()
      if (done && done.lastIndex > this.#stableIndex) this.#stableIndex = done.lastIndex
    }
    assert(
      this.#stableIndex <= this.#handedIndex,
      () => `stable ${this.#stableIndex} > handed ${this.#handedIndex}`,
    )
    return this.#stableIndex > before
  }

  /** The next committed entries that are on this member's disk, marked as applied from here on. */
  takeApplicable(bytesMax: number): readonly Entry[] {
    const limit = toLogIndex(Math.min(this.#commitIndex, this.#stableIndex))
    const entries = this.#slice(toLogIndex(this.#appliedIndex + 1), limit, bytesMax)
    const last = entries.at(-1)
    if (last) this.#appliedIndex = last.index
    return entries
  }

  /** The least index after which the entries weigh at most `bytesMax`. */
  indexBefore(bytesMax: number): LogIndex {
    let bytes = 0
    let kept = this.#entries.length
    while (kept > 0) {
      bytes += entryOverheadBytes + (this.#entries[kept - 1]?.data.length ?? 0)
      if (bytes > bytesMax) break
      kept -= 1
    }
    return toLogIndex(this.#offset.index + kept)
  }

  /** Forgets entries up to `index`, which must be applied. Nothing happens when they are gone already. */
  compactTo(index: LogIndex): void {
    if (index <= this.#offset.index) return
    assert(
      index <= this.#appliedIndex,
      () => `compact to ${index} above the applied index ${this.#appliedIndex}`,
    )
    const term = defined(this.termAt(index), `term of entry ${index}`)
    this.#entries = this.#entries.slice(index - this.#offset.index)
    this.#bytes = bytesOf(this.#entries)
    this.#offset = { index, term }
  }

  /** The state machine now stands at `position`, by a snapshot: the log begins anew after it. */
  restore(position: LogPosition): void {
    assert(
      position.index > this.#commitIndex,
      () => `restore to ${position.index} below commit ${this.#commitIndex}`,
    )
    this.#offset = position
    this.#entries = []
    this.#bytes = 0
    this.#commitIndex = position.index
    this.#appliedIndex = position.index
    this.#stableIndex = position.index
    this.#handedIndex = position.index
    for (const pending of this.#pending) pending.lastIndex = toLogIndex(0)
  }

  #truncateFrom(index: LogIndex): void {
    assert(
      index > this.#commitIndex,
      () => `entry ${index} conflicts below the commit index ${this.#commitIndex}`,
    )
    const keep = toLogIndex(index - 1)
    this.#entries.length = keep - this.#offset.index
    this.#bytes = bytesOf(this.#entries)
    this.#stableIndex = toLogIndex(Math.min(this.#stableIndex, keep))
    this.#handedIndex = toLogIndex(Math.min(this.#handedIndex, keep))
    for (const pending of this.#pending) pending.lastIndex = toLogIndex(Math.min(pending.lastIndex, keep))
  }

  /** [from, to], bounded by bytes; at least one entry when the range is not empty. */
  #slice(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] {
    assert(from > this.#offset.index, () => `entry ${from} is compacted (offset ${this.#offset.index})`)
    const start = from - this.#offset.index - 1
    const limit = to - this.#offset.index
    let end = start
    let bytes = 0
    while (end < limit) {
      bytes += entryOverheadBytes + (this.#entries[end]?.data.length ?? 0)
      if (bytes > bytesMax && end > start) break
      end += 1
    }
    return end > start ? this.#entries.slice(start, end) : []
  }
}

function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entryOverheadBytes + entry.data.length
  return bytes
}

/**
 * What the leader knows of one peer's log, and how it may send to it.
 *
 *            rejected, unreachable            needed entries are compacted
 *        ┌───────────────────────────┐      ┌──────────────────────────────┐
 *        ▼                           │      │                              ▼
 *    ┌───────┐  accepted       ┌───────────┐│                        ┌──────────┐
 *    │ probe │────────────────▶│ replicate │┴──── (from probe too) ─▶│ snapshot │
 *    └───────┘                 └───────────┘                         └──────────┘
 *        ▲ ▲                        ▲         accepted >= first index      │ │
 *        │ │                        └──────────────────────────────────────┘ │
 *        │ └───────────────────── stream ended, done or failed ──────────────┘
 *
 *   probe      one append per answer (or heartbeat round): the match is still being searched
 *   replicate  appends stream ahead of their answers, up to the inflight limits
 *   snapshot   no appends at all; a snapshot is on its way
 *
 * Invariants: matchIndex < nextIndex; matchIndex never falls within a term (durable acks are promises);
 * in `replicate`, matchIndex + 1 .. nextIndex - 1 is exactly what is in flight.
 * Source: Raft paper 5.3; the states are etcd-io/raft's (tracker/progress.go).
 */
import { assert } from '../../platform/assert.ts'
import type { LogIndex } from '../types.ts'
import { toLogIndex } from '../types.ts'
import type { InflightLimits } from './inflights.ts'
import { Inflights } from './inflights.ts'

export type ProgressState = 'probe' | 'replicate' | 'snapshot'

export class Progress {
  readonly inflights: Inflights
  #state: ProgressState = 'probe'
  #matchIndex = toLogIndex(0)
  #nextIndex: LogIndex
  #isProbeSent = false
  #isNudged = false
  #snapshotIndex = toLogIndex(0)
  /** The highest commit index sent so far: spares appends that would say nothing new. */
  sentCommitIndex = toLogIndex(0)
  /** The peer's own commit index, as it last said. */
  knownCommitIndex = toLogIndex(0)
  /** When the last message of this term arrived from the peer (monotonic milliseconds). */
  heardMs: number

  constructor(options: { nextIndex: LogIndex; nowMs: number; limits: InflightLimits }) {
    this.#nextIndex = options.nextIndex
    this.heardMs = options.nowMs
    this.inflights = new Inflights(options.limits)
  }

  get state(): ProgressState {
    return this.#state
  }

  get matchIndex(): LogIndex {
    return this.#matchIndex
  }

  get nextIndex(): LogIndex {
    return this.#nextIndex
  }

  /** The snapshot under way in state `snapshot`. */
  get snapshotIndex(): LogIndex {
    return this.#snapshotIndex
  }

  /** Whether entries may be sent now. */
  get isPaused(): boolean {
    if (this.#state === 'snapshot') return true
    return this.#state === 'probe' ? this.#isProbeSent : this.inflights.isFull
  }

  /** Whether one append is due even with nothing new to say: the peer may have missed something. */
  get isNudged(): boolean {
    return this.#isNudged && this.#state !== 'snapshot'
  }

  /** The peer lags although it answers: let one append go, empty if need be; a gap will be rejected and repaired. */
  nudge(): void {
    this.#isProbeSent = false
    this.#isNudged = true
  }

  /** An append with entries up to `lastIndex` (or none: `lastIndex` is nextIndex - 1) left. */
  sent(options: { lastIndex: LogIndex; sizeBytes: number; commitIndex: LogIndex }): void {
    const { lastIndex, sizeBytes, commitIndex } = options
    this.#isNudged = false
    this.sentCommitIndex = toLogIndex(Math.max(this.sentCommitIndex, commitIndex))
    if (this.#state === 'probe') {
      this.#isProbeSent = true
    } else if (lastIndex >= this.#nextIndex) {
      this.inflights.add(lastIndex, sizeBytes)
      this.#nextIndex = toLogIndex(lastIndex + 1)
    }
  }

  /**
   * The peer has everything up to `matchIndex`. Returns false when that was known already.
   * `firstIndex` is the leader's: a peer in `snapshot` whose match reaches it needs the snapshot no more.
   */
  accepted(matchIndex: LogIndex, firstIndex: LogIndex): boolean {
    const isNews = matchIndex > this.#matchIndex
    if (isNews) this.#matchIndex = matchIndex
    this.#nextIndex = toLogIndex(Math.max(this.#nextIndex, matchIndex + 1))
    if (this.#state === 'probe') {
      if (matchIndex === this.#matchIndex) this.#becomeReplicate()
    } else if (this.#state === 'replicate') {
      this.inflights.freeTo(matchIndex)
    } else if (this.#matchIndex + 1 >= firstIndex) {
      this.#becomeReplicate()
    }
    this.#check()
    return isNews
  }

  /**
   * The peer has no entry `prevIndex` as sent; `hintIndex` is the next guess. Returns false for an old
   * answer, which must not move anything.
   */
  rejected(prevIndex: LogIndex, hintIndex: LogIndex): boolean {
    if (this.#state === 'snapshot') return false
    if (this.#state === 'replicate') {
      if (prevIndex <= this.#matchIndex) return false
      this.becomeProbe()
      return true
    }
    if (this.#nextIndex - 1 !== prevIndex) return false
    this.#nextIndex = toLogIndex(Math.max(Math.min(prevIndex, hintIndex + 1), this.#matchIndex + 1))
    this.#isProbeSent = false
    this.#check()
    return true
  }

  /** Back to one append at a time, from just after what is certain. */
  becomeProbe(): void {
    const after = this.#state === 'snapshot' ? this.#snapshotIndex : 0
    this.#reset('probe')
    this.#nextIndex = toLogIndex(Math.max(this.#matchIndex + 1, after + 1))
    this.#check()
  }

  /** A snapshot at `index` is about to be streamed to the peer. */
  becomeSnapshot(index: LogIndex): void {
    this.#reset('snapshot')
    this.#snapshotIndex = index
    this.#nextIndex = toLogIndex(Math.max(index, this.#matchIndex) + 1)
    this.#check()
  }

  /** The stream ended. A failed one is tried again at the next heartbeat, not at once. */
  snapshotEnded(isOk: boolean): void {
    if (this.#state !== 'snapshot') return
    if (!isOk) this.#snapshotIndex = toLogIndex(0)
    this.becomeProbe()
    this.#isProbeSent = !isOk
  }

  #becomeReplicate(): void {
    this.#reset('replicate')
    this.#nextIndex = toLogIndex(this.#matchIndex + 1)
  }

  #reset(state: ProgressState): void {
    this.#state = state
    this.#isProbeSent = false
    this.#isNudged = false
    if (state !== 'probe') this.#snapshotIndex = toLogIndex(0)
    this.inflights.reset()
  }

  #check(): void {
    assert(
      this.#matchIndex < this.#nextIndex,
      () => `matchIndex ${this.#matchIndex} >= nextIndex ${this.#nextIndex}`,
    )
  }
}

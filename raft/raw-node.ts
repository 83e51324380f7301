/**
 * One member's consensus as a machine without I/O: inputs are method calls with the time, outputs are
 * collected by `ready()`. The driver calls it in a loop:
 *
 *   step / tick / propose / readIndex / appended …  ─▶  ready()  ─▶  do what it says  ─▶  appended(sequence)
 *
 * Everything that happens is a function of the calls, their times and the `Random`: a run replays from them.
 *
 * Source: Raft paper; Ready and its contract follow etcd-io/raft's doc.go with asynchronous storage writes.
 */
import { assert, unreachable } from '../platform/assert.ts'
import type { Random } from '../platform/random.ts'
import type { ConfChange } from './conf-change.ts'
import { changeMembership, checkConfState, decodeConfChange } from './conf-change.ts'
import {
  becomeFollower,
  campaign,
  commitOf,
  countVote,
  hasRecentLeader,
  learnCommit,
  mayCampaign,
  stepVoteRequest,
} from './election.ts'
import { RaftLog } from './log.ts'
import type { Message } from './message.ts'
import * as joint from './quorum/joint.ts'
import type { LeadershipChange, ProposeResult } from './raft-node.ts'
import { dropReads, flushReads } from './read-index.ts'
import { advanceCommit, peerUnreachable, sendAppends } from './replication.ts'
import { stepCandidate, tickCandidate } from './roles/candidate.ts'
import { stepFollower, tickFollower } from './roles/follower.ts'
import {
  appendConfChange,
  appendOwn,
  beginTransfer,
  leaveJointIfDue,
  membershipChanged,
  stepLeader,
  tickLeader,
  whyNotChange,
} from './roles/leader.ts'
import { snapshotInstalled, snapshotRefused } from './snapshot.ts'
import type { AppliedEntry, SnapshotMeta } from './state-machine.ts'
import type { CoreOptions, RaftState } from './state.ts'
import { emptyOutbox, leaderIdOf } from './state.ts'
import type { ConfState, Entry, HardState, LogIndex, LogPosition, MemberId, Term } from './types.ts'
import { toLogIndex, toTerm } from './types.ts'

/** What a member finds on its disk when it starts; for a new one all zero and no entries. */
export interface Restored {
  readonly hardState: HardState
  /** The entry before the first one held. */
  readonly offset: LogPosition
  readonly entries: readonly Entry[]
  readonly appliedIndex: LogIndex
  /** As of `appliedIndex`. */
  readonly confState: ConfState
}

/** A larger command would not fit into a frame to a peer; whoever proposes must have refused it long before. */
const entryBytesMax = 16 * 1024 * 1024

/**
 * What is to be done, in this order of fields. Handle one Ready wholly before asking for the next. Readies
 * may overlap in time only in their disk writes: their order must stay.
 */
export interface Ready {
  /** Changes of role, term or leader, oldest first. Tell observers. */
  readonly changes: readonly LeadershipChange[]
  /** May leave at once, in parallel to the disk write below. Each may be lost. */
  readonly messages: readonly Message[]
  /**
   * Write this to the WAL as one unit, after everything before it, and sync. Entries replace whatever
   * the WAL holds from the first one's index on. When it is durable, call `appended(sequence)`.
   * Undefined: nothing to write.
   */
  readonly write: DiskWrite | undefined
  /**
   * Promises (votes, acks). They may leave only when every write up to and including `promisedAfter` is
   * durable; at once when it already is. Within one peer keep the order.
   */
  readonly promises: readonly Message[]
  readonly promisedAfter: number
  /**
   * Apply these, in order, before the promises of this Ready leave and before the next `ready()`. They are
   * committed and on this member's own disk. A `conf-change` comes with the membership that it results in.
   */
  readonly committed: readonly AppliedEntry[]
  /** Reads that may be served as soon as `index` is applied; `contexts` are those given to `readIndex`. */
  readonly readStates: readonly { readonly contexts: readonly number[]; readonly index: LogIndex }[]
  /** Stream a snapshot to each; say `snapshotStarted` with its position, then `snapshotSent` with the outcome. */
  readonly snapshotsToSend: readonly MemberId[]
  /** Switch the state machine to this snapshot, then call `snapshotInstalled` or `snapshotRefused`. */
  readonly install: SnapshotMeta | undefined
}

export interface DiskWrite {
  readonly sequence: number
  /** Undefined: as written before. */
  readonly hardState: HardState | undefined
  readonly prevTerm: Term
  readonly entries: readonly Entry[]
}

/** What the core knows of itself, for status and tests. */
export interface CoreStatus {
  readonly term: Term
  readonly vote: MemberId | undefined
  readonly role: RaftState['role']
  readonly leaderId: MemberId | undefined
  readonly confState: ConfState
  readonly log: RaftLog
}

export class RawNode {
  readonly id: MemberId
  readonly #state: RaftState
  /** As last handed out for writing. */
  #written: HardState
  #handedSequence = 0

  constructor(options: {
    readonly id: MemberId
    readonly core: CoreOptions
    readonly random: Random
    readonly restored: Restored
    readonly nowMs: number
  }) {
    const { id, random, restored, nowMs } = options
    const { hardState, offset, entries, appliedIndex, confState } = restored
    checkConfState(confState)
    const log = new RaftLog({ offset, entries, appliedIndex, commitIndex: hardState.commitIndex })
    assert(log.lastTerm <= hardState.term, () => `last entry's term ${log.lastTerm} > term ${hardState.term}`)
    this.id = id
    this.#written = hardState
    this.#state = {
      id,
      options: options.core,
      random,
      log,
      term: hardState.term,
      vote: hardState.vote,
      role: {
        kind: 'follower',
        leaderId: undefined,
        heardLeaderMs: nowMs,
        deadlineMs: nowMs,
        verifiedIndex: log.commitIndex,
      },
      confState,
      confIndex: appliedIndex,
      nowMs,
      graceUntilMs: nowMs,
      installing: undefined,
      reads: {
        waiting: [],
        forwarded: undefined,
        lastRequestId: random.fork('read-index').int(0x1_0000_0000) * 0x10_0000,
      },
      outbox: emptyOutbox(),
    }
    this.#setFirstDeadline()
  }

  /**
   * A starting member asks early: a leader that lives is heard within a heartbeat, and a pre-vote harms nobody.
   * A sole voter need not wait for anyone.
   */
  #setFirstDeadline(): void {
    const { role, confState, nowMs, options, random } = this.#state
    if (role.kind !== 'follower') return
    const isAlone = confState.voters.length === 1 && confState.votersOutgoing.length === 0
    role.deadlineMs = nowMs + (isAlone ? 0 : options.heartbeatMs * (1 + random.float()))
  }

  /** A message has arrived. Messages to others, or from oneself, are bugs of the transport. */
  step(message: Message, nowMs: number): void {
    assert(
      message.to === this.id && message.from !== this.id,
      () => `message ${message.from} → ${message.to} at ${this.id}`,
    )
    this.#observe(nowMs)
    const state = this.#state
    if (message.type === 'vote-response') learnCommit(state, message)
    if (message.term < state.term) this.#stepOlderTerm(message)
    else if (message.term === state.term || this.#enterTerm(message)) this.#stepCurrentTerm(message)
  }

  /** Time has passed; call it at least every half heartbeat, and at `nextDeadlineMs`. */
  tick(nowMs: number): void {
    this.#observe(nowMs)
    const state = this.#state
    const { role } = state
    if (role.kind === 'follower') tickFollower(state, role)
    else if (role.kind === 'leader') tickLeader(state, role)
    else tickCandidate(state, role)
  }

  /** When `tick` next has something to do. */
  nextDeadlineMs(): number {
    const { role, graceUntilMs } = this.#state
    if (role.kind === 'leader') return role.heartbeatDueMs
    return Math.max(role.deadlineMs, graceUntilMs)
  }

  /** Appends a command if this member leads. It leaves with the next `ready()`. */
  propose(data: Uint8Array): ProposeResult {
    assert(data.length <= entryBytesMax, () => `a command of ${data.length} bytes exceeds ${entryBytesMax}`)
    const state = this.#state
    const { role } = state
    const refuse = (reason: 'not-leader' | 'transferring' | 'busy'): ProposeResult => {
      return { accepted: false, reason, leaderId: leaderIdOf(state) }
    }
    if (role.kind !== 'leader') return refuse('not-leader')
    if (role.transfer || !joint.isVoter(state.confState, state.id)) return refuse('transferring')
    if (
      role.uncommittedBytes > 0 &&
      role.uncommittedBytes + data.length > state.options.maxUncommittedBytes
    ) {
      return refuse('busy')
    }
    const index = appendOwn(state, role, { kind: 'normal', data })
    return { accepted: true, term: state.term, index }
  }

  /** Proposes a membership change; `reason` says why it was refused. */
  proposeConfChange(
    change: ConfChange,
  ):
    | { readonly accepted: true; readonly term: Term; readonly index: LogIndex }
    | { readonly accepted: false; readonly reason: string } {
    const state = this.#state
    const { role } = state
    if (role.kind !== 'leader') return { accepted: false, reason: 'this member does not lead' }
    if (role.transfer) return { accepted: false, reason: 'leadership is being transferred' }
    const reason = whyNotChange(state, role, change)
    if (reason !== undefined) return { accepted: false, reason }
    return { accepted: true, term: state.term, index: appendConfChange(state, role, change) }
  }

  /** Asks for a read index; `context` comes back once in `readStates`, perhaps under another leader. */
  readIndex(context: number): void {
    this.#state.reads.waiting.push(context)
  }

  /** Nobody waits for these reads any more; they may still come back in `readStates`. */
  dropReads(contexts: ReadonlySet<number>): void {
    dropReads(this.#state, contexts)
  }

  /** Campaigns at once, as if the election timeout had passed. For tests and operators. */
  campaign(nowMs: number): void {
    this.#observe(nowMs)
    const state = this.#state
    if (state.role.kind === 'leader' || !mayCampaign(state)) return
    campaign(state, { isPre: true, isTransfer: false, reason: 'election-timeout' })
  }

  /** Begins to hand leadership over; false when this member does not lead or `to` cannot. */
  transferLeadership(to: MemberId, nowMs: number): boolean {
    this.#observe(nowMs)
    const { role } = this.#state
    return role.kind === 'leader' && beginTransfer(this.#state, role, to)
  }

  /**
   * The leader's process is known to be gone (its port refuses connections): campaign without waiting for
   * the rest of the silence. Only ever an optimisation: elections are safe at any time.
   */
  leaderGone(id: MemberId, nowMs: number): void {
    this.#observe(nowMs)
    const state = this.#state
    const { role } = state
    if (role.kind !== 'follower' || role.leaderId !== id) return
    becomeFollower(state, { term: state.term, leaderId: undefined, reason: 'leader-gone' })
    const spreadMs = state.options.heartbeatMs / 2
    if (state.role.kind === 'follower') state.role.deadlineMs = state.nowMs + state.random.float() * spreadMs
  }

  /** Every write up to `sequence` is durable. */
  appended(sequence: number, nowMs: number): void {
    this.#observe(nowMs)
    const state = this.#state
    const moved = state.log.stableTo(sequence)
    const { role } = state
    if (role.kind === 'leader') {
      if (moved) advanceCommit(state, role)
    } else if (
      role.kind === 'candidate' &&
      role.ownVoteSequence !== undefined &&
      sequence >= role.ownVoteSequence
    ) {
      role.ownVoteSequence = undefined
      countVote(state, role, { from: state.id, isGranted: true })
    }
  }

  /** Messages to `id` may have been lost. */
  unreachable(id: MemberId): void {
    const { role } = this.#state
    if (role.kind === 'leader') peerUnreachable(role, id)
  }

  /** The stream to `to` will carry the snapshot at `index`. */
  snapshotStarted(to: MemberId, index: LogIndex): void {
    const { role } = this.#state
    const progress = role.kind === 'leader' ? role.progress.get(to) : undefined
    if (progress?.state === 'snapshot') progress.becomeSnapshot(index)
  }

  /** The stream to `to` has ended; `isOk` when the peer said that it has installed it. */
  snapshotSent(to: MemberId, isOk: boolean): void {
    const { role } = this.#state
    if (role.kind === 'leader') role.progress.get(to)?.snapshotEnded(isOk)
  }

  snapshotInstalled(): void {
    snapshotInstalled(this.#state)
  }

  snapshotRefused(): void {
    snapshotRefused(this.#state)
  }

  /** Whether a stream that announces this snapshot is worth receiving. */
  wantsSnapshot(meta: LogPosition & { readonly senderTerm: Term }): boolean {
    const { term, installing, log } = this.#state
    return meta.senderTerm >= term && !installing && meta.index > log.commitIndex
  }

  /** Forgets entries up to `index` (applied, and durable in the state machine). */
  compactTo(index: LogIndex): void {
    this.#state.log.compactTo(index)
  }

  /** The outcome of all inputs so far; undefined when there is nothing to do. */
  ready(): Ready | undefined {
    const state = this.#state
    const committed = this.#takeCommitted()
    if (state.role.kind === 'leader') sendAppends(state, state.role)
    flushReads(state)
    const write = this.#takeWrite()
    const { outbox } = state
    const isEmpty =
      !write &&
      committed.length === 0 &&
      outbox.messages.length === 0 &&
      outbox.promises.length === 0 &&
      outbox.changes.length === 0 &&
      outbox.readStates.length === 0 &&
      outbox.snapshotsToSend.length === 0 &&
      !outbox.install
    if (isEmpty) return undefined
    state.outbox = emptyOutbox()
    return { ...outbox, write, promisedAfter: this.#handedSequence, committed }
  }

  /** Whether committed entries wait although `ready` has just handed out a portion. */
  get hasMoreCommitted(): boolean {
    return !this.#state.installing && this.#state.log.hasApplicable
  }

  status(): CoreStatus {
    const { term, vote, role, confState, log } = this.#state
    return { term, vote, role, leaderId: leaderIdOf(this.#state), confState, log }
  }

  /**
   * The loop runs. If it had not for two heartbeats, the silence was our own: what others said meanwhile
   * may wait unread, so for two more heartbeats nothing is concluded from it.
   */
  #observe(nowMs: number): void {
    const state = this.#state
    const pauseMs = 2 * state.options.heartbeatMs
    if (nowMs - state.nowMs > pauseMs) state.graceUntilMs = nowMs + pauseMs
    state.nowMs = Math.max(state.nowMs, nowMs)
  }

  /** A message of a higher term; false when it must not be handled. */
  #enterTerm(message: Message): boolean {
    const state = this.#state
    if (message.type === 'vote') {
      if (!message.isTransfer && hasRecentLeader(state)) return false
      if (message.isPre) return true
    }
    if (message.type === 'vote-response' && message.isPre && message.isGranted) return true
    const isFromLeader =
      message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshot'
    becomeFollower(state, {
      term: message.term,
      leaderId: isFromLeader ? message.from : undefined,
      reason: isFromLeader ? 'new-leader' : 'higher-term',
    })
    return true
  }

  /** Old messages are ignored, but who still believes in an old leadership is told. */
  #stepOlderTerm(message: Message): void {
    const { id: from, term, outbox } = this.#state
    const to = message.from
    if (message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshot') {
      outbox.messages.push({ type: 'stale-term', from, to, term })
    } else if (message.type === 'vote' && message.isPre) {
      const refusal = { from, to, term, isPre: true, isGranted: false, ...commitOf(this.#state) }
      outbox.messages.push({ type: 'vote-response', ...refusal })
    }
  }

  #stepCurrentTerm(message: Message): void {
    const state = this.#state
    if (message.type === 'vote') {
      stepVoteRequest(state, message)
      return
    }
    const isFromLeader =
      message.type === 'append' || message.type === 'heartbeat' || message.type === 'snapshot'
    const isNews = state.role.kind !== 'leader' && leaderIdOf(state) !== message.from
    if (isFromLeader && isNews) {
      becomeFollower(state, { term: state.term, leaderId: message.from, reason: 'new-leader' })
    }
    const { role } = state
    switch (role.kind) {
      case 'follower':
        stepFollower(state, role, message)
        return
      case 'pre-candidate':
      case 'candidate':
        stepCandidate(state, role, message)
        return
      case 'leader':
        stepLeader(state, role, message)
        return
      default:
        unreachable(role)
    }
  }

  #takeWrite(): DiskWrite | undefined {
    const state = this.#state
    const { term, vote, log } = state
    const isChanged = term !== this.#written.term || vote !== this.#written.vote
    if (!isChanged && !log.hasUnhanded) return undefined
    const hardState: HardState = { term, vote, commitIndex: log.commitIndex }
    const isNews = isChanged || log.commitIndex !== this.#written.commitIndex
    this.#written = hardState
    const { sequence, prevTerm, entries } = log.handOver(state.nowMs)
    this.#handedSequence = sequence
    if (state.role.kind === 'candidate' && isChanged) state.role.ownVoteSequence = sequence
    return { sequence, hardState: isNews ? hardState : undefined, prevTerm, entries }
  }

  #takeCommitted(): readonly AppliedEntry[] {
    const state = this.#state
    if (state.installing || !state.log.hasApplicable) return []
    const entries = state.log.takeApplicable(state.options.maxApplyBytes)
    const applied = entries.map((entry) => {
      if (entry.kind === 'conf-change') return { entry, confState: this.#changeMembership(entry) }
      // The initial membership is in no entry: it is stored with the first one, so that a snapshot can carry it.
      return entry.index === 1 ? { entry, confState: state.confState } : { entry }
    })
    if (state.role.kind === 'leader') leaveJointIfDue(state, state.role)
    return applied
  }

  /** Every member computes the same membership from the same entry. */
  #changeMembership(entry: Entry): ConfState {
    const state = this.#state
    const result = changeMembership(state.confState, decodeConfChange(entry.data))
    // A change that no longer fits (proposed twice over a change of leader) is applied as "no change".
    if (!result.ok) return state.confState
    state.confState = result.confState
    state.confIndex = entry.index
    const { role } = state
    if (role.kind === 'leader') {
      membershipChanged(state, role)
    }
    return result.confState
  }
}

/** What a brand-new member starts from. */
export function freshlyRestored(confState: ConfState): Restored {
  return {
    hardState: { term: toTerm(0), vote: undefined, commitIndex: toLogIndex(0) },
    offset: { index: toLogIndex(0), term: toTerm(0) },
    entries: [],
    appliedIndex: toLogIndex(0),
    confState,
  }
}

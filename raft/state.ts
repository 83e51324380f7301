/**
 * The whole state of one member's consensus, as plain data. `raw-node.ts` owns it; the modules beside it
 * (`election`, `replication`, `read-index`, `snapshot`, `roles/`) are functions over it. None of them does
 * I/O, reads a clock or draws randomness except from what is in here.
 *
 * What a role needs is in that role and nowhere else, so that a follower with votes or a candidate with
 * followers cannot be written down.
 */
import { defined } from '../platform/assert.ts'
import type { Random } from '../platform/random.ts'
import type { RaftLog } from './log.ts'
import type { Message } from './message.ts'
import * as joint from './quorum/joint.ts'
import type { LeadershipChange } from './raft-node.ts'
import type { SnapshotMeta } from './state-machine.ts'
import type { Progress } from './tracker/progress.ts'
import type { ConfState, LogIndex, MemberId, Term } from './types.ts'

/** All bounds and times of the core. Milliseconds are of the monotonic clock. */
export interface CoreOptions {
  readonly heartbeatMs: number
  /** The least silence after which a follower campaigns; the actual one is drawn from [it, 1.5 it). */
  readonly electionTimeoutMs: number
  readonly maxMessageBytes: number
  readonly maxInflightMessages: number
  readonly maxInflightBytes: number
  /** Proposals are refused as `busy` beyond this many bytes of uncommitted data. */
  readonly maxUncommittedBytes: number
  /** Committed entries are handed out in portions of about this size. */
  readonly maxApplyBytes: number
}

export interface FollowerRole {
  readonly kind: 'follower'
  leaderId: MemberId | undefined
  /** When the leader was last heard; the recent-leader rule counts from here. */
  heardLeaderMs: number
  /** Campaign at this time unless a leader is heard first. */
  deadlineMs: number
  /** The log is known to equal the leader's up to here; its commit index is believed no further. */
  verifiedIndex: LogIndex
}

export interface CandidateRole {
  readonly kind: 'pre-candidate' | 'candidate'
  readonly isTransfer: boolean
  readonly votes: Map<MemberId, boolean>
  /** The hand-over that holds the own vote; it counts only once that is durable. */
  ownVoteSequence: number | undefined
  deadlineMs: number
}

/** One read, or one follower's batch of reads, that waits for a confirmation of leadership. */
export type ReadRequest =
  | { readonly kind: 'own'; readonly context: number }
  | { readonly kind: 'peer'; readonly from: MemberId; readonly requestId: number }

/** A round of heartbeats that confirms leadership for the requests that had arrived before it began. */
export interface ReadRound {
  readonly id: number
  readonly index: LogIndex
  readonly requests: readonly ReadRequest[]
  readonly acks: Set<MemberId>
}

export interface LeaderRole {
  readonly kind: 'leader'
  /** Every other member of the configuration, in sorted order. The leader's own match is `log.stableIndex`. */
  progress: Map<MemberId, Progress>
  heartbeatDueMs: number
  uncommittedBytes: number
  /** No membership change may be proposed before the entry at this index is applied. */
  pendingConfIndex: LogIndex
  transfer: { readonly to: MemberId; readonly deadlineMs: number; isSent: boolean } | undefined
  readQueue: ReadRequest[]
  readRound: ReadRound | undefined
  /** Ids are never used again within a term, and a term never has a second leader. */
  lastReadId: number
}

export type Role = FollowerRole | CandidateRole | LeaderRole

/** Everything that a step wants done, in order; emptied by `ready`. */
export interface Outbox {
  /** May leave at once. */
  messages: Message[]
  /** Promises: may leave only once the hard state and the entries of this and all earlier steps are durable. */
  promises: Message[]
  readStates: { readonly contexts: readonly number[]; readonly index: LogIndex }[]
  snapshotsToSend: MemberId[]
  install: SnapshotMeta | undefined
  changes: LeadershipChange[]
}

export interface RaftState {
  readonly id: MemberId
  readonly options: CoreOptions
  readonly random: Random
  readonly log: RaftLog
  term: Term
  vote: MemberId | undefined
  role: Role
  confState: ConfState
  /** The index of the last applied membership change. */
  confIndex: LogIndex
  nowMs: number
  /** After an own pause: no conclusions from silence before this time, for what others said may wait unread. */
  graceUntilMs: number
  /** A snapshot is being installed; appends are not taken meanwhile. */
  installing: { readonly meta: SnapshotMeta; readonly from: MemberId } | undefined
  readonly reads: {
    waiting: number[]
    forwarded:
      | { readonly requestId: number; readonly contexts: readonly number[]; readonly sentMs: number }
      | undefined
    /** Begins at a random number far from other lives' ids, so that an answer to a former life fits none. */
    lastRequestId: number
  }
  outbox: Outbox
}

export function emptyOutbox(): Outbox {
  return { messages: [], promises: [], readStates: [], snapshotsToSend: [], install: undefined, changes: [] }
}

/** Who leads, as far as this member knows. */
export function leaderIdOf(state: RaftState): MemberId | undefined {
  if (state.role.kind === 'leader') return state.id
  return state.role.kind === 'follower' ? state.role.leaderId : undefined
}

export function otherMembers(state: RaftState): readonly MemberId[] {
  return joint.allMembers(state.confState).filter((id) => id !== state.id)
}

export function otherVoters(state: RaftState): readonly MemberId[] {
  return joint.allVoters(state.confState).filter((id) => id !== state.id)
}

/** Whether this member alone is a quorum. */
export function isSoleVoter(state: RaftState): boolean {
  return joint.hasQuorum(state.confState, (id) => id === state.id)
}

/** A silence drawn from [E, 1.5 E), so that rarely two members campaign at once (Raft paper 5.2). */
export function drawElectionTimeout(state: RaftState): number {
  const base = state.options.electionTimeoutMs
  return base + (state.random.float() * base) / 2
}

/** The longest silence that any member may draw. */
export function longestElectionTimeoutMs(options: CoreOptions): number {
  return options.electionTimeoutMs * 1.5
}

/** Notes a change of role, term or leader for status, log and metrics. */
export function noteChange(state: RaftState, reason: string): void {
  const change = { term: state.term, leaderId: leaderIdOf(state), role: state.role.kind, reason }
  state.outbox.changes.push(change)
}

/** The term of the last entry at `index`, which must be held. */
export function termOf(log: RaftLog, index: LogIndex): Term {
  return defined(log.termAt(index), `term of entry ${index}`)
}

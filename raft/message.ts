/**
 * What members say to one another. Messages may be lost, doubled, delayed and reordered; every handler
 * must bear that. All carry the sender's term, except that a pre-vote request and its grant carry the
 * term that the asker *would* campaign in.
 *
 * Source: Raft paper, Figure 2; dissertation 3.10 (transfer), 6.4 (reads), 9.6 (pre-vote).
 */
import type { SnapshotMeta } from './state-machine.ts'
import type { Entry, LogIndex, MemberId, Term } from './types.ts'

interface Envelope {
  readonly from: MemberId
  readonly to: MemberId
  readonly term: Term
}

/** Entries that follow `prevIndex`; without entries it probes, or tells the commit index. */
export interface AppendRequest extends Envelope {
  readonly type: 'append'
  readonly prevIndex: LogIndex
  readonly prevTerm: Term
  readonly entries: readonly Entry[]
  readonly commitIndex: LogIndex
}

/** The follower's log equals the leader's up to `matchIndex`, durably. Leaves only after the append is on disk. */
export interface AppendAccepted extends Envelope {
  readonly type: 'append-accepted'
  readonly matchIndex: LogIndex
}

/**
 * The follower has no entry (`prevIndex`, `prevTerm`). `hintIndex` and `hintTerm` name its last entry at or
 * before `prevIndex` whose term is at most `prevTerm`: everything after it cannot match.
 */
export interface AppendRejected extends Envelope {
  readonly type: 'append-rejected'
  readonly prevIndex: LogIndex
  readonly hintIndex: LogIndex
  readonly hintTerm: Term
}

/** Keeps followers from campaigning. `readId` is the running read round's id, 0 without one. */
export interface Heartbeat extends Envelope {
  readonly type: 'heartbeat'
  readonly commitIndex: LogIndex
  readonly readId: number
}

export interface HeartbeatResponse extends Envelope {
  readonly type: 'heartbeat-response'
  readonly readId: number
  /** The follower's, so that a leader notices one that missed the last update. */
  readonly commitIndex: LogIndex
}

export interface VoteRequest extends Envelope {
  readonly type: 'vote'
  readonly isPre: boolean
  /** The leader itself asked for this election: the recent-leader rule does not apply. */
  readonly isTransfer: boolean
  readonly lastIndex: LogIndex
  readonly lastTerm: Term
}

export interface VoteResponse extends Envelope {
  readonly type: 'vote-response'
  readonly isPre: boolean
  readonly isGranted: boolean
  /**
   * The answerer's commit index and that entry's term: a candidate that has this very entry knows then that it
   * is committed. Who missed the commit of the change that made it the only voter could else wait for ever for
   * the vote of a former one (raft-rs, `maybe_commit_by_vote`).
   */
  readonly commitIndex: LogIndex
  readonly commitTerm: Term
}

/** A whole snapshot has arrived beside the message channel and waits to be installed. */
export interface SnapshotArrived extends Envelope {
  readonly type: 'snapshot'
  readonly meta: SnapshotMeta
}

/** Answers a leader of an older term, so that it learns of the newer one and steps down. */
export interface StaleTerm extends Envelope {
  readonly type: 'stale-term'
}

/** The leader asks its chosen successor to campaign at once. */
export interface TimeoutNow extends Envelope {
  readonly type: 'timeout-now'
}

/** A follower asks for a read index. `requestId` is unique for ever per asker. */
export interface ReadIndexRequest extends Envelope {
  readonly type: 'read-index'
  readonly requestId: number
}

export interface ReadIndexResponse extends Envelope {
  readonly type: 'read-index-response'
  readonly requestId: number
  readonly index: LogIndex
}

export type Message =
  | AppendRequest
  | AppendAccepted
  | AppendRejected
  | Heartbeat
  | HeartbeatResponse
  | VoteRequest
  | VoteResponse
  | SnapshotArrived
  | StaleTerm
  | TimeoutNow
  | ReadIndexRequest
  | ReadIndexResponse

/**
 * Raft's front door: one member's consensus, from WAL to peers, around a `StateMachine`.
 * `openRaftNode` (in `driver/`) builds it from powers; this file is the contract that the store relies on.
 */
import type { Address } from '../platform/network.ts'
import type { ConfState, LogIndex, MemberId, Term } from './types.ts'

export interface RaftMember {
  readonly id: MemberId
  readonly name: string
  readonly peerAddress: Address
}

export type RaftRole = 'follower' | 'pre-candidate' | 'candidate' | 'leader'

/** Why a member started an election, won it, stepped down or lost its leader; for status, logs and metrics. */
export interface LeadershipChange {
  readonly term: Term
  readonly leaderId: MemberId | undefined
  readonly role: RaftRole
  /** `election-timeout`, `won`, `higher-term`, `no-quorum`, `disk-stalled`, `transfer`, `new-leader`, `closing`… */
  readonly reason: string
}

export interface RaftStatus {
  readonly id: MemberId
  readonly role: RaftRole
  readonly term: Term
  readonly leaderId: MemberId | undefined
  readonly commitIndex: LogIndex
  readonly appliedIndex: LogIndex
  readonly lastIndex: LogIndex
  readonly firstIndex: LogIndex
  readonly confState: ConfState
  /** 99th percentile of the WAL's recent fdatasyncs, milliseconds. */
  readonly fsyncP99Ms: number
  /** Per peer, on the leader only. */
  readonly progress: readonly {
    readonly id: MemberId
    readonly matchIndex: LogIndex
    readonly state: 'probe' | 'replicate' | 'snapshot'
    /** Milliseconds since the last message from it. */
    readonly silentMs: number
  }[]
  readonly lastChange: LeadershipChange | undefined
}

export type ProposeResult =
  /** Appended at this position. It is committed iff an entry of this term is applied at this index. */
  | { readonly accepted: true; readonly term: Term; readonly index: LogIndex }
  /** Nothing was appended. `busy`: uncommitted entries exceed their bound. */
  | {
      readonly accepted: false
      readonly reason: 'not-leader' | 'transferring' | 'busy' | 'closing'
      readonly leaderId: MemberId | undefined
    }

export type ReadIndexResult =
  /** Once the state machine has applied `index`, a read is linearizable. */
  | { readonly ok: true; readonly index: LogIndex }
  | { readonly ok: false; readonly reason: 'no-leader' | 'leader-changed' | 'timeout' | 'closing' }

export interface RaftNode {
  readonly id: MemberId
  /** Appends a command to the log if this member leads. Batching and group commit happen below. */
  propose(data: Uint8Array): ProposeResult
  /**
   * Confirms leadership with a quorum (dissertation 6.4); on a follower the leader is asked. Many calls
   * share one round. `done` is called exactly once, in an event of its own.
   */
  readIndex(done: (result: ReadIndexResult) => void): void
  /** Moves leadership to the voter most caught up (or to `to`); resolves when another leads, or rejects. */
  transferLeadership(to?: MemberId): Promise<void>
  status(): RaftStatus
  /** Called after every change of role, term or known leader. Set before the first event. */
  onLeadershipChange: (change: LeadershipChange) => void
  /** Transfers leadership if it leads, then ends all tasks and releases the WAL. Idempotent. */
  close(): Promise<void>
}

/** Raft's front door. Source of the words: `types.ts`; contract: `raft-node.ts`, `state-machine.ts`. */
export { openRaftNode, type RaftNodeOptions } from './driver/open-raft-node.ts'
export { defaultTuning, type RaftTuning } from './driver/tuning.ts'
export type {
  LeadershipChange,
  ProposeResult,
  RaftMember,
  RaftNode,
  RaftRole,
  RaftStatus,
  ReadIndexResult,
} from './raft-node.ts'
export type {
  AppliedEntry,
  SnapshotMeta,
  SnapshotReader,
  SnapshotWriter,
  StateMachine,
} from './state-machine.ts'
export type { ConfState, Entry, EntryKind, LogIndex, LogPosition, MemberId, Term } from './types.ts'
export { toLogIndex, toMemberId, toTerm } from './types.ts'
export { WalError } from './wal/recovery.ts'

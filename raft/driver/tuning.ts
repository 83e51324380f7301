/**
 * Times and bounds of a member, with what they were chosen for. A follower campaigns after a silence drawn
 * from [E, 1.5 E): with three members the first of two does so after about 1.17 E. The narrow spread keeps the
 * slowest failover (1.5 E and two round trips) below half a second, and "having granted, stand back" keeps
 * split votes as rare as a wider one would.
 */
import type { CoreOptions } from '../state.ts'

export interface RaftTuning {
  readonly heartbeatMs: number
  /** E above: at least four heartbeats, so that no single lost one matters. */
  readonly electionTimeoutMs: number
  readonly maxInflightMessages: number
  readonly maxInflightBytes: number
  /** An append carries about as much, and one entry at least. */
  readonly maxMessageBytes: number
  /** Proposals are refused as `busy` while more than this waits for a quorum. */
  readonly maxUncommittedBytes: number
  /** Committed entries are applied in portions of about this size, with other events in between. */
  readonly maxApplyBytes: number
  /** A checkpoint is asked for whenever so many entries were applied since the last one, … */
  readonly snapshotEntries: number
  /** … or so many bytes of them: the log is held in memory. */
  readonly snapshotBytes: number
  /** Entries kept behind the durable index, so that a follower that was away for a while needs no snapshot, … */
  readonly catchUpEntries: number
  /** … as long as they weigh no more than this. */
  readonly catchUpBytes: number
  readonly walSegmentBytes: number
  readonly snapshotChunkBytes: number
  /** A read that no leader could confirm by then fails. */
  readonly readTimeoutMs: number
}

export const defaultTuning: RaftTuning = {
  heartbeatMs: 50,
  electionTimeoutMs: 260,
  maxInflightMessages: 256,
  maxInflightBytes: 16 * 1024 * 1024,
  maxMessageBytes: 1024 * 1024,
  maxUncommittedBytes: 64 * 1024 * 1024,
  maxApplyBytes: 256 * 1024,
  snapshotEntries: 10_000,
  snapshotBytes: 16 * 1024 * 1024,
  catchUpEntries: 5000,
  catchUpBytes: 8 * 1024 * 1024,
  walSegmentBytes: 8 * 1024 * 1024,
  snapshotChunkBytes: 256 * 1024,
  readTimeoutMs: 4000,
}

/** The defaults with what was given. @throws RangeError when the times cannot work together */
export function completeTuning(given: Partial<RaftTuning> | undefined): RaftTuning {
  const tuning = { ...defaultTuning, ...given }
  for (const [name, value] of Object.entries(tuning)) {
    if (!(value > 0)) throw new RangeError(`raft tuning ${name}: expected a positive number, found ${value}`)
  }
  if (tuning.electionTimeoutMs < 3 * tuning.heartbeatMs) {
    throw new RangeError(
      `raft tuning: electionTimeoutMs (${tuning.electionTimeoutMs}) must be at least three times heartbeatMs ` +
        `(${tuning.heartbeatMs}), or one late heartbeat would start an election`,
    )
  }
  return tuning
}

export function coreOptions(tuning: RaftTuning): CoreOptions {
  const { heartbeatMs, electionTimeoutMs, maxMessageBytes, maxInflightMessages } = tuning
  const { maxInflightBytes, maxUncommittedBytes, maxApplyBytes } = tuning
  return {
    heartbeatMs,
    electionTimeoutMs,
    maxMessageBytes,
    maxInflightMessages,
    maxInflightBytes,
    maxUncommittedBytes,
    maxApplyBytes,
  }
}

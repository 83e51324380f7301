/**
 * The leader's side of the log: what to send to whom, what their answers mean, what is committed.
 *
 * Nothing is sent while a message is handled: handlers only move each peer's `Progress`, and `sendAppends`
 * runs once when the driver collects what there is to do. So all proposals of one event-loop turn leave as
 * one append per peer, and an ack and a new proposal in the same turn cost one message, not two.
 *
 * Source: Raft paper 5.3, 5.4.2; dissertation 10.2.1 (the leader writes its disk in parallel).
 */
import type { AppendAccepted, AppendRejected, HeartbeatResponse } from './message.ts'
import * as joint from './quorum/joint.ts'
import type { LeaderRole, RaftState } from './state.ts'
import { termOf } from './state.ts'
import type { Progress } from './tracker/progress.ts'
import type { Entry, LogIndex, MemberId } from './types.ts'
import { toLogIndex } from './types.ts'

/** Sends to each peer what it may have now. */
export function sendAppends(state: RaftState, leader: LeaderRole): void {
  for (const [to, progress] of leader.progress) sendAppendsTo(state, to, progress)
}

function sendAppendsTo(state: RaftState, to: MemberId, progress: Progress): void {
  const { log } = state
  while (!progress.isPaused && progress.nextIndex <= log.lastIndex) {
    if (!sendAppend(state, { to, progress, isEmpty: false })) return
  }
  const hasCommitNews =
    progress.state === 'replicate' &&
    progress.sentCommitIndex < Math.min(log.commitIndex, progress.nextIndex - 1)
  if (progress.isNudged || hasCommitNews) sendAppend(state, { to, progress, isEmpty: true })
}

/** Sends one append; false when the peer needs a snapshot instead. */
function sendAppend(
  state: RaftState,
  target: { readonly to: MemberId; readonly progress: Progress; readonly isEmpty: boolean },
): boolean {
  const { log, options, outbox } = state
  const { to, progress } = target
  const prevIndex = toLogIndex(progress.nextIndex - 1)
  const prevTerm = log.termAt(prevIndex)
  if (prevTerm === undefined) {
    progress.becomeSnapshot(log.appliedIndex)
    outbox.snapshotsToSend.push(to)
    return false
  }
  const entries = target.isEmpty ? [] : log.slice(progress.nextIndex, options.maxMessageBytes)
  const { commitIndex } = log
  outbox.messages.push({
    type: 'append',
    from: state.id,
    to,
    term: state.term,
    prevIndex,
    prevTerm,
    entries,
    commitIndex,
  })
  const lastIndex = toLogIndex(prevIndex + entries.length)
  progress.sent({
    lastIndex,
    sizeBytes: bytesOf(entries),
    commitIndex: toLogIndex(Math.min(commitIndex, lastIndex)),
  })
  return true
}

function bytesOf(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entry.data.length
  return bytes
}

/** A peer has stored entries. */
export function stepAppendAccepted(state: RaftState, leader: LeaderRole, message: AppendAccepted): void {
  const progress = leader.progress.get(message.from)
  if (!progress) return
  if (progress.accepted(message.matchIndex, state.log.firstIndex)) advanceCommit(state, leader)
  sendTimeoutNowIfReady(state, leader)
}

/** A peer lacks the entry that an append was to follow: back off, by whole terms where the hint allows it. */
export function stepAppendRejected(state: RaftState, leader: LeaderRole, message: AppendRejected): void {
  const progress = leader.progress.get(message.from)
  if (!progress) return
  // The peer's entries after the hint have other terms than ours at the same place. Ours with a term above
  // the hint's cannot be there either, so the match is at or before our last entry not after the hint.
  const guess = state.log.lastNotAfter({ index: message.hintIndex, term: message.hintTerm })
  progress.rejected(message.prevIndex, guess.index)
}

/** The peer lives. If it lacks entries or the commit index although none are on their way, remind it. */
export function stepHeartbeatResponse(
  state: RaftState,
  leader: LeaderRole,
  message: HeartbeatResponse,
): void {
  const progress = leader.progress.get(message.from)
  if (!progress) return
  const { log } = state
  progress.knownCommitIndex = toLogIndex(Math.max(progress.knownCommitIndex, message.commitIndex))
  const lacksCommit = message.commitIndex < Math.min(log.commitIndex, progress.matchIndex)
  if (progress.state === 'probe' || progress.matchIndex < log.lastIndex || lacksCommit) progress.nudge()
}

/** The transport could not deliver to `id`: what was in flight may be lost, so find the match again. */
export function peerUnreachable(leader: LeaderRole, id: MemberId): void {
  const progress = leader.progress.get(id)
  if (progress?.state === 'replicate') progress.becomeProbe()
}

/**
 * Commits what a quorum has on disk, the leader counting itself by its own disk like any other. Only an
 * entry of the own term is committed by counting; older ones with it (Raft paper 5.4.2, Figure 8).
 */
export function advanceCommit(state: RaftState, leader: LeaderRole): boolean {
  const { log } = state
  const matchIndexOf = (id: MemberId): LogIndex =>
    id === state.id ? log.stableIndex : (leader.progress.get(id)?.matchIndex ?? toLogIndex(0))
  const candidate = joint.committedIndex(state.confState, matchIndexOf)
  if (candidate <= log.commitIndex || candidate > log.lastIndex) return false
  if (termOf(log, candidate) !== state.term) return false
  const before = log.commitIndex
  log.commitTo(candidate)
  releaseUncommitted(state, leader, before)
  return true
}

function releaseUncommitted(state: RaftState, leader: LeaderRole, before: LogIndex): void {
  const { log } = state
  if (leader.uncommittedBytes === 0) return
  if (log.commitIndex === log.lastIndex) {
    leader.uncommittedBytes = 0
    return
  }
  const entries = log.slice(toLogIndex(before + 1), Number.MAX_SAFE_INTEGER)
  for (const entry of entries) {
    if (entry.index > log.commitIndex) break
    leader.uncommittedBytes = Math.max(0, leader.uncommittedBytes - entry.data.length)
  }
}

/** Whether the leader knows the commit index of all former terms: only then may it answer reads. */
export function hasCommittedInTerm(state: RaftState): boolean {
  return state.log.termAt(state.log.commitIndex) === state.term
}

/** Sends a heartbeat to everyone; it carries the running read round. */
export function broadcastHeartbeat(state: RaftState, leader: LeaderRole): void {
  leader.heartbeatDueMs = state.nowMs + state.options.heartbeatMs
  for (const [to, progress] of leader.progress) {
    // A peer is told no commit index beyond what it is known to hold (etcd #5664).
    const commitIndex = toLogIndex(Math.min(state.log.commitIndex, progress.matchIndex))
    const readId = leader.readRound?.id ?? 0
    state.outbox.messages.push({
      type: 'heartbeat',
      from: state.id,
      to,
      term: state.term,
      commitIndex,
      readId,
    })
  }
}

/** The successor has everything: let it campaign (dissertation 3.10). */
export function sendTimeoutNowIfReady(state: RaftState, leader: LeaderRole): void {
  const { transfer } = leader
  if (!transfer || transfer.isSent) return
  if (leader.progress.get(transfer.to)?.matchIndex !== state.log.lastIndex) return
  transfer.isSent = true
  state.outbox.messages.push({ type: 'timeout-now', from: state.id, to: transfer.to, term: state.term })
}

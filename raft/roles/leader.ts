/**
 * The leader: heartbeats, answers, membership, and the three reasons to give up leading by itself: no quorum
 * heard, own disk stalled, removed from the membership.
 */
import { assert, unreachable } from '../../platform/assert.ts'
import type { ConfChange } from '../conf-change.ts'
import { changeMembership, encodeConfChange } from '../conf-change.ts'
import { becomeFollower, isDiskStalled, newProgress } from '../election.ts'
import type { Message } from '../message.ts'
import * as joint from '../quorum/joint.ts'
import { ackRead } from '../read-index.ts'
import {
  advanceCommit,
  broadcastHeartbeat,
  hasCommittedInTerm,
  sendTimeoutNowIfReady,
  stepAppendAccepted,
  stepAppendRejected,
  stepHeartbeatResponse,
} from '../replication.ts'
import type { LeaderRole, RaftState } from '../state.ts'
import { isSoleVoter, longestElectionTimeoutMs, otherMembers } from '../state.ts'
import type { Progress } from '../tracker/progress.ts'
import type { Entry, EntryKind, LogIndex, MemberId } from '../types.ts'
import { toLogIndex } from '../types.ts'

/** Handles a message of the own term. */
export function stepLeader(state: RaftState, leader: LeaderRole, message: Message): void {
  const progress = leader.progress.get(message.from)
  if (progress) progress.heardMs = state.nowMs
  switch (message.type) {
    case 'append-accepted':
      stepAppendAccepted(state, leader, message)
      return
    case 'append-rejected':
      stepAppendRejected(state, leader, message)
      return
    case 'heartbeat-response':
      stepHeartbeatResponse(state, leader, message)
      ackRead(state, leader, message)
      resignIfRemoved(state, leader)
      return
    case 'read-index':
      leader.readQueue.push({ kind: 'peer', from: message.from, requestId: message.requestId })
      return
    case 'append':
    case 'heartbeat':
    case 'snapshot':
      assert(false, () => `two leaders in term ${state.term}: ${state.id} and ${message.from}`)
      return
    case 'vote':
    case 'vote-response':
    case 'stale-term':
    case 'timeout-now':
    case 'read-index-response':
      return
    default:
      unreachable(message)
  }
}

/** Time has passed. */
export function tickLeader(state: RaftState, leader: LeaderRole): void {
  const { nowMs } = state
  if (leader.transfer && nowMs >= leader.transfer.deadlineMs) leader.transfer = undefined
  if (nowMs >= state.graceUntilMs) {
    const reason = whyToStepDown(state, leader)
    if (reason) {
      becomeFollower(state, { term: state.term, leaderId: undefined, reason })
      return
    }
  }
  if (nowMs >= leader.heartbeatDueMs) broadcastHeartbeat(state, leader)
}

function whyToStepDown(state: RaftState, leader: LeaderRole): string | undefined {
  // Alone there is nobody who could do better.
  if (isSoleVoter(state)) return undefined
  const since = state.nowMs - longestElectionTimeoutMs(state.options)
  const isHeard = (id: MemberId) => id === state.id || (leader.progress.get(id)?.heardMs ?? since) > since
  if (!joint.hasQuorum(state.confState, isHeard)) return 'no-quorum'
  return isDiskStalled(state) ? 'disk-stalled' : undefined
}

/** Appends one entry of the own term. */
export function appendOwn(
  state: RaftState,
  leader: LeaderRole,
  command: { readonly kind: EntryKind; readonly data: Uint8Array },
): LogIndex {
  const index = toLogIndex(state.log.lastIndex + 1)
  const entry: Entry = { index, term: state.term, kind: command.kind, data: command.data }
  state.log.append([entry])
  leader.uncommittedBytes += command.data.length
  return index
}

/** Why a membership change may not be proposed now; undefined when it may. */
export function whyNotChange(state: RaftState, leader: LeaderRole, change: ConfChange): string | undefined {
  if (!hasCommittedInTerm(state)) return 'the leader has not committed an entry of its own term yet'
  if (leader.pendingConfIndex > state.log.appliedIndex) return 'another membership change is not applied yet'
  const result = changeMembership(state.confState, change)
  return result.ok ? undefined : result.reason
}

/** Appends a membership change that `whyNotChange` has nothing against. */
export function appendConfChange(state: RaftState, leader: LeaderRole, change: ConfChange): LogIndex {
  const index = appendOwn(state, leader, { kind: 'conf-change', data: encodeConfChange(change) })
  leader.pendingConfIndex = index
  return index
}

/** The membership has changed: follow new peers, forget removed ones. */
export function membershipChanged(state: RaftState, leader: LeaderRole): void {
  const progress = new Map<MemberId, Progress>()
  for (const id of otherMembers(state)) {
    const known = leader.progress.get(id)
    const next = known ?? newProgress(state)
    if (!known) next.nudge()
    progress.set(id, next)
  }
  leader.progress = progress
  if (leader.transfer && !joint.isVoter(state.confState, leader.transfer.to)) leader.transfer = undefined
  advanceCommit(state, leader)
}

/**
 * A leader that is no voter any more leads on, without counting itself, until a quorum of the new membership
 * knows that the change is committed; then it lets the best of them campaign. To stop at once could leave a
 * voter that still lives by the old membership and needs the vote of this longer log, for ever.
 */
function resignIfRemoved(state: RaftState, leader: LeaderRole): void {
  const { confState, confIndex } = state
  if (joint.isVoter(confState, state.id)) return
  const knows = (id: MemberId) => (leader.progress.get(id)?.knownCommitIndex ?? 0) >= confIndex
  if (!joint.hasQuorum(confState, knows)) return
  const voters = [...leader.progress].filter(([id]) => joint.isVoter(confState, id) && knows(id))
  const best = voters.sort(([, a], [, b]) => b.matchIndex - a.matchIndex)[0]
  if (best) state.outbox.messages.push({ type: 'timeout-now', from: state.id, to: best[0], term: state.term })
  becomeFollower(state, { term: state.term, leaderId: undefined, reason: 'removed' })
}

/** Leaves a joint configuration that was to be left by itself, once nothing else is pending. */
export function leaveJointIfDue(state: RaftState, leader: LeaderRole): void {
  const { confState, log } = state
  if (!joint.isJoint(confState) || !confState.autoLeave) return
  if (leader.pendingConfIndex > log.appliedIndex || !hasCommittedInTerm(state)) return
  appendConfChange(state, leader, { transition: 'auto', changes: [] })
}

/** Begins to hand leadership to `to`; false when that is no voter that could take it. */
export function beginTransfer(state: RaftState, leader: LeaderRole, to: MemberId): boolean {
  if (!leader.progress.has(to) || !joint.isVoter(state.confState, to)) return false
  const deadlineMs = state.nowMs + longestElectionTimeoutMs(state.options)
  leader.transfer = { to, deadlineMs, isSent: false }
  sendTimeoutNowIfReady(state, leader)
  return true
}

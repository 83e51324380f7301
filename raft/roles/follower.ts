/**
 * The follower: takes the leader's entries, keeps quiet while it hears it, campaigns when it does not.
 *
 * Its commit index never passes what it has *verified* to equal this leader's log: an index up to which an
 * append of this very term matched. A leader's commit index alone proves nothing about the entries here
 * (Raft paper, Figure 2, "min(leaderCommit, index of last new entry)"; etcd #5664).
 */
import { campaign, mayCampaign } from '../election.ts'
import type { AppendRequest, Heartbeat, Message, TimeoutNow } from '../message.ts'
import { receiveReadIndex, retryForwarded } from '../read-index.ts'
import { stepSnapshot } from '../snapshot.ts'
import type { FollowerRole, RaftState } from '../state.ts'
import { drawElectionTimeout, termOf } from '../state.ts'
import type { Entry, LogPosition } from '../types.ts'
import { toLogIndex } from '../types.ts'

/** Handles a message of the own term. */
export function stepFollower(state: RaftState, role: FollowerRole, message: Message): void {
  switch (message.type) {
    case 'append':
      hear(state, role)
      stepAppend(state, role, message)
      return
    case 'heartbeat':
      hear(state, role)
      stepHeartbeat(state, role, message)
      return
    case 'snapshot':
      hear(state, role)
      stepSnapshot(state, role, message)
      return
    case 'timeout-now':
      stepTimeoutNow(state, role, message)
      return
    case 'read-index-response':
      receiveReadIndex(state, message)
      return
    default:
      // Answers to a former role of this member.
      return
  }
}

/** Time has passed. */
export function tickFollower(state: RaftState, role: FollowerRole): void {
  retryForwarded(state)
  if (state.nowMs < role.deadlineMs || state.nowMs < state.graceUntilMs) return
  if (mayCampaign(state)) {
    campaign(state, { isPre: true, isTransfer: false, reason: 'election-timeout' })
  } else {
    role.deadlineMs = state.nowMs + drawElectionTimeout(state)
  }
}

function hear(state: RaftState, role: FollowerRole): void {
  role.heardLeaderMs = state.nowMs
  role.deadlineMs = state.nowMs + drawElectionTimeout(state)
}

function stepAppend(state: RaftState, role: FollowerRole, message: AppendRequest): void {
  const { log, outbox } = state
  if (state.installing) return
  const { prev, entries } = afterCommit(state, message)
  const matchIndex = log.appendAfter(prev, entries)
  if (matchIndex === undefined) {
    const hint = log.lastNotAfter(prev)
    outbox.messages.push({
      type: 'append-rejected',
      from: state.id,
      to: message.from,
      term: state.term,
      prevIndex: message.prevIndex,
      hintIndex: hint.index,
      hintTerm: hint.term,
    })
    return
  }
  if (matchIndex > role.verifiedIndex) role.verifiedIndex = matchIndex
  log.commitTo(toLogIndex(Math.min(message.commitIndex, role.verifiedIndex)))
  outbox.promises.push({
    type: 'append-accepted',
    from: state.id,
    to: message.from,
    term: state.term,
    matchIndex,
  })
}

/** The append without what is committed here already, which every leader's log contains (Leader Completeness). */
function afterCommit(
  state: RaftState,
  message: AppendRequest,
): { readonly prev: LogPosition; readonly entries: readonly Entry[] } {
  const { commitIndex } = state.log
  const { prevIndex, prevTerm, entries } = message
  if (prevIndex >= commitIndex) return { prev: { index: prevIndex, term: prevTerm }, entries }
  const prev = { index: commitIndex, term: termOf(state.log, commitIndex) }
  return { prev, entries: entries.filter((entry) => entry.index > commitIndex) }
}

function stepHeartbeat(state: RaftState, role: FollowerRole, message: Heartbeat): void {
  const { log, outbox } = state
  log.commitTo(toLogIndex(Math.min(message.commitIndex, role.verifiedIndex)))
  outbox.messages.push({
    type: 'heartbeat-response',
    from: state.id,
    to: message.from,
    term: state.term,
    readId: message.readId,
    commitIndex: log.commitIndex,
  })
}

function stepTimeoutNow(state: RaftState, role: FollowerRole, message: TimeoutNow): void {
  if (role.leaderId !== message.from || !mayCampaign(state)) return
  campaign(state, { isPre: false, isTransfer: true, reason: 'transfer' })
}

/**
 * Who leads: changes of role, campaigns, votes.
 *
 *                       silence of the leader             pre-vote won        own vote durable and
 *               ┌─────────────────────────────┐         ┌──────────────┐      votes of a quorum
 *               │                             ▼         │              ▼     ┌────────────┐
 *   start ─▶ follower ◀── leader heard ── pre-candidate ┘          candidate ┘            ▼
 *               ▲  ▲                          ▲                        │  ▲            leader
 *               │  │                          └──── not won in time ───┘  │              │
 *               │  └──────────── higher term, leader heard, vote lost ────┘              │
 *               │            timeout-now skips the pre-vote                              │
 *               └── higher term, no quorum heard, disk stalled, removed ◀───────────────┘
 *
 * Invariants:
 * - at most one vote per term, durable before the answer leaves, and before the own request leaves too:
 *   else a crash could forget a campaign whose votes still arrive, with a shorter log than they were given for;
 * - a pre-vote changes nothing on either side, so it may be repeated every heartbeat without harm;
 * - whoever has heard a leader within the least election timeout grants nothing (recent-leader rule), unless
 *   that leader asked for the election itself.
 * Source: Raft paper 5.2, 5.4.1; dissertation 3.10, 4.2.3, 9.6.
 */
import { assert } from '../platform/assert.ts'
import type { VoteRequest, VoteResponse } from './message.ts'
import * as joint from './quorum/joint.ts'
import { requeueForwarded, requeueLeaderReads } from './read-index.ts'
import type { CandidateRole, LeaderRole, RaftState } from './state.ts'
import {
  drawElectionTimeout,
  leaderIdOf,
  longestElectionTimeoutMs,
  noteChange,
  otherMembers,
  otherVoters,
  termOf,
} from './state.ts'
import { Progress } from './tracker/progress.ts'
import type { MemberId, Term } from './types.ts'
import { toLogIndex, toTerm } from './types.ts'

const nothing = new Uint8Array(0)

/** Follows `leaderId`, or waits for one, in `term`. A higher term frees the vote. */
export function becomeFollower(
  state: RaftState,
  options: { readonly term: Term; readonly leaderId: MemberId | undefined; readonly reason: string },
): void {
  const { term, leaderId, reason } = options
  assert(term >= state.term, () => `term would fall from ${state.term} to ${term}`)
  const previous = { role: state.role, term: state.term, leaderId: leaderIdOf(state) }
  if (term > state.term) {
    state.term = term
    state.vote = undefined
  }
  state.role = {
    kind: 'follower',
    leaderId,
    heardLeaderMs: state.nowMs,
    deadlineMs: state.nowMs + drawElectionTimeout(state),
    verifiedIndex: state.log.commitIndex,
  }
  if (previous.role.kind === 'leader') requeueLeaderReads(state, previous.role)
  if (previous.leaderId !== leaderId) requeueForwarded(state)
  const isSame = previous.role.kind === 'follower' && previous.term === term && previous.leaderId === leaderId
  if (!isSame) noteChange(state, reason)
}

/** Asks whether an election could be won, or holds it; `isTransfer` when the leader asked for it. */
export function campaign(
  state: RaftState,
  options: { readonly isPre: boolean; readonly isTransfer: boolean; readonly reason: string },
): void {
  const { isPre, isTransfer, reason } = options
  const wasKind = state.role.kind
  assert(wasKind !== 'leader', 'a leader does not campaign')
  requeueForwarded(state)
  if (!isPre) {
    state.term = toTerm(state.term + 1)
    state.vote = state.id
  }
  const { heartbeatMs } = state.options
  const waitMs = isPre ? heartbeatMs * (1 + state.random.float()) : drawElectionTimeout(state) / 2
  const role: CandidateRole = {
    kind: isPre ? 'pre-candidate' : 'candidate',
    isTransfer,
    votes: isPre ? new Map([[state.id, true]]) : new Map(),
    ownVoteSequence: undefined,
    deadlineMs: state.nowMs + waitMs,
  }
  state.role = role
  if (wasKind !== role.kind) noteChange(state, reason)
  requestVotes(state, role)
  concludeElection(state, role)
}

function requestVotes(state: RaftState, role: CandidateRole): void {
  const isPre = role.kind === 'pre-candidate'
  const { log, outbox } = state
  for (const to of otherVoters(state)) {
    const request: VoteRequest = {
      type: 'vote',
      from: state.id,
      to,
      term: isPre ? toTerm(state.term + 1) : state.term,
      isPre,
      isTransfer: role.isTransfer,
      lastIndex: log.lastIndex,
      lastTerm: log.lastTerm,
    }
    if (isPre) outbox.messages.push(request)
    else outbox.promises.push(request)
  }
}

/** Takes a vote of this election into account; called for the own vote once that is durable. */
export function countVote(
  state: RaftState,
  role: CandidateRole,
  vote: { from: MemberId; isGranted: boolean },
): void {
  if (!role.votes.has(vote.from)) role.votes.set(vote.from, vote.isGranted)
  concludeElection(state, role)
}

function concludeElection(state: RaftState, role: CandidateRole): void {
  const result = joint.voteResult(state.confState, (id) => role.votes.get(id))
  if (role.kind === 'pre-candidate') {
    if (result === 'won') campaign(state, { isPre: false, isTransfer: false, reason: 'pre-vote-won' })
  } else if (result === 'won') {
    becomeLeader(state)
  } else if (result === 'lost') {
    becomeFollower(state, { term: state.term, leaderId: undefined, reason: 'vote-lost' })
  }
}

function becomeLeader(state: RaftState): void {
  const { log, options, nowMs } = state
  assert(state.role.kind === 'candidate' && state.vote === state.id, 'only an elected candidate leads')
  const leader: LeaderRole = {
    kind: 'leader',
    progress: new Map(),
    heartbeatDueMs: nowMs + options.heartbeatMs,
    uncommittedBytes: 0,
    // There may be an unapplied change anywhere in the log: none is proposed before all of it is applied.
    pendingConfIndex: log.lastIndex,
    transfer: undefined,
    readQueue: [],
    readRound: undefined,
    lastReadId: 0,
  }
  state.role = leader
  for (const id of otherMembers(state)) leader.progress.set(id, newProgress(state))
  // Commits what former terms left behind, and lets reads begin (Raft paper 8).
  log.append([{ index: toLogIndex(log.lastIndex + 1), term: state.term, kind: 'empty', data: nothing }])
  noteChange(state, 'won')
}

/** What a leader assumes of a peer that it has not heard yet. */
export function newProgress(state: RaftState): Progress {
  const { options, log, nowMs } = state
  const limits = { messagesMax: options.maxInflightMessages, bytesMax: options.maxInflightBytes }
  return new Progress({ nextIndex: toLogIndex(log.lastIndex + 1), nowMs, limits })
}

/** Whether a leader was heard so recently that no election is due. A leader with a quorum always knows one. */
export function hasRecentLeader(state: RaftState): boolean {
  const { role } = state
  if (role.kind === 'leader') return true
  if (role.kind !== 'follower' || !role.leaderId) return false
  return state.nowMs - role.heardLeaderMs < state.options.electionTimeoutMs
}

/** Whether this member may hold an election now. */
export function mayCampaign(state: RaftState): boolean {
  return (
    joint.isVoter(state.confState, state.id) &&
    !state.installing &&
    !state.log.hasUnappliedConfChange() &&
    !isDiskStalled(state)
  )
}

/** Whether an own write has been waiting for the disk for longer than anyone waits for a leader. */
export function isDiskStalled(state: RaftState): boolean {
  const since = state.log.oldestPendingSinceMs
  return since !== undefined && state.nowMs - since > longestElectionTimeoutMs(state.options)
}

/** Answers a vote request of the own term or, for a pre-vote, of any term from the own one on. */
export function stepVoteRequest(state: RaftState, message: VoteRequest): void {
  const isFree = state.vote === undefined && leaderIdOf(state) === undefined
  const mayVote = state.vote === message.from || isFree || (message.isPre && message.term > state.term)
  const isUpToDate = state.log.isUpToDate({ index: message.lastIndex, term: message.lastTerm })
  const isGranted = mayVote && isUpToDate && !isAheadInTie(state, message)
  const response: VoteResponse = {
    type: 'vote-response',
    from: state.id,
    to: message.from,
    term: isGranted ? message.term : state.term,
    isPre: message.isPre,
    isGranted,
    ...commitOf(state),
  }
  if (!isGranted || message.isPre) state.outbox.messages.push(response)
  else state.outbox.promises.push(response)
  if (isGranted) standBack(state, message)
}

/** The commit index, as an answer to a vote request tells it. */
export function commitOf(state: RaftState): Pick<VoteResponse, 'commitIndex' | 'commitTerm'> {
  const { commitIndex } = state.log
  return { commitIndex, commitTerm: termOf(state.log, commitIndex) }
}

/** What another knows to be committed, and this log has, is committed: a fact, whatever terms and roles are now. */
export function learnCommit(state: RaftState, message: VoteResponse): void {
  const { commitIndex: index, commitTerm: term } = message
  if (state.role.kind !== 'leader' && !state.installing && state.log.matches({ index, term }))
    state.log.commitTo(index)
}

/**
 * Two pre-candidates with equal logs would grant each other, campaign both and split the votes. The lower id
 * goes first; a pre-vote promises nothing, so this is a matter of manners, not of safety.
 */
function isAheadInTie(state: RaftState, message: VoteRequest): boolean {
  const { log, role, id } = state
  const isTie = message.lastIndex === log.lastIndex && message.lastTerm === log.lastTerm
  return message.isPre && role.kind === 'pre-candidate' && isTie && id < message.from
}

/** Having granted, leave the other some time to win: two campaigns at once would split the votes. */
function standBack(state: RaftState, message: VoteRequest): void {
  const { term, nowMs, options, random } = state
  if (!message.isPre) {
    state.vote = message.from
    if (state.role.kind === 'follower') state.role.deadlineMs = nowMs + drawElectionTimeout(state)
    return
  }
  const isRival = state.role.kind === 'pre-candidate'
  if (isRival) becomeFollower(state, { term, leaderId: undefined, reason: 'gave-way' })
  if (state.role.kind !== 'follower') return
  const deadlineMs = nowMs + options.heartbeatMs * (1 + random.float())
  state.role.deadlineMs = isRival ? deadlineMs : Math.max(state.role.deadlineMs, deadlineMs)
}

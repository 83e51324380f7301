/**
 * Linearizable reads without a log entry (dissertation 6.4). The leader notes its commit index, confirms with
 * one round of heartbeats that it still leads, and only then lets the read be served at that index.
 *
 *   reads a b ─▶ round 1 (index 7) ──heartbeats──▶ ◀──quorum acks── a b served at 7
 *   reads c d e     gather meanwhile ────────────▶ round 2 …
 *
 * Invariants:
 * - a fresh leader answers nothing before an entry of its own term is committed (etcd #7331);
 * - a read joins only a round that begins after it arrived; a round's id is used once, for its one set of
 *   reads, however often the heartbeat is repeated (etcd #20418);
 * - a follower forwards its reads as one request whose id never comes again; a request without an answer is
 *   asked anew under a new id, so an answer is always to a question asked after the reads arrived.
 */
import * as joint from './quorum/joint.ts'
import { broadcastHeartbeat, hasCommittedInTerm } from './replication.ts'
import type { LeaderRole, RaftState, ReadRequest } from './state.ts'
import { isSoleVoter } from './state.ts'
import type { LogIndex, MemberId } from './types.ts'

/** Starts a round, or forwards to the leader, when reads wait and none is under way. */
export function flushReads(state: RaftState): void {
  const { role } = state
  if (role.kind === 'leader') startRound(state, role)
  else if (role.kind === 'follower' && role.leaderId) forward(state, role.leaderId)
}

function startRound(state: RaftState, leader: LeaderRole): void {
  for (const context of state.reads.waiting) leader.readQueue.push({ kind: 'own', context })
  state.reads.waiting = []
  if (leader.readQueue.length === 0 || leader.readRound || !hasCommittedInTerm(state)) return
  const requests = leader.readQueue
  leader.readQueue = []
  const index = state.log.commitIndex
  if (isSoleVoter(state)) {
    answer(state, requests, index)
    return
  }
  leader.lastReadId += 1
  leader.readRound = { id: leader.lastReadId, index, requests, acks: new Set() }
  broadcastHeartbeat(state, leader)
}

function forward(state: RaftState, leaderId: MemberId): void {
  const { reads } = state
  if (reads.waiting.length === 0 || reads.forwarded) return
  reads.lastRequestId += 1
  reads.forwarded = { requestId: reads.lastRequestId, contexts: reads.waiting, sentMs: state.nowMs }
  reads.waiting = []
  state.outbox.messages.push({
    type: 'read-index',
    from: state.id,
    to: leaderId,
    term: state.term,
    requestId: reads.lastRequestId,
  })
}

/** A peer has heard the heartbeat of round `readId`, or of a later one. */
export function ackRead(state: RaftState, leader: LeaderRole, ack: { from: MemberId; readId: number }): void {
  const round = leader.readRound
  if (!round || ack.readId !== round.id) return
  round.acks.add(ack.from)
  if (!joint.hasQuorum(state.confState, (id) => id === state.id || round.acks.has(id))) return
  leader.readRound = undefined
  answer(state, round.requests, round.index)
}

function answer(state: RaftState, requests: readonly ReadRequest[], index: LogIndex): void {
  const contexts: number[] = []
  for (const request of requests) {
    if (request.kind === 'own') contexts.push(request.context)
    else {
      const { from: to, requestId } = request
      state.outbox.messages.push({
        type: 'read-index-response',
        from: state.id,
        to,
        term: state.term,
        requestId,
        index,
      })
    }
  }
  if (contexts.length > 0) state.outbox.readStates.push({ contexts, index })
}

/** The leader's answer to a forwarded request; one to a question no longer open is ignored. */
export function receiveReadIndex(state: RaftState, response: { requestId: number; index: LogIndex }): void {
  const { forwarded } = state.reads
  if (!forwarded || forwarded.requestId !== response.requestId) return
  state.reads.forwarded = undefined
  state.outbox.readStates.push({ contexts: forwarded.contexts, index: response.index })
}

/** A forwarded request without an answer is asked again, under a new id. */
export function retryForwarded(state: RaftState): void {
  const { forwarded } = state.reads
  if (forwarded && state.nowMs - forwarded.sentMs >= 2 * state.options.heartbeatMs) requeueForwarded(state)
}

/** The leader may have changed: what was asked of the old one is asked of the next. */
export function requeueForwarded(state: RaftState): void {
  const { forwarded } = state.reads
  if (!forwarded) return
  state.reads.forwarded = undefined
  state.reads.waiting = [...forwarded.contexts, ...state.reads.waiting]
}

/** Nobody waits for these contexts any more: what has not been asked yet need not be. */
export function dropReads(state: RaftState, contexts: ReadonlySet<number>): void {
  state.reads.waiting = state.reads.waiting.filter((context) => !contexts.has(context))
  const { role } = state
  if (role.kind !== 'leader') return
  role.readQueue = role.readQueue.filter(
    (request) => request.kind !== 'own' || !contexts.has(request.context),
  )
}

/** Leadership is gone: own reads wait for the next leader; peers ask again by themselves. */
export function requeueLeaderReads(state: RaftState, leader: LeaderRole): void {
  const requests = [...(leader.readRound?.requests ?? []), ...leader.readQueue]
  const own = requests.flatMap((request) => (request.kind === 'own' ? [request.context] : []))
  state.reads.waiting = [...own, ...state.reads.waiting]
}

/**
 * The candidate and the pre-candidate: count votes, give way to a leader, try again when nothing comes.
 *
 * A pre-candidate asks again after one or two heartbeats, not after a whole election timeout: asking changes
 * nothing anywhere, and the usual reason for a refusal (the others have heard the leader a moment later than
 * we did) is gone by then.
 */
import { campaign, countVote, mayCampaign } from '../election.ts'
import type { Message } from '../message.ts'
import type { CandidateRole, RaftState } from '../state.ts'

/** Handles a message of the own term, or a pre-vote's grant. A leader's messages never come here: see `raw-node`. */
export function stepCandidate(state: RaftState, role: CandidateRole, message: Message): void {
  if (message.type !== 'vote-response') return
  if (message.isPre !== (role.kind === 'pre-candidate')) return
  const askedTerm = message.isPre ? state.term + 1 : state.term
  if (message.isGranted && message.term !== askedTerm) return
  countVote(state, role, message)
}

/** Time has passed. */
export function tickCandidate(state: RaftState, role: CandidateRole): void {
  if (state.nowMs < role.deadlineMs || state.nowMs < state.graceUntilMs) return
  if (mayCampaign(state)) {
    campaign(state, { isPre: true, isTransfer: false, reason: 'election-timeout' })
  } else {
    role.deadlineMs = state.nowMs + state.options.heartbeatMs
  }
}

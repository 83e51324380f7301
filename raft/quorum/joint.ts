/**
 * Quorums of a membership, joint or not: while two configurations overlap, each decision needs a
 * majority of both, separately. Source: Raft paper 6, dissertation 4.3.
 */
import type { ConfState, LogIndex, MemberId } from '../types.ts'
import { toLogIndex } from '../types.ts'
import type { VoteResult } from './majority.ts'
import * as majority from './majority.ts'

/** The voters of both halves, each once, sorted. */
export function allVoters(conf: ConfState): readonly MemberId[] {
  return [...new Set([...conf.voters, ...conf.votersOutgoing])].sort()
}

/** Everyone who receives the log, sorted: voters of both halves and learners. */
export function allMembers(conf: ConfState): readonly MemberId[] {
  return [...new Set([...conf.voters, ...conf.votersOutgoing, ...conf.learners, ...conf.learnersNext])].sort()
}

export function isVoter(conf: ConfState, id: MemberId): boolean {
  return conf.voters.includes(id) || conf.votersOutgoing.includes(id)
}

export function isJoint(conf: ConfState): boolean {
  return conf.votersOutgoing.length > 0
}

/** The highest index that a quorum has on disk. */
export function committedIndex(conf: ConfState, matchIndexOf: (id: MemberId) => LogIndex): LogIndex {
  const incoming = majority.committedIndex(conf.voters, matchIndexOf)
  const outgoing = majority.committedIndex(conf.votersOutgoing, matchIndexOf)
  return toLogIndex(Math.min(incoming, outgoing))
}

export function voteResult(conf: ConfState, voteOf: (id: MemberId) => boolean | undefined): VoteResult {
  const incoming = majority.voteResult(conf.voters, voteOf)
  const outgoing = majority.voteResult(conf.votersOutgoing, voteOf)
  if (incoming === 'lost' || outgoing === 'lost') return 'lost'
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending'
}

/** Whether those for whom `isMember` holds are a quorum. */
export function hasQuorum(conf: ConfState, isMember: (id: MemberId) => boolean): boolean {
  return voteResult(conf, isMember) === 'won'
}

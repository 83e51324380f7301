/**
 * Majorities of one set of voters. Source: Raft paper 5.2 and 5.3.
 *
 * An empty set agrees to everything: it is the missing half of a configuration that is not joint.
 */
import type { LogIndex, MemberId } from '../types.ts'
import { toLogIndex } from '../types.ts'

/** How an election stands: `lost` when the missing votes can no longer win it. */
export type VoteResult = 'won' | 'lost' | 'pending'

/** The smallest number of members that is more than half of `count`. */
function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1
}

/** The highest index that a majority has reached; infinity for no voters at all. */
export function committedIndex(
  voters: readonly MemberId[],
  matchIndexOf: (id: MemberId) => LogIndex,
): LogIndex {
  if (voters.length === 0) return toLogIndex(Number.MAX_SAFE_INTEGER)
  const reached = voters.map(matchIndexOf).sort((a, b) => b - a)
  return reached[majorityOf(voters.length) - 1] ?? toLogIndex(0)
}

/** Counts each voter once, whatever it said how often; `voteOf` is undefined for who has not answered. */
export function voteResult(
  voters: readonly MemberId[],
  voteOf: (id: MemberId) => boolean | undefined,
): VoteResult {
  let granted = 0
  let refused = 0
  for (const id of voters) {
    const vote = voteOf(id)
    if (vote === true) granted += 1
    if (vote === false) refused += 1
  }
  if (voters.length === 0 || granted >= majorityOf(voters.length)) return 'won'
  return refused > voters.length - majorityOf(voters.length) ? 'lost' : 'pending'
}

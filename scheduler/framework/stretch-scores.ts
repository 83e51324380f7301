/** Scores of one plugin stretched over [0, maxNodeScore]. */
import { maxNodeScore, type NodeScore } from './extension-points.ts'

/** In place. `isReversed`: the highest becomes 0. All zero stays all zero, or all best when reversed. */
export function stretchScores(scores: readonly NodeScore[], isReversed: boolean): void {
  const highest = scores.reduce((max, { score }) => Math.max(max, score), 0)
  for (const entry of scores) {
    const stretched = highest === 0 ? 0 : Math.floor((maxNodeScore * entry.score) / highest)
    entry.score = isReversed ? maxNodeScore - stretched : stretched
  }
}

/** The queue's order: the more important pod first, then the one that has waited longer. */
import type { Plugin } from '../framework/extension-points.ts'

export function prioritySort(): Plugin {
  return {
    name: 'PrioritySort',
    less(a, b) {
      if (a.info.priority !== b.info.priority) return a.info.priority > b.info.priority
      if (a.queuedAtMs !== b.queuedAtMs) return a.queuedAtMs < b.queuedAtMs
      return a.sequence < b.sequence
    },
  }
}

/** Real time. */
import type { Clock } from '../clock.ts'

export function createNodeClock(): Clock {
  return {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    setTimer: (delayMs, callback) => {
      if (delayMs <= 0) {
        // `setTimeout` would wait a whole millisecond: the event loop's next turn is what "after the current event" means.
        const immediate = setImmediate(callback)
        return { cancel: () => clearImmediate(immediate) }
      }
      const handle = setTimeout(callback, Math.ceil(delayMs))
      return { cancel: () => clearTimeout(handle) }
    },
  }
}

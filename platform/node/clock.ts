/** Real time. */
import type { Clock } from '../clock.ts'

export function createNodeClock(): Clock {
  return {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    setTimer: (delayMs, callback) => {
      const handle = setTimeout(callback, Math.max(0, Math.ceil(delayMs)))
      return { cancel: () => clearTimeout(handle) }
    },
  }
}

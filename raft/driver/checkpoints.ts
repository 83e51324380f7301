/**
 * Keeps the log short: asks the state machine for a checkpoint now and then, and lets go of entries that it
 * will never need again. What a crash would need is never touched: only entries at or before the state
 * machine's *durable* index may go (etcd #10219), and of those the last `catchUpEntries`, but not more than
 * `catchUpBytes`, stay for slow peers.
 */
import type { RaftLog } from '../log.ts'
import type { LogIndex } from '../types.ts'
import { toLogIndex } from '../types.ts'

export interface CheckpointOptions {
  readonly snapshotEntries: number
  readonly snapshotBytes: number
  readonly catchUpEntries: number
  readonly catchUpBytes: number
  readonly log: Pick<RaftLog, 'bytes' | 'indexBefore'>
  readonly durableIndex: () => LogIndex
  /** Entries after this are still needed by a snapshot stream under way. */
  readonly oldestStreamIndex: () => LogIndex
  readonly checkpoint: (done: (error: Error | undefined) => void) => void
  readonly release: (index: LogIndex) => void
  readonly onError: (error: Error) => void
}

export class Checkpoints {
  readonly #options: CheckpointOptions
  #isRunning = false
  #askedAt: number
  /** The log's weight at the last checkpoint, or since it was last made lighter. */
  #askedBytes = 0
  #releasedTo = 0

  constructor(options: CheckpointOptions) {
    this.#options = options
    this.#askedAt = options.durableIndex()
  }

  /** Entries up to `appliedIndex` are applied. */
  applied(appliedIndex: LogIndex): void {
    const { snapshotEntries, snapshotBytes, log, checkpoint, onError } = this.#options
    const isDue =
      appliedIndex - this.#askedAt >= snapshotEntries || log.bytes - this.#askedBytes >= snapshotBytes
    if (this.#isRunning || !isDue) return
    this.#isRunning = true
    this.#askedAt = appliedIndex
    this.#askedBytes = log.bytes
    checkpoint((error) => {
      this.#isRunning = false
      if (error) onError(error)
      else this.release()
    })
  }

  /** Lets go of what is not needed any more. */
  release(): void {
    const { durableIndex, catchUpEntries, catchUpBytes, oldestStreamIndex, log, release } = this.#options
    const durable = durableIndex()
    const spare = Math.max(durable - catchUpEntries, log.indexBefore(catchUpBytes))
    const index = Math.min(spare, durable, oldestStreamIndex())
    if (index <= this.#releasedTo) return
    this.#releasedTo = index
    release(toLogIndex(index))
    this.#askedBytes = Math.min(this.#askedBytes, log.bytes)
  }
}

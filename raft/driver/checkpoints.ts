/**
 * Keeps the log short: asks the state machine for a checkpoint now and then, and lets go of entries that it
 * will never need again. What a crash would need is never touched: only entries at or before the state
 * machine's *durable* index may go (etcd #10219), and of those the last `catchUpEntries` stay for slow peers.
 */
import type { LogIndex } from '../types.ts'
import { toLogIndex } from '../types.ts'

export interface CheckpointOptions {
  readonly snapshotEntries: number
  readonly catchUpEntries: number
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
  #releasedTo = 0

  constructor(options: CheckpointOptions) {
    this.#options = options
    this.#askedAt = options.durableIndex()
  }

  /** Entries up to `appliedIndex` are applied. */
  applied(appliedIndex: LogIndex): void {
    const { snapshotEntries, checkpoint, onError } = this.#options
    if (this.#isRunning || appliedIndex - this.#askedAt < snapshotEntries) return
    this.#isRunning = true
    this.#askedAt = appliedIndex
    checkpoint((error) => {
      this.#isRunning = false
      if (error) onError(error)
      else this.release()
    })
  }

  /** Lets go of what is not needed any more. */
  release(): void {
    const { durableIndex, catchUpEntries, oldestStreamIndex, release } = this.#options
    const index = Math.min(durableIndex() - catchUpEntries, oldestStreamIndex())
    if (index <= this.#releasedTo) return
    this.#releasedTo = index
    release(toLogIndex(index))
  }
}

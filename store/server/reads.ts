/**
 * Linearizable reads: each waits for a ReadIndex confirmed by a quorum, then until this member has applied
 * that far. Reads that arrive while a round is asked for share the next one (Raft batches below).
 */
import type { RaftNode, ReadIndexResult } from '../../raft/raft-node.ts'
import { StoreError } from '../client/store-client.ts'

interface Waiting {
  readonly index: number
  readonly expiresAtMs: number
  readonly run: () => void
  readonly fail: (error: StoreError) => void
}

/** Reads that wait at most, for a quorum or for apply. */
export const readsMax = 10_000

export class Reads {
  readonly #raft: Pick<RaftNode, 'readIndex'>
  readonly #appliedIndex: () => number
  #waiting: Waiting[] = []
  #asking = 0

  constructor(options: { readonly raft: Pick<RaftNode, 'readIndex'>; readonly appliedIndex: () => number }) {
    this.#raft = options.raft
    this.#appliedIndex = options.appliedIndex
  }

  /** Calls `run` when a read here is linearizable; `fail` when that cannot be had. */
  linearizable(expiresAtMs: number, run: () => void, fail: (error: StoreError) => void): void {
    if (this.#asking + this.#waiting.length >= readsMax) {
      fail(new StoreError('too-many-requests', `${readsMax} reads are waiting already; try again later`))
      return
    }
    this.#asking += 1
    this.#raft.readIndex((result) => {
      this.#asking -= 1
      if (result.ok) this.atIndex({ index: result.index, expiresAtMs, run, fail })
      else fail(readError(result.reason))
    })
  }

  /** Calls `run` once `index` has been applied. */
  atIndex(waiting: Waiting): void {
    if (this.#appliedIndex() >= waiting.index) waiting.run()
    else this.#waiting.push(waiting)
  }

  /** Entries were applied. */
  applied(): void {
    if (this.#waiting.length === 0) return
    const index = this.#appliedIndex()
    const ready = this.#waiting.filter((each) => each.index <= index)
    this.#waiting = this.#waiting.filter((each) => each.index > index)
    for (const each of ready) each.run()
  }

  expire(nowMs: number): void {
    this.#end(
      (each) => each.expiresAtMs <= nowMs,
      () => new StoreError('timeout', 'the member did not catch up in time'),
    )
  }

  close(): void {
    this.#end(
      () => true,
      () => new StoreError('closed', 'the member is closing'),
    )
  }

  #end(isOver: (each: Waiting) => boolean, error: () => StoreError): void {
    const over = this.#waiting.filter(isOver)
    this.#waiting = this.#waiting.filter((each) => !isOver(each))
    for (const each of over) each.fail(error())
  }
}

function readError(reason: Extract<ReadIndexResult, { ok: false }>['reason']): StoreError {
  switch (reason) {
    case 'timeout':
      return new StoreError('timeout', 'no quorum confirmed the read in time')
    case 'closing':
      return new StoreError('closed', 'the member is closing')
    case 'no-leader':
    case 'leader-changed':
      return new StoreError('no-leader', `the read could not be confirmed: ${reason}; try again`)
  }
}

/**
 * Commands on their way through the log, by the place where the leader appended them. An entry of the same
 * term applied there brings the outcome; an entry of another term proves that ours will never be applied,
 * so it is safe to try again; anything else (a snapshot took its place, time ran out) leaves it unknown.
 *
 * Two of ours may wait at one index: appended in an old term of ours, and again in a newer one. Which of
 * them it will be is not known before an entry is applied there.
 */
import type { LogIndex, Term } from '../../raft/types.ts'
import type { CommandOutcome, EntryOutcome } from '../apply.ts'
import { StoreError } from '../client/store-client.ts'

/** Called once. */
export type ProposalDone = (result: CommandOutcome | StoreError) => void

interface Pending {
  readonly term: Term
  readonly expiresAtMs: number
  readonly sizeBytes: number
  readonly done: ProposalDone
}

export class Proposals {
  readonly #pending = new Map<LogIndex, Pending[]>()
  #count = 0
  #bytes = 0

  get count(): number {
    return this.#count
  }

  get sizeBytes(): number {
    return this.#bytes
  }

  add(index: LogIndex, pending: Pending): void {
    const same = this.#pending.get(index)
    if (same) same.push(pending)
    else this.#pending.set(index, [pending])
    this.#count += 1
    this.#bytes += pending.sizeBytes
  }

  has(index: LogIndex, term: Term): boolean {
    return this.#pending.get(index)?.some((pending) => pending.term === term) ?? false
  }

  /** An entry was applied: whoever waits at its index has an answer. Each entry of ours has one command. */
  applied({ index, term, outcomes }: EntryOutcome): void {
    const waiting = this.#pending.get(index)
    if (!waiting) return
    this.#pending.delete(index)
    for (const pending of waiting) {
      const outcome = pending.term === term ? outcomes[0] : undefined
      this.#settle(
        pending,
        outcome ??
          new StoreError(
            'no-leader',
            'the leader changed before the write was committed; nothing was written',
          ),
      )
    }
  }

  /** A snapshot replaced everything up to `index`. */
  replaced(index: LogIndex): void {
    this.#endWhere(
      (at) => at <= index,
      () => unknown('a snapshot took the place of its log entry'),
    )
  }

  /** Ends those whose time is over. */
  expire(nowMs: number): void {
    this.#endWhere(
      (_at, pending) => pending.expiresAtMs <= nowMs,
      () => unknown('it was not committed in time'),
    )
  }

  /** Ends all. */
  close(): void {
    this.#endWhere(
      () => true,
      () => unknown('the member is closing'),
    )
  }

  #endWhere(isOver: (index: LogIndex, pending: Pending) => boolean, error: () => StoreError): void {
    for (const [index, waiting] of [...this.#pending]) {
      const over = waiting.filter((pending) => isOver(index, pending))
      if (over.length === 0) continue
      const left = waiting.filter((pending) => !over.includes(pending))
      if (left.length === 0) this.#pending.delete(index)
      else this.#pending.set(index, left)
      for (const pending of over) this.#settle(pending, error())
    }
  }

  #settle(pending: Pending, result: CommandOutcome | StoreError): void {
    this.#count -= 1
    this.#bytes -= pending.sizeBytes
    pending.done(result)
  }
}

function unknown(why: string): StoreError {
  return new StoreError(
    'unknown-outcome',
    `the write may or may not have happened: ${why}; read before writing again`,
  )
}

/**
 * The leader's reading of the lease clock (`lease/lease-table`): the replicated time when its own first
 * entry was applied, plus the monotonic time since. Before that, and on followers, the replicated time.
 */
import type { Clock } from '../../platform/clock.ts'
import type { Term } from '../../raft/types.ts'

export class LeaseClock {
  readonly #clock: Clock
  readonly #replicatedMs: () => number
  #leading:
    | { readonly term: Term; readonly base?: { readonly leaseMs: number; readonly monotonicMs: number } }
    | undefined

  constructor(clock: Clock, replicatedMs: () => number) {
    this.#clock = clock
    this.#replicatedMs = replicatedMs
  }

  /** This member leads from `term` on; undefined: it does not lead. */
  lead(term: Term | undefined): void {
    if (term === undefined) this.#leading = undefined
    else if (this.#leading?.term !== term) this.#leading = { term }
  }

  /** An entry was applied. The first of the own term: all that came before it is known now. */
  applied(term: Term): void {
    if (!this.#leading || this.#leading.base || term !== this.#leading.term) return
    const base = { leaseMs: this.#replicatedMs(), monotonicMs: this.#clock.monotonicMs() }
    this.#leading = { term, base }
  }

  get isLeading(): boolean {
    return this.#leading !== undefined
  }

  /** Whether this member leads and has applied an entry of its own term. */
  get isRunning(): boolean {
    return this.#leading?.base !== undefined
  }

  nowMs(): number {
    const base = this.#leading?.base
    if (!base) return this.#replicatedMs()
    return Math.max(this.#replicatedMs(), base.leaseMs + this.#clock.monotonicMs() - base.monotonicMs)
  }
}

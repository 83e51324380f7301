/**
 * Leases as replicated. Expiry is counted on the lease clock, not on anyone's wall clock: the sum of the
 * time that leaders have led, in milliseconds. Every log entry carries its leader's reading of it, and
 * applying the entry moves the clock forward on all members alike.
 *
 *   leader m1        |---- 4 s ----|             m1 dies; the last entry it sent said 4,000
 *   leader m2                         |-- 3 s --|  starts from 4,000, not from 0
 *   lease of 6 s     granted at 1,000 expires at 7,000: one second after m2 has led for 2 s more
 *
 * So a change of leader neither resets a lease (etcd 9888) nor ends it early: the clock can only lag, by
 * the time since the last entry. While leases exist the leader sends an entry a second (`lease-keeper`).
 */
import { Refusal } from '../errors.ts'

export interface Lease {
  readonly id: string
  readonly ttlMs: number
  /** On the lease clock. */
  readonly expiresAtMs: number
}

/** Leases at most; the state of each lies in memory and in every checkpoint. */
export const leasesMax = 1_000_000

export class LeaseTable {
  readonly #leases = new Map<string, Lease>()
  #clockMs = 0

  /** The lease clock as of the last applied entry. */
  get clockMs(): number {
    return this.#clockMs
  }

  get size(): number {
    return this.#leases.size
  }

  /** Takes the reading that an entry carries. The clock never goes back. */
  advance(clockMs: number): void {
    this.#clockMs = Math.max(this.#clockMs, clockMs)
  }

  has(id: string): boolean {
    return this.#leases.has(id)
  }

  /** @throws Refusal when the id is taken or there are too many */
  grant(id: string, ttlMs: number): void {
    if (this.#leases.has(id)) throw new Refusal('invalid-argument', `lease ${id} exists already`)
    if (this.#leases.size >= leasesMax) {
      throw new Refusal('too-many-requests', `there are ${leasesMax} leases, which is the most; revoke some`)
    }
    this.restore({ id, ttlMs, expiresAtMs: this.#clockMs + ttlMs })
  }

  /** @throws Refusal `lease-not-found` */
  keepAlive(id: string): Lease {
    const lease = this.#get(id)
    const renewed = { ...lease, expiresAtMs: this.#clockMs + lease.ttlMs }
    this.#leases.set(id, renewed)
    return renewed
  }

  /** @throws Refusal `lease-not-found` */
  revoke(id: string): void {
    this.#get(id)
    this.#leases.delete(id)
  }

  #get(id: string): Lease {
    const lease = this.#leases.get(id)
    if (!lease) throw new Refusal('lease-not-found', `lease ${id} does not exist; it may have expired`)
    return lease
  }

  /** Takes a lease from a checkpoint or snapshot. */
  restore(lease: Lease): void {
    this.#leases.set(lease.id, lease)
  }

  /** All leases, by id. */
  list(): readonly Lease[] {
    return [...this.#leases.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Whether a lease is there and its time is over on the replicated clock. */
  isExpired(id: string): boolean {
    const lease = this.#leases.get(id)
    return lease !== undefined && lease.expiresAtMs <= this.#clockMs
  }

  /** Leases whose time is over at `clockMs`, at most `countMax`, the longest overdue first. */
  expired(clockMs: number, countMax: number): readonly Lease[] {
    const over = [...this.#leases.values()].filter((lease) => lease.expiresAtMs <= clockMs)
    over.sort((a, b) => a.expiresAtMs - b.expiresAtMs || (a.id < b.id ? -1 : 1))
    return over.slice(0, countMax)
  }
}

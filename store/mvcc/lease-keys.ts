/** Which live key hangs on which lease, both ways. A key has at most one lease. */
export class LeaseKeys {
  readonly #leaseOf = new Map<string, string>()
  readonly #keysOf = new Map<string, Set<string>>()

  /** Attaches a key to a lease instead of the one before; undefined detaches it. */
  set(key: string, lease: string | undefined): void {
    const before = this.#leaseOf.get(key)
    if (before === lease) return
    if (before !== undefined) this.#detach(key, before)
    if (lease === undefined) return
    this.#leaseOf.set(key, lease)
    const keys = this.#keysOf.get(lease)
    if (keys) keys.add(key)
    else this.#keysOf.set(lease, new Set([key]))
  }

  #detach(key: string, lease: string): void {
    this.#leaseOf.delete(key)
    const keys = this.#keysOf.get(lease)
    keys?.delete(key)
    if (keys?.size === 0) this.#keysOf.delete(lease)
  }

  /** The keys of a lease, in key order. */
  keysOf(lease: string): readonly string[] {
    return [...(this.#keysOf.get(lease) ?? [])].sort()
  }
}

/**
 * Store leases for objects that vanish by themselves (Events). One lease is shared by many objects, as
 * upstream does: for at most 60 s or 5 % of the TTL, whichever is longer, and at most 1,000 objects. The
 * object therefore lives up to that much longer than its TTL, never shorter.
 * Source: k8s.io/apiserver/pkg/storage/etcd3/lease_manager.go.
 */
import type { Clock } from '../../platform/clock.ts'
import type { StoreClient } from '../../store/client/store-client.ts'

const reuseMsMin = 60_000
const reuseShare = 0.05
const objectsPerLeaseMax = 1_000

interface SharedLease {
  readonly id: Promise<string>
  readonly until: number
  objects: number
}

export class EventLeases {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #store: StoreClient
  readonly #byTtl = new Map<number, SharedLease>()

  constructor(clock: Pick<Clock, 'monotonicMs'>, store: StoreClient) {
    this.#clock = clock
    this.#store = store
  }

  /** A lease that keeps a key for `ttlSeconds` or a little longer. @throws StoreError */
  leaseFor(ttlSeconds: number): Promise<string> {
    const now = this.#clock.monotonicMs()
    const shared = this.#byTtl.get(ttlSeconds)
    if (shared && now < shared.until && shared.objects < objectsPerLeaseMax) {
      shared.objects += 1
      return shared.id
    }
    const reuseMs = Math.max(reuseMsMin, ttlSeconds * 1000 * reuseShare)
    const id = this.#store.leaseGrant(ttlSeconds + Math.ceil(reuseMs / 1000))
    const fresh: SharedLease = { id, until: now + reuseMs, objects: 1 }
    this.#byTtl.set(ttlSeconds, fresh)
    id.catch(() => {
      if (this.#byTtl.get(ttlSeconds) === fresh) this.#byTtl.delete(ttlSeconds)
    })
    return id
  }

  /** The lease of this TTL was found to be gone: the next caller grants a new one. */
  forget(ttlSeconds: number): void {
    this.#byTtl.delete(ttlSeconds)
  }
}

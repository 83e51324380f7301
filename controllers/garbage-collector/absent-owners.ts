/**
 * Owners that a live look did not find, so that a thousand dependents ask only once. A uid is never used
 * again, so an entry cannot become wrong; the oldest go beyond the bound.
 */
import type { Identity } from './graph.ts'

/** Entries kept (upstream: 500). */
export const absentOwnersMax = 500

export class AbsentOwners {
  readonly #keys = new Set<string>()

  has(identity: Identity): boolean {
    return this.#keys.has(keyOf(identity))
  }

  add(identity: Identity): void {
    const key = keyOf(identity)
    this.#keys.delete(key)
    this.#keys.add(key)
    if (this.#keys.size <= absentOwnersMax) return
    const [oldest] = this.#keys
    if (oldest !== undefined) this.#keys.delete(oldest)
  }
}

/** The whole identity: a reference may state a wrong kind or namespace for a uid that is there. */
function keyOf({ apiVersion, kind, namespace, name, uid }: Identity): string {
  return [uid, apiVersion, kind, namespace ?? '', name].join('|')
}

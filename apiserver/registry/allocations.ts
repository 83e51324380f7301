/**
 * Things that may be held once in the cluster (Service addresses, node ports), each a key in the store that
 * only one create can win. Two apiservers never give out the same one, whatever they know.
 *
 * A crash between an allocation and its Service leaves the key behind; whoever finds it later asks
 * whether its owner still lives and takes it over if not.
 */
import type { ObjectStorage } from '../storage/object-storage.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
/** An allocation without an owner is taken over only when it is this old: its Service may be on its way. */
const orphanAgeMs = 60_000

export interface Owner {
  readonly namespace: string
  readonly name: string
  readonly uid: string
}

interface Holding extends Owner {
  readonly atMs: number
}

export interface AllocatorParts {
  readonly storage: ObjectStorage
  readonly nowMs: () => number
  /** True while the owner holds what the key says. */
  readonly isHeld: (owner: Owner) => Promise<boolean>
}

export class Allocator {
  readonly #parts: AllocatorParts
  readonly #prefix: string

  /** `prefix`: `/registry/skedia/clusterips/`. */
  constructor(parts: AllocatorParts, prefix: string) {
    this.#parts = parts
    this.#prefix = prefix
  }

  /** False when another holds it. @throws StoreError */
  async take(item: string, owner: Owner): Promise<boolean> {
    const { storage, nowMs } = this.#parts
    const value = encoder.encode(JSON.stringify({ ...owner, atMs: nowMs() }))
    const result = await storage.put(this.#prefix + item, value, 0)
    if (result.outcome === 'written') return true
    if (!result.found) return false
    const holding = holdingOf(result.found.value)
    if (holding.uid === owner.uid) return true
    if (nowMs() - holding.atMs < orphanAgeMs || (await this.#parts.isHeld(holding))) return false
    const taken = await storage.put(this.#prefix + item, value, result.found.revision)
    return taken.outcome === 'written'
  }

  /** True when nobody could take it now: for dry runs. */
  async isTaken(item: string): Promise<boolean> {
    return (await this.#parts.storage.get(this.#prefix + item)) !== undefined
  }

  /** Gives it back if `uid` holds it. */
  async release(item: string, uid: string): Promise<void> {
    const { storage } = this.#parts
    const found = await storage.get(this.#prefix + item)
    if (found && holdingOf(found.value).uid === uid) await storage.delete(found.key, found.revision)
  }
}

function holdingOf(value: Uint8Array): Holding {
  const parsed: Readonly<Record<string, unknown>> = Object.fromEntries(
    Object.entries(JSON.parse(decoder.decode(value)) ?? {}),
  )
  const text = (field: string) => String(parsed[field] ?? '')
  return { namespace: text('namespace'), name: text('name'), uid: text('uid'), atMs: Number(parsed['atMs']) }
}

/** What the watch cache tells its watchers: one change of one key, with what was there before. */
import type { StoredObject } from '../storage/stored-object.ts'

export type WatchType = 'ADDED' | 'MODIFIED' | 'DELETED'

/** One change. Immutable but for memorised encodings, which all watchers share. */
export class CacheEvent {
  readonly revision: number
  readonly key: string
  /** After the change; undefined when it deleted the key. */
  readonly current: StoredObject | undefined
  /** Before the change; undefined when it created the key. */
  readonly previous: StoredObject | undefined
  #last: StoredObject | undefined
  readonly #encoded = new Map<WatchType, Uint8Array>()

  constructor(options: {
    revision: number
    key: string
    current: StoredObject | undefined
    previous: StoredObject | undefined
  }) {
    this.revision = options.revision
    this.key = options.key
    this.current = options.current
    this.previous = options.previous
  }

  /** The state before the change with the change's revision: what a DELETED event carries. */
  lastState(): StoredObject | undefined {
    this.#last ??= this.previous?.at(this.revision)
    return this.#last
  }

  /** Lets go of what was memorised: nobody is expected to read this change soon. */
  forget(): void {
    this.#encoded.clear()
    this.#last = undefined
    this.previous?.forget()
  }

  /** The bytes of this change as seen by a plain JSON watcher, encoded once. */
  encoded(type: WatchType, encode: () => Uint8Array): Uint8Array {
    const known = this.#encoded.get(type)
    if (known) return known
    const bytes = encode()
    this.#encoded.set(type, bytes)
    return bytes
  }
}

/** What one watcher is to be told. */
export interface WatcherEvent {
  readonly type: WatchType
  readonly object: StoredObject
  /** The cache's event, which memorises encodings; undefined for synthetic initial events. */
  readonly source: CacheEvent | undefined
}

/**
 * The view of one watcher on a change: an object that enters its selection is ADDED, one that leaves it
 * is DELETED with its last selected state and the new resourceVersion.
 */
export function viewOf(
  event: CacheEvent,
  matches: (object: StoredObject) => boolean,
): WatcherEvent | undefined {
  const isIn = event.current !== undefined && matches(event.current)
  const wasIn = event.previous !== undefined && matches(event.previous)
  if (isIn && event.current)
    return { type: wasIn ? 'MODIFIED' : 'ADDED', object: event.current, source: event }
  const last = wasIn ? event.lastState() : undefined
  return last ? { type: 'DELETED', object: last, source: event } : undefined
}

/**
 * One watch on the cache: a bounded queue between the cache, which pushes, and the response, which pulls.
 *
 *     initial events (optional, not counted)  →  [initial-events-end]  →  changes and bookmarks, by revision
 *
 * A watcher that does not keep up is ended, not waited for: the client resumes from its last
 * resourceVersion. Bookmarks go through the same queue, so one at revision R is read after every
 * selected change up to R.
 */
import type { StoredObject } from '../storage/stored-object.ts'
import { type CacheEvent, viewOf, type WatcherEvent } from './cache-event.ts'

/** Changes that may wait for a slow reader before its watch is ended. */
export const queuedEventsMax = 4_096

export type WatchItem =
  | ({ readonly kind: 'event' } & WatcherEvent)
  | { readonly kind: 'bookmark'; readonly revision: number; readonly isInitialEnd: boolean }

export interface WatcherOptions {
  readonly prefix: string
  readonly matches: (object: StoredObject) => boolean
  /** Changes at or below it are known to the watcher. */
  readonly afterRevision: number
  readonly wantsBookmarks: boolean
  readonly onClose: (watcher: Watcher) => void
}

/** `expired`: its time was up. `slow`: it did not keep up. `reset`: the cache was reloaded. */
export type WatcherEnd = 'open' | 'cancelled' | 'expired' | 'slow' | 'reset'

export class Watcher {
  readonly #options: WatcherOptions
  readonly #initial: WatchItem[] = []
  #initialAt = 0
  #queue: WatchItem[] = []
  #sentRevision: number
  #waiting: (() => void) | undefined
  #end: WatcherEnd = 'open'

  constructor(options: WatcherOptions) {
    this.#options = options
    this.#sentRevision = options.afterRevision
  }

  /** Why it ended, or `open`. */
  get end(): WatcherEnd {
    return this.#end
  }

  /** Everything up to this revision has been queued. */
  get revision(): number {
    return this.#sentRevision
  }

  /** Synthetic events that come before everything else. Only before the first read. */
  begin(items: readonly WatchItem[]): void {
    for (const item of items) this.#initial.push(item)
  }

  /** A change from the cache, in revision order. */
  push(event: CacheEvent): void {
    if (this.#end !== 'open' || event.revision <= this.#options.afterRevision) return
    this.#sentRevision = event.revision
    if (!event.key.startsWith(this.#options.prefix)) return
    const view = this.#viewOf(event)
    if (view) this.#enqueue({ kind: 'event', ...view })
  }

  /** Tells the client how far it has come. */
  bookmark(revision: number): void {
    if (this.#end !== 'open' || !this.#options.wantsBookmarks) return
    if (revision < this.#options.afterRevision) return
    this.#enqueue({ kind: 'bookmark', revision, isInitialEnd: false })
  }

  /** Everything that is ready, waiting for at least one item; undefined at the end. One reader. */
  async read(batchMax: number): Promise<readonly WatchItem[] | undefined> {
    for (;;) {
      if (this.#initialAt < this.#initial.length) {
        const batch = this.#initial.slice(this.#initialAt, this.#initialAt + batchMax)
        this.#initialAt += batch.length
        if (this.#initialAt >= this.#initial.length) this.#initial.length = this.#initialAt = 0
        return batch
      }
      if (this.#queue.length > 0) {
        const batch = this.#queue.splice(0, batchMax)
        return batch
      }
      if (this.#end !== 'open') return undefined
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
  }

  /** Ends the watch: what is queued can still be read, unless it was cancelled. Idempotent. */
  close(end: Exclude<WatcherEnd, 'open'>): void {
    if (this.#end !== 'open') return
    this.#end = end
    if (end === 'cancelled') {
      this.#queue = []
      this.#initial.length = this.#initialAt = 0
    }
    this.#options.onClose(this)
    this.#wake()
  }

  /** An object that cannot be decoded ends this watch, not the cache. */
  #viewOf(event: CacheEvent): WatcherEvent | undefined {
    try {
      return viewOf(event, this.#options.matches)
    } catch {
      this.close('reset')
      return undefined
    }
  }

  #enqueue(item: WatchItem): void {
    if (this.#queue.length >= queuedEventsMax) {
      this.close('slow')
      return
    }
    this.#queue.push(item)
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.()
  }
}

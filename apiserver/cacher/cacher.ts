/**
 * The watch cache of one resource: its objects at one revision, kept current by one watch on the store,
 * and the window of recent changes. Lists, gets and watches of all clients are served from here.
 *
 *     idle ──start──▶ loading ──list at R──▶ ready ──watch lost to compaction──▶ loading
 *
 * Promises. (1) `revision` only grows while ready; the objects are exactly the store's at that
 * revision. (2) A watcher hears every selected change after its start once, in revision order. (3) After
 * a reload every watcher is ended, for the gap cannot be told. Not promised: that the cache is fresh;
 * ask with `waitFor` a revision that the store gave.
 */
import { type Clock, DeadlineExceeded, sleep } from '../../platform/clock.ts'
import { messageOf } from '../../platform/assert.ts'
import type { Log } from '../../platform/log.ts'
import {
  prefixEnd,
  type StoreClient,
  StoreError,
  type Watch,
  type WatchBatch,
} from '../../store/client/store-client.ts'
import { keyBytes, keyText } from '../storage/keys.ts'
import { StoredObject } from '../storage/stored-object.ts'
import { CacheEvent } from './cache-event.ts'
import { defaultRingLimits, EventRing, type RingLimits } from './event-ring.ts'
import { SortedMap } from './sorted-map.ts'
import { Watcher, type WatchItem } from './watcher.ts'

const listPageMax = 500
const reloadPauseMs = 100
/** How often progress is asked for while somebody waits for a revision. */
const progressAskMs = 20

export interface CacherOptions {
  readonly clock: Clock
  readonly log: Log
  readonly store: StoreClient
  /** `/registry/pods/` */
  readonly prefix: string
  readonly ringLimits?: RingLimits
}

export interface WatchStart {
  readonly prefix: string
  readonly matches: (object: StoredObject) => boolean
  /** Begin with the present objects as ADDED events. */
  readonly withInitial: boolean
  /** After the initial events a bookmark that says so. */
  readonly withInitialEnd: boolean
  /** Resume after this revision; undefined: from now. */
  readonly afterRevision: number | undefined
  readonly wantsBookmarks: boolean
}

/** The revision from which a watch was to resume is no longer in the window. */
export class RevisionTooOld extends Error {
  readonly code = 'E_REVISION_TOO_OLD'
  readonly oldest: number
  constructor(revision: number, oldest: number) {
    super(`too old resource version: ${revision} (${oldest})`)
    this.name = 'RevisionTooOld'
    this.oldest = oldest
  }
}

export class Cacher {
  readonly #options: CacherOptions
  readonly #objects = new SortedMap<StoredObject>()
  readonly #watchers = new Set<Watcher>()
  readonly #waiting = new Set<() => void>()
  #ring: EventRing | undefined
  #revision = 0
  #changes = 0
  #watch: Watch | undefined
  #startHint: number | undefined
  #askedAtMs = Number.NEGATIVE_INFINITY
  #askedFor = 0

  constructor(options: CacherOptions) {
    this.#options = options
  }

  /** Objects and window stand; false before the first load and during a reload. */
  get isReady(): boolean {
    return this.#ring !== undefined
  }

  get revision(): number {
    return this.#revision
  }

  /** Grows with every change of any object: a key for what is derived from them. */
  get changes(): number {
    return this.#changes
  }

  get watcherCount(): number {
    return this.#watchers.size
  }

  get objectCount(): number {
    return this.#objects.size
  }

  /** Start loading at this old revision, so that a first watch can resume from there. */
  hintStart(revision: number): void {
    this.#startHint ??= revision
  }

  /** Loads and follows until the signal aborts; then every watcher is ended. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = () => this.#watch?.cancel()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      while (!signal.aborted) {
        await this.#loadAndFollow(signal)
        this.#reset()
        if (!signal.aborted) await sleep(this.#options.clock, reloadPauseMs, signal)
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#reset()
    }
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key)
  }

  /** Objects below `prefix` in key order, all of revision `this.revision`. */
  list(prefix: string): readonly StoredObject[] {
    return this.#objects.withPrefix(prefix)
  }

  /**
   * Resolves when the cache is ready and has reached `revision`.
   * @throws DeadlineExceeded after `timeoutMs`; the signal's reason
   */
  async waitFor(revision: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const until = clock.monotonicMs() + timeoutMs
    while (!this.isReady || this.#revision < revision) {
      const leftMs = until - clock.monotonicMs()
      if (leftMs <= 0)
        throw new DeadlineExceeded(
          `wait for ${this.#options.prefix} at revision ${revision} (is at ${this.#revision})`,
          timeoutMs,
        )
      if (signal?.aborted) throw signal.reason
      this.#askProgress(revision)
      await this.#nextChange(Math.min(leftMs, progressAskMs), signal)
    }
  }

  /** @throws RevisionTooOld when `afterRevision` is out of the window */
  watch(start: WatchStart): Watcher {
    const ring = this.#ring
    if (!ring) throw new RevisionTooOld(start.afterRevision ?? 0, this.#revision)
    const isResume = start.afterRevision !== undefined && !start.withInitial
    if (isResume && (start.afterRevision ?? 0) < ring.oldestResumable)
      throw new RevisionTooOld(start.afterRevision ?? 0, ring.oldestResumable)
    const watcher = new Watcher({
      prefix: start.prefix,
      matches: start.matches,
      afterRevision: isResume ? (start.afterRevision ?? 0) : this.#revision,
      wantsBookmarks: start.wantsBookmarks,
      onClose: (closed) => this.#watchers.delete(closed),
    })
    if (start.withInitial) watcher.begin(this.#initialItems(start))
    if (isResume) for (const event of ring.since(start.afterRevision ?? 0)) watcher.push(event)
    if (watcher.end === 'open') this.#watchers.add(watcher)
    return watcher
  }

  /** Asks the store how far it has come; idle caches learn it this way. */
  requestProgress(): void {
    this.#watch?.requestProgress()
  }

  /** One question for each revision that somebody waits for, and again after `progressAskMs`. */
  #askProgress(wanted: number): void {
    const now = this.#options.clock.monotonicMs()
    if (wanted <= this.#askedFor && now - this.#askedAtMs < progressAskMs) return
    this.#askedAtMs = now
    this.#askedFor = wanted
    this.#watch?.requestProgress()
  }

  /** Tells every watcher that wants bookmarks how far the cache has come. */
  sendBookmarks(): void {
    if (!this.isReady) return
    for (const watcher of [...this.#watchers]) watcher.bookmark(this.#revision)
  }

  #initialItems(start: WatchStart): readonly WatchItem[] {
    const items: WatchItem[] = []
    for (const object of this.list(start.prefix)) {
      if (start.matches(object)) items.push({ kind: 'event', type: 'ADDED', object, source: undefined })
    }
    if (start.withInitialEnd) items.push({ kind: 'bookmark', revision: this.#revision, isInitialEnd: true })
    return items
  }

  async #loadAndFollow(signal: AbortSignal): Promise<void> {
    try {
      const revision = await this.#load(signal)
      const watch = this.#options.store.watch({
        key: keyBytes(this.#options.prefix),
        rangeEnd: prefixEnd(keyBytes(this.#options.prefix)),
        startRevision: revision + 1,
        progressNotify: true,
      })
      this.#watch = watch
      for (;;) {
        const batch = signal.aborted ? undefined : await watch.read()
        if (!batch) break
        this.#apply(batch)
      }
    } catch (error) {
      if (signal.aborted) return
      this.#options.log.warn('watch cache reloads', {
        prefix: this.#options.prefix,
        error: messageOf(error),
      })
    } finally {
      this.#watch?.cancel()
      this.#watch = undefined
    }
  }

  /** Reads all objects at one revision, page by page. */
  async #load(signal: AbortSignal): Promise<number> {
    const hint = this.#startHint
    this.#startHint = undefined
    if (hint !== undefined) {
      try {
        return await this.#loadAt(hint, signal)
      } catch (error) {
        if (
          !(error instanceof StoreError) ||
          (error.code !== 'compacted' && error.code !== 'future-revision')
        )
          throw error
      }
    }
    return await this.#loadAt(undefined, signal)
  }

  async #loadAt(at: number | undefined, signal: AbortSignal): Promise<number> {
    const rangeEnd = prefixEnd(keyBytes(this.#options.prefix))
    const loaded: StoredObject[] = []
    let key = keyBytes(this.#options.prefix)
    let revision = at
    for (;;) {
      const page = await this.#options.store.range(
        { key, rangeEnd, limit: listPageMax, ...(revision === undefined ? {} : { revision }) },
        { signal },
      )
      revision ??= page.revision
      for (const kv of page.kvs) loaded.push(new StoredObject(keyText(kv.key), kv.modRevision, kv.value))
      const last = page.kvs.at(-1)
      if (!page.more || !last) break
      key = Uint8Array.of(...last.key, 0)
    }
    this.#objects.clear()
    for (const object of loaded) this.#objects.set(object.key, object)
    this.#revision = revision
    this.#changes += 1
    this.#ring = new EventRing(revision, this.#options.ringLimits ?? defaultRingLimits)
    this.#wakeWaiting()
    return revision
  }

  #apply(batch: WatchBatch): void {
    const events: CacheEvent[] = []
    for (const { type, kv } of batch.events) {
      const key = keyText(kv.key)
      const previous = this.#objects.get(key)
      const current = type === 'put' ? new StoredObject(key, kv.modRevision, kv.value) : undefined
      if (current) this.#objects.set(key, current)
      else this.#objects.delete(key)
      if (current || previous)
        events.push(new CacheEvent({ revision: kv.modRevision, key, current, previous }))
    }
    const isNewer = batch.revision > this.#revision
    if (isNewer) this.#revision = batch.revision
    if (events.length > 0) {
      this.#changes += 1
      this.#ring?.append(events, this.#options.clock.monotonicMs())
      for (const watcher of [...this.#watchers]) for (const event of events) watcher.push(event)
    }
    if (isNewer) this.#wakeWaiting()
  }

  #reset(): void {
    this.#ring = undefined
    for (const watcher of [...this.#watchers]) watcher.close('reset')
    this.#wakeWaiting()
  }

  #wakeWaiting(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  /** Resolves at the next change of state, after `timeoutMs`, or when the signal aborts. */
  #nextChange(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel()
        this.#waiting.delete(done)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = this.#options.clock.setTimer(timeoutMs, done)
      this.#waiting.add(done)
      signal?.addEventListener('abort', done, { once: true })
    })
  }
}

/**
 * One watch cache per storage path, started when somebody first asks: a small cluster keeps a handful of
 * them, and an apiserver is ready before any resource is loaded. Kinds that share their storage (events)
 * share their cache.
 */
import { sleep, type Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { TaskGroup } from '../../platform/tasks.ts'
import type { StoreClient } from '../../store/client/store-client.ts'
import type { RevisionReader } from '../storage/revision-reader.ts'
import { kindPrefix } from '../storage/keys.ts'
import { Cacher } from './cacher.ts'

/** Watchers that asked for bookmarks get one about this often. */
const bookmarkIntervalMs = 60_000
/** Time for the store to answer a progress request before the bookmarks go out. */
const progressSettleMs = 500

export class CacherSet {
  readonly #powers: { readonly clock: Clock; readonly log: Log }
  readonly #store: StoreClient
  readonly #tasks: TaskGroup
  readonly #revisions: RevisionReader
  readonly #cachers = new Map<string, Cacher>()

  constructor(
    powers: { clock: Clock; log: Log },
    store: StoreClient,
    revisions: RevisionReader,
    tasks: TaskGroup,
  ) {
    this.#revisions = revisions
    this.#powers = powers
    this.#store = store
    this.#tasks = tasks
    tasks.run('bookmarks', (signal) => this.#sendBookmarks(signal))
  }

  /** The cache of a kind's storage path, started if need be. `resumeFrom`: load at this revision if it is the first. */
  for(kind: { readonly storagePath: string }, resumeFrom?: number): Cacher {
    const prefix = kindPrefix(kind)
    const known = this.#cachers.get(prefix)
    if (known) return known
    const cacher = new Cacher({ ...this.#powers, store: this.#store, prefix })
    if (resumeFrom !== undefined) cacher.hintStart(resumeFrom)
    this.#cachers.set(prefix, cacher)
    this.#tasks.run(`watch cache ${prefix}`, (signal) => cacher.run(signal))
    return cacher
  }

  /** Resolves when a cache shows every write acknowledged before this call. @throws DeadlineExceeded; StoreError */
  async waitUntilFresh(cacher: Cacher, timeoutMs: number): Promise<void> {
    await cacher.waitFor(await this.#revisions.current(), timeoutMs)
  }

  /** Storage prefix and cache of each started one, in order of start. */
  started(): ReadonlyMap<string, Cacher> {
    return this.#cachers
  }

  async #sendBookmarks(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(this.#powers.clock, bookmarkIntervalMs - progressSettleMs, signal)
      for (const cacher of this.#cachers.values()) cacher.requestProgress()
      await sleep(this.#powers.clock, progressSettleMs, signal)
      for (const cacher of this.#cachers.values()) cacher.sendBookmarks()
    }
  }
}

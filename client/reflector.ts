/**
 * Keeps a local picture of a collection equal to the server's: list once, then watch for ever.
 *
 *   list ──► replace(items, rv) ──► watch from rv ──► apply(event) …
 *    ▲                                 │  ended, cut, silent, 5xx: watch again from the last rv
 *    └──────────── 410 ────────────────┘
 *
 * Promised: `replace` comes first; events come in the server's order, none twice, none missing between two
 * `replace`s; the picture never goes back in time (lists are consistent, watches resume at the last seen
 * resourceVersion). A silent cut is noticed by the client's probe or, at the latest, by the end of the watch.
 * Not promised: every intermediate state. After a relist only the difference is seen.
 *
 * Source: client-go `tools/cache/reflector.go`.
 */
import { ApiError, isGone } from '../api/meta/status.ts'
import { messageOf } from '../platform/assert.ts'
import { sleep } from '../platform/clock.ts'
import type { ClientPowers, ResourceClient, SelectorOptions, WatchEvent } from './api-client.ts'
import { Backoff } from './backoff.ts'
import { listAll } from './pages.ts'

/** Where a reflector delivers. Called synchronously, in order. */
export interface ReflectorTarget<T> {
  replace(items: readonly T[], resourceVersion: string): void
  apply(event: WatchEvent<T>): void
}

export interface ReflectorOptions<T> {
  readonly name: string
  readonly client: Pick<ResourceClient<T>, 'list' | 'watch'>
  readonly selectors: SelectorOptions
  readonly target: ReflectorTarget<T>
  readonly resourceVersionOf: (object: T) => string
}

const backoffOptions = { baseMs: 100, maxMs: 3000, jitterFactor: 1 } as const
/** Watches last between this and twice this; the draw keeps many clients from renewing in one moment. */
const watchSecondsMin = 30
/** A watch that ends sooner counts as a failure, so that a server that ends each at once is not hammered. */
const watchMsMin = 1000

/** Runs until `signal` aborts; never rejects for the world's errors. */
export async function runReflector<T>(
  powers: Pick<ClientPowers, 'clock' | 'random' | 'log'>,
  options: ReflectorOptions<T>,
  signal: AbortSignal,
): Promise<void> {
  const random = powers.random.fork(`reflector/${options.name}`)
  const backoff = new Backoff(random, backoffOptions)
  let resourceVersion: string | undefined
  const watchOnce = async (from: string) => {
    const startMs = powers.clock.monotonicMs()
    const stream = await options.client.watch({
      ...options.selectors,
      resourceVersion: from,
      allowWatchBookmarks: true,
      timeoutSeconds: watchSecondsMin + random.int(watchSecondsMin),
      signal,
    })
    try {
      for (let event = await stream.read(); event !== undefined; event = await stream.read()) {
        backoff.reset()
        resourceVersion =
          event.type === 'BOOKMARK' ? event.resourceVersion : options.resourceVersionOf(event.object)
        options.target.apply(event)
      }
    } finally {
      stream.cancel()
    }
    if (powers.clock.monotonicMs() - startMs < watchMsMin) throw new Error('the watch ended at once')
    backoff.reset()
  }
  while (!signal.aborted) {
    try {
      if (resourceVersion === undefined) {
        const all = await listAll(options.client, { ...options.selectors, signal })
        resourceVersion = all.resourceVersion
        options.target.replace(all.items, all.resourceVersion)
      }
      await watchOnce(resourceVersion)
    } catch (error) {
      if (signal.aborted) return
      if (isGone(error)) resourceVersion = undefined
      const report = error instanceof ApiError && !isGone(error) && error.code < 500 ? 'warn' : 'debug'
      powers.log[report]('watch interrupted', { resource: options.name, error: messageOf(error) })
      await sleep(powers.clock, backoff.nextMs(), signal).catch(() => {})
    }
  }
}

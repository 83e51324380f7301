/** One informer per collection and selector, shared by all that ask (client-go's SharedInformerFactory). */
import type { Resource } from '../api/kind.ts'
import { messageOf } from '../platform/assert.ts'
import type { TaskGroup } from '../platform/tasks.ts'
import type { ApiClient, ApiObject, ClientPowers, SelectorOptions } from './api-client.ts'
import { Cache, type Informer } from './informer.ts'
import { runReflector } from './reflector.ts'
import { trusted } from '../api/meta/json.ts'

export interface InformerScope extends SelectorOptions {
  readonly namespace?: string | undefined
}

export interface Informers {
  /** The shared informer of this collection; made on first use, running once `start` was called. */
  for<T extends ApiObject>(resource: Resource<T>, scope?: InformerScope): Informer<T>
  /** Starts every informer, and each that is asked for later. */
  start(): void
  /** Resolves when every informer asked for so far has its first list. @throws the signal's reason */
  waitForSync(signal?: AbortSignal): Promise<void>
  /** Names of the informers that have no list yet: what a start is waiting for. */
  missing(): readonly string[]
}

/** Makes informers whose reflectors run in `tasks` until it closes. */
export function createInformers(
  powers: Pick<ClientPowers, 'clock' | 'random' | 'log'>,
  client: ApiClient,
  tasks: TaskGroup,
): Informers {
  const started: {
    readonly name: string
    readonly run: () => void
    readonly cache: { hasSynced(): boolean }
  }[] = []
  const byName = new Map<string, unknown>()
  const waiters = new Set<() => void>()
  let isStarted = false
  const onSynced = () => {
    for (const waiter of [...waiters]) waiter()
  }
  const create = <T extends ApiObject>(resource: Resource<T>, scope: InformerScope, name: string) => {
    const cache = new Cache<T>({
      onSynced,
      onHandlerError: (error) =>
        powers.log.error('an informer handler failed', {
          resource: name,
          error: messageOf(error),
          stack: error instanceof Error ? error.stack : undefined,
        }),
    })
    const { namespace, labelSelector, fieldSelector } = scope
    const run = () =>
      tasks.run(`reflector ${name}`, (signal) =>
        runReflector<T>(
          powers,
          {
            name,
            client: client.resource(resource, namespace),
            selectors: { labelSelector, fieldSelector },
            target: cache,
            resourceVersionOf: (object) => object.metadata.resourceVersion ?? '',
          },
          signal,
        ),
      )
    started.push({ name, run, cache })
    if (isStarted) run()
    return cache
  }
  return {
    for: <T extends ApiObject>(resource: Resource<T>, scope: InformerScope = {}): Informer<T> => {
      const name = scopeName(resource, scope)
      const known = byName.get(name)
      // The name holds group, version and resource, which decide T.
      if (known !== undefined) return trusted<Informer<T>>(known)
      const cache = create(resource, scope, name)
      byName.set(name, cache)
      return cache
    },
    start: () => {
      if (isStarted) return
      isStarted = true
      for (const { run } of started) run()
    },
    missing: () => started.filter(({ cache }) => !cache.hasSynced()).map(({ name }) => name),
    waitForSync: (signal) =>
      waitUntil(() => started.every(({ cache }) => cache.hasSynced()), waiters, signal),
  }
}

/** Resolves when `isReady`, which is asked again whenever the waiters are called. @throws the signal's reason */
function waitUntil(isReady: () => boolean, waiters: Set<() => void>, signal?: AbortSignal): Promise<void> {
  if (isReady()) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => {
      waiters.delete(waiter)
      signal?.removeEventListener('abort', onAbort)
      end()
    }
    const onAbort = () => settle(() => reject(signal?.reason))
    const waiter = () => {
      if (isReady()) settle(resolve)
    }
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    waiters.add(waiter)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

function scopeName(resource: Pick<Resource, 'group' | 'version' | 'resource'>, scope: InformerScope): string {
  const { namespace = '', labelSelector = '', fieldSelector = '' } = scope
  const selectors = [namespace, labelSelector, fieldSelector].join('|')
  return `${resource.group}/${resource.version}/${resource.resource}${selectors === '||' ? '' : `?${selectors}`}`
}

/**
 * A small API in memory behind the `ApiClient` interface, for the kubelet's tests: objects with uid and
 * resourceVersion, watches, status writes, graceful deletion of pods. Not the API server: no validation, no
 * patches.
 */
import { applyMergePatch } from '../../api/meta/patch/merge-patch.ts'
import { alreadyExists, conflict, notFound } from '../../api/meta/status.ts'
import type { Resource } from '../../api/kind.ts'
import type {
  ApiClient,
  ApiObject,
  DeleteCallOptions,
  ResourceClient,
  WatchEvent,
  WatchStream,
} from '../../client/index.ts'
import { type Clock, formatTime } from '../../platform/clock.ts'
import { NetworkError } from '../../platform/network.ts'

const unsupported = () => Promise.reject(new Error('MemoryApi does not know this verb'))

interface Collection {
  readonly objects: Map<string, ApiObject>
  readonly watchers: Set<MemoryWatch>
}

class MemoryWatch implements WatchStream<ApiObject> {
  readonly #events: WatchEvent<ApiObject>[] = []
  #waiting: ((event: WatchEvent<ApiObject> | undefined) => void) | undefined
  #isOver = false

  push(event: WatchEvent<ApiObject>): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting !== undefined) waiting(event)
    else this.#events.push(event)
  }

  read(): Promise<WatchEvent<ApiObject> | undefined> {
    const event = this.#events.shift()
    if (event !== undefined || this.#isOver) return Promise.resolve(event)
    return new Promise((resolve) => {
      this.#waiting = resolve
    })
  }

  cancel(): void {
    this.#isOver = true
    this.#waiting?.(undefined)
  }
}

export class MemoryApi implements ApiClient {
  readonly #clock: Clock
  readonly #collections = new Map<string, Collection>()
  #version = 0
  /** Every call fails as if no apiserver answered. */
  isDown = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  resource<T extends ApiObject>(resource: Resource<T>, namespace?: string): ResourceClient<T> {
    // unsafe: one store for all types; every caller reads back what it put under its own resource
    return this.#client(resource as unknown as Resource<ApiObject>, namespace) as unknown as ResourceClient<T>
  }

  raw(): Promise<never> {
    return Promise.reject(new Error('MemoryApi has no raw requests'))
  }

  close(): void {
    for (const { watchers } of this.#collections.values()) for (const watcher of watchers) watcher.cancel()
  }

  #collection(resource: string): Collection {
    const found = this.#collections.get(resource)
    if (found !== undefined) return found
    const made: Collection = { objects: new Map(), watchers: new Set() }
    this.#collections.set(resource, made)
    return made
  }

  #client(resource: Resource<ApiObject>, namespace: string | undefined): ResourceClient<ApiObject> {
    const subject = { group: resource.group, resource: resource.resource }
    const collection = this.#collection(resource.resource)
    const keyOf = (name: string, own?: string) =>
      `${resource.namespaced ? (own ?? namespace ?? '') : ''}/${name}`
    const check = () => this.#check()
    const find = (name: string) => {
      check()
      const object = collection.objects.get(keyOf(name))
      if (object === undefined) throw notFound(subject, name)
      return object
    }
    const write = (object: ApiObject, type: 'ADDED' | 'MODIFIED') => {
      this.#version += 1
      const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } }
      collection.objects.set(keyOf(stored.metadata.name ?? '', stored.metadata.namespace), stored)
      for (const watcher of collection.watchers) watcher.push({ type, object: stored })
      return stored
    }
    const replace = async (object: ApiObject, merge: (current: ApiObject) => ApiObject) => {
      check()
      const name = object.metadata.name ?? ''
      const current = collection.objects.get(keyOf(name, object.metadata.namespace))
      if (current === undefined) throw notFound(subject, name)
      const version = object.metadata.resourceVersion
      if (version !== undefined && version !== current.metadata.resourceVersion) throw conflict(subject, name)
      return write(merge(current), 'MODIFIED')
    }
    return {
      get: async (name) => find(name),
      list: async () => {
        check()
        return { resourceVersion: String(this.#version), items: [...collection.objects.values()] }
      },
      watch: async (options) => {
        check()
        const watcher = new MemoryWatch()
        collection.watchers.add(watcher)
        options.signal?.addEventListener('abort', () => watcher.cancel(), { once: true })
        return watcher
      },
      create: async (object) => {
        check()
        const name = object.metadata.name ?? ''
        if (collection.objects.has(keyOf(name, object.metadata.namespace))) throw alreadyExists(subject, name)
        const uid = object.metadata.uid ?? `uid-${this.#version + 1}`
        return write({ ...object, metadata: { ...object.metadata, uid } }, 'ADDED')
      },
      update: (object) =>
        replace(object, (current) => ({
          ...object,
          ...('status' in current ? { status: current.status } : {}),
        })),
      updateStatus: (object) =>
        replace(object, (current) => ({
          ...current,
          ...('status' in object ? { status: object.status } : {}),
        })),
      delete: async (name, options) => this.#delete(collection, find(name), options ?? {}, write),
      createSubresource: async () => {
        check()
        return this.#token()
      },
      patch: async (name, patch) => write(applyMergePatch(find(name), patch), 'MODIFIED'),
      deleteCollection: unsupported,
      getSubresource: unsupported,
      updateSubresource: unsupported,
    }
  }

  #check(): void {
    if (!this.isDown) return
    throw new NetworkError({ code: 'ECONNREFUSED', message: 'MemoryApi is down', maybeDelivered: false })
  }

  #token(): unknown {
    const expirationTimestamp = formatTime(this.#clock.wallMs() + 3_600_000)
    return { status: { token: `token-${this.#version}`, expirationTimestamp } }
  }

  #delete(
    collection: Collection,
    object: ApiObject,
    options: DeleteCallOptions,
    write: (object: ApiObject, type: 'MODIFIED') => ApiObject,
  ): void {
    const grace = options.gracePeriodSeconds ?? (object.kind === 'Pod' ? 30 : 0)
    if (grace > 0) {
      const deletionTimestamp = formatTime(this.#clock.wallMs() + grace * 1000)
      write(
        { ...object, metadata: { ...object.metadata, deletionTimestamp, deletionGracePeriodSeconds: grace } },
        'MODIFIED',
      )
      return
    }
    this.#version += 1
    collection.objects.delete(`${object.metadata.namespace ?? ''}/${object.metadata.name}`)
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } }
    for (const watcher of collection.watchers) watcher.push({ type: 'DELETED', object: last })
  }
}

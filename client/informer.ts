/**
 * A shared, indexed, read-only cache of one collection, with handlers.
 *
 * Data sheet
 * - Objects are shared and must never be changed. Two reads give the same object until it has changed.
 * - The cache is updated before handlers are called; handlers of one change run in the order of their
 *   registration, synchronously, and must neither throw nor wait: they enqueue keys.
 * - Order: changes of one object arrive in the server's order. Changes of different objects of one informer
 *   too, except after a relist (then: removals first, then the new list's order). Nothing is promised
 *   between two informers.
 * - Skipped states: after a gap in the connection, intermediate states may be missing. A deletion is never
 *   missing. An object replaced by another of the same name (other uid) is seen as a delete and an add.
 * - An update with nothing new (equal resourceVersion) is not delivered.
 * - Late joiners: `onChange` on a filled cache calls `add` for each object at once, before it returns.
 * - Staleness: the cache is behind the server by the time of flight, or by as long as the link is cut. It
 *   never goes back.
 * - Iteration order is insertion order: the same in a replay, otherwise not promised.
 */
import type { ApiObject, WatchEvent } from './api-client.ts'

export interface InformerHandler<T> {
  add?(object: T): void
  update?(previous: T, next: T): void
  delete?(object: T): void
}

/** Values under which an object is found; sorted or not, duplicates are fine. */
export type IndexFunction<T> = (object: T) => readonly string[]

export interface Informer<T> {
  get(namespace: string | undefined, name: string): T | undefined
  list(namespace?: string): readonly T[]
  /** Objects with `value` under `index`. @throws when the index was never added */
  byIndex(index: string, value: string): readonly T[]
  /** Adds an index, also over what is cached already. A second one of the same name is ignored. */
  addIndex(name: string, valuesOf: IndexFunction<T>): void
  /** True once the first list is in the cache. */
  hasSynced(): boolean
  /** Registers a handler; the result takes it off. */
  onChange(handler: InformerHandler<T>): () => void
  /** The last resourceVersion seen, for diagnosis. */
  resourceVersion(): string | undefined
}

/** `namespace/name`, or the bare name at cluster scope. */
export function keyOf(object: ApiObject): string {
  const { namespace, name } = object.metadata
  return objectKey(namespace, name ?? '')
}

export function objectKey(namespace: string | undefined, name: string): string {
  return namespace ? `${namespace}/${name}` : name
}

/** The two parts of a key that `keyOf` made. */
export function splitKey(key: string): { readonly namespace: string | undefined; readonly name: string } {
  const slash = key.indexOf('/')
  if (slash === -1) return { namespace: undefined, name: key }
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

interface Index<T> {
  readonly valuesOf: IndexFunction<T>
  readonly keysByValue: Map<string, Set<string>>
}

/** The cache beneath an informer: fed by a reflector (or by a test). */
export class Cache<T extends ApiObject> implements Informer<T> {
  readonly #objects = new Map<string, T>()
  readonly #namespaces = new Map<string, Set<string>>()
  readonly #indexes = new Map<string, Index<T>>()
  readonly #handlers = new Set<InformerHandler<T>>()
  #hasSynced = false
  #resourceVersion: string | undefined
  readonly #onSynced: () => void
  readonly #onHandlerError: (error: unknown) => void

  /** `onHandlerError` hears what a handler threw, which is a bug there; the other handlers are called all the same. */
  constructor(
    options: {
      readonly onSynced?: () => void
      readonly onHandlerError?: (error: unknown) => void
    } = {},
  ) {
    this.#onSynced = options.onSynced ?? (() => {})
    this.#onHandlerError = options.onHandlerError ?? rethrow
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(objectKey(namespace, name))
  }

  list(namespace?: string): readonly T[] {
    if (namespace === undefined) return [...this.#objects.values()]
    return this.#select(this.#namespaces.get(namespace))
  }

  byIndex(index: string, value: string): readonly T[] {
    const found = this.#indexes.get(index)
    if (!found) throw new Error(`informer: there is no index "${index}"; add it before the first use`)
    return this.#select(found.keysByValue.get(value))
  }

  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    if (this.#indexes.has(name)) return
    const index: Index<T> = { valuesOf, keysByValue: new Map() }
    this.#indexes.set(name, index)
    for (const [key, object] of this.#objects) addToIndex(index, key, object)
  }

  hasSynced(): boolean {
    return this.#hasSynced
  }

  resourceVersion(): string | undefined {
    return this.#resourceVersion
  }

  onChange(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler)
    for (const object of [...this.#objects.values()]) handler.add?.(object)
    return () => {
      this.#handlers.delete(handler)
    }
  }

  /** Takes a whole list: what is not in it is gone. */
  replace(items: readonly T[], resourceVersion: string): void {
    const keys = new Set(items.map(keyOf))
    for (const [key, object] of [...this.#objects]) if (!keys.has(key)) this.#remove(key, object)
    for (const item of items) this.#put(item)
    this.#resourceVersion = resourceVersion
    if (this.#hasSynced) return
    this.#hasSynced = true
    this.#onSynced()
  }

  /** Takes one event of a watch. */
  apply(event: WatchEvent<T>): void {
    if (event.type === 'BOOKMARK') {
      this.#resourceVersion = event.resourceVersion
      return
    }
    this.#resourceVersion = event.object.metadata.resourceVersion
    if (event.type === 'DELETED') {
      const key = keyOf(event.object)
      if (this.#objects.has(key)) this.#remove(key, event.object)
    } else {
      this.#put(event.object)
    }
  }

  #tell(call: (handler: InformerHandler<T>) => void): void {
    for (const handler of this.#handlers) {
      try {
        call(handler)
      } catch (error) {
        this.#onHandlerError(error)
      }
    }
  }

  #select(keys: ReadonlySet<string> | undefined): readonly T[] {
    const selected: T[] = []
    for (const key of keys ?? []) {
      const object = this.#objects.get(key)
      if (object !== undefined) selected.push(object)
    }
    return selected
  }

  #put(object: T): void {
    const key = keyOf(object)
    const previous = this.#objects.get(key)
    if (previous === undefined) {
      this.#store(key, object)
      this.#tell((handler) => handler.add?.(object))
    } else if (previous.metadata.uid !== object.metadata.uid) {
      this.#remove(key, previous)
      this.#put(object)
    } else if (previous.metadata.resourceVersion !== object.metadata.resourceVersion) {
      this.#unindex(key, previous)
      this.#store(key, object)
      this.#tell((handler) => handler.update?.(previous, object))
    }
  }

  /** `last` is the state that handlers see: the deletion's own where it was seen, else the cached one. */
  #remove(key: string, last: T): void {
    const cached = this.#objects.get(key)
    if (cached === undefined) return
    this.#objects.delete(key)
    this.#unindex(key, cached)
    const namespace = cached.metadata.namespace ?? ''
    const keys = this.#namespaces.get(namespace)
    keys?.delete(key)
    if (keys?.size === 0) this.#namespaces.delete(namespace)
    this.#tell((handler) => handler.delete?.(last))
  }

  #store(key: string, object: T): void {
    this.#objects.set(key, object)
    const namespace = object.metadata.namespace ?? ''
    const keys = this.#namespaces.get(namespace) ?? new Set()
    this.#namespaces.set(namespace, keys)
    keys.add(key)
    for (const index of this.#indexes.values()) addToIndex(index, key, object)
  }

  #unindex(key: string, object: T): void {
    for (const { valuesOf, keysByValue } of this.#indexes.values()) {
      for (const value of valuesOf(object)) {
        const keys = keysByValue.get(value)
        keys?.delete(key)
        if (keys?.size === 0) keysByValue.delete(value)
      }
    }
  }
}

function rethrow(error: unknown): void {
  throw error
}

function addToIndex<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const keys = index.keysByValue.get(value) ?? new Set()
    index.keysByValue.set(value, keys)
    keys.add(key)
  }
}

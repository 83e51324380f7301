/**
 * Keys in order over a hash map: changes cost O(1), the order is made again when somebody lists after keys
 * came or went. Namespaces are prefixes, so a namespace's objects are one run of the order.
 */
export class SortedMap<V> {
  readonly #map = new Map<string, V>()
  #keys: string[] | undefined = []

  get size(): number {
    return this.#map.size
  }

  get(key: string): V | undefined {
    return this.#map.get(key)
  }

  set(key: string, value: V): void {
    if (!this.#map.has(key)) this.#keys = undefined
    this.#map.set(key, value)
  }

  delete(key: string): void {
    if (this.#map.delete(key)) this.#keys = undefined
  }

  clear(): void {
    this.#map.clear()
    this.#keys = []
  }

  /** Values whose key starts with `prefix`, in key order. */
  withPrefix(prefix: string): V[] {
    const keys = this.#sortedKeys()
    const values: V[] = []
    for (let at = lowerBound(keys, prefix); at < keys.length; at += 1) {
      const key = keys[at]
      if (key === undefined || !key.startsWith(prefix)) break
      const value = this.#map.get(key)
      if (value !== undefined) values.push(value)
    }
    return values
  }

  #sortedKeys(): readonly string[] {
    this.#keys ??= [...this.#map.keys()].sort(byBytes)
    return this.#keys
  }
}

/** Names are ASCII, so the order of UTF-16 units is the store's order of bytes. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function lowerBound(keys: readonly string[], prefix: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] ?? '') < prefix) low = middle + 1
    else high = middle
  }
  return low
}

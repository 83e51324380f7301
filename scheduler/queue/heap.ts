/** A binary heap whose items are also found by key, so that one can be changed or taken out anywhere. */
export class KeyedHeap<T> {
  readonly #items: T[] = []
  readonly #index = new Map<string, number>()
  readonly #keyOf: (item: T) => string
  readonly #less: (a: T, b: T) => boolean

  constructor(options: { keyOf: (item: T) => string; less: (a: T, b: T) => boolean }) {
    this.#keyOf = options.keyOf
    this.#less = options.less
  }

  get size(): number {
    return this.#items.length
  }

  get(key: string): T | undefined {
    const index = this.#index.get(key)
    return index === undefined ? undefined : this.#items[index]
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  /** Adds an item, or replaces the one of the same key. */
  set(item: T): void {
    const key = this.#keyOf(item)
    const index = this.#index.get(key) ?? this.#items.length
    this.#items[index] = item
    this.#index.set(key, index)
    this.#settle(index)
  }

  pop(): T | undefined {
    const first = this.#items[0]
    if (first !== undefined) this.delete(this.#keyOf(first))
    return first
  }

  delete(key: string): T | undefined {
    const index = this.#index.get(key)
    if (index === undefined) return undefined
    const item = this.#items[index]
    const last = this.#items.pop()
    this.#index.delete(key)
    if (last !== undefined && index < this.#items.length) {
      this.#items[index] = last
      this.#index.set(this.#keyOf(last), index)
      this.#settle(index)
    }
    return item
  }

  /** All items, in no order. */
  values(): readonly T[] {
    return this.#items
  }

  #settle(index: number): void {
    this.#down(this.#up(index))
  }

  #up(start: number): number {
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#isLess(index, parent)) break
      this.#swap(index, parent)
      index = parent
    }
    return index
  }

  #down(start: number): void {
    let index = start
    for (;;) {
      const left = 2 * index + 1
      const right = left + 1
      let least = index
      if (this.#isLess(left, least)) least = left
      if (this.#isLess(right, least)) least = right
      if (least === index) return
      this.#swap(index, least)
      index = least
    }
  }

  #isLess(a: number, b: number): boolean {
    const itemA = this.#items[a]
    const itemB = this.#items[b]
    return itemA !== undefined && itemB !== undefined && this.#less(itemA, itemB)
  }

  #swap(a: number, b: number): void {
    const itemA = this.#items[a]
    const itemB = this.#items[b]
    if (itemA === undefined || itemB === undefined) return
    this.#items[a] = itemB
    this.#items[b] = itemA
    this.#index.set(this.#keyOf(itemB), a)
    this.#index.set(this.#keyOf(itemA), b)
  }
}

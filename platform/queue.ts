/**
 * A bounded first-in-first-out queue between one kind of producer and one consumer. What happens at the
 * bound is the producer's decision: `push` says no and the producer must act on it.
 */
export class BoundedQueue<T> {
  readonly lengthMax: number
  #items: T[] = []
  #head = 0
  #waiting: ((value: T | undefined) => void) | undefined
  #isClosed = false

  constructor(lengthMax: number) {
    this.lengthMax = lengthMax
  }

  get length(): number {
    return this.#items.length - this.#head
  }

  /** False when the queue is full or closed; the item was not taken. */
  push(item: T): boolean {
    if (this.#isClosed) return false
    if (this.#waiting) {
      const resolve = this.#waiting
      this.#waiting = undefined
      resolve(item)
      return true
    }
    if (this.length >= this.lengthMax) return false
    this.#items.push(item)
    return true
  }

  /** The next item; undefined when the queue is closed and empty. One reader at a time. */
  next(): Promise<T | undefined> {
    if (this.length > 0) return Promise.resolve(this.#shift())
    if (this.#isClosed) return Promise.resolve(undefined)
    if (this.#waiting) throw new Error('BoundedQueue: two readers at once')
    return new Promise((resolve) => {
      this.#waiting = resolve
    })
  }

  /** What is queued can still be read; nothing more is taken. Idempotent. */
  close(): void {
    this.#isClosed = true
    this.#waiting?.(undefined)
    this.#waiting = undefined
  }

  #shift(): T | undefined {
    const item = this.#items[this.#head]
    this.#head += 1
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }
}

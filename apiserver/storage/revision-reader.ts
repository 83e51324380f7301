/**
 * "What is the store's revision now?", asked linearizably and shared: callers that come while a read is
 * under way wait for the next one together, for only a read that starts after a request can prove to
 * that request that nothing newer was committed before it.
 */
import type { StoreClient } from '../../store/client/store-client.ts'
import { keyBytes } from './keys.ts'

const healthKey = keyBytes('/registry/health')

export class RevisionReader {
  readonly #store: StoreClient
  readonly #timeoutMs: number
  #running: Promise<number> | undefined
  #next: Promise<number> | undefined

  constructor(store: StoreClient, timeoutMs = 5_000) {
    this.#store = store
    this.#timeoutMs = timeoutMs
  }

  /** A revision at or above every write acknowledged before this call. @throws StoreError */
  current(): Promise<number> {
    if (!this.#running) return this.#start()
    this.#next ??= this.#running.then(
      () => this.#startNext(),
      () => this.#startNext(),
    )
    return this.#next
  }

  #startNext(): Promise<number> {
    this.#next = undefined
    return this.#start()
  }

  #start(): Promise<number> {
    const running: Promise<number> = this.#store
      .range({ key: healthKey, limit: 1 }, { timeoutMs: this.#timeoutMs })
      .then((response) => response.revision)
      .finally(() => {
        if (this.#running === running) this.#running = undefined
      })
    this.#running = running
    return running
  }
}

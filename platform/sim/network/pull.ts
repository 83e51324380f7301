/** A pulled stream fed by pushes: the simulated body of a request, a response or a byte pipe. */
import { type ByteSource, NetworkError } from '../../network.ts'

/** Chunks that may be under way before the sender waits for the reader. */
export const windowChunks = 16

export class PullSource implements ByteSource {
  #chunks: Uint8Array[] = []
  #wake: (() => void) | undefined
  #end: 'open' | 'ended' | 'cancelled' | NetworkError = 'open'
  readonly #onRead: () => void
  readonly #onCancel: () => void

  /** `onRead` is called for each chunk that the reader takes, `onCancel` when it wants no more. */
  constructor(options: { onRead?: () => void; onCancel?: () => void } = {}) {
    this.#onRead = options.onRead ?? (() => {})
    this.#onCancel = options.onCancel ?? (() => {})
  }

  push(chunk: Uint8Array): void {
    if (this.#end === 'open') this.#chunks.push(chunk)
    this.#signal()
  }

  finish(error?: NetworkError): void {
    if (this.#end === 'open') this.#end = error ?? 'ended'
    this.#signal()
  }

  async read(): Promise<Uint8Array | undefined> {
    while (true) {
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) {
        this.#onRead()
        return chunk
      }
      if (this.#end instanceof NetworkError) throw this.#end
      if (this.#end !== 'open') return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  cancel(): void {
    if (this.#end === 'cancelled') return
    const wasOpen = this.#end === 'open'
    this.#end = 'cancelled'
    this.#chunks = []
    this.#signal()
    if (wasOpen) this.#onCancel()
  }

  #signal(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}

/** Lets a sender go on while the reader keeps up. */
export class SendWindow {
  #inFlight = 0
  #isClosed = false
  #wake: (() => void) | undefined

  taken(): void {
    this.#inFlight -= 1
    this.#wake?.()
    this.#wake = undefined
  }

  close(): void {
    this.#isClosed = true
    this.#wake?.()
    this.#wake = undefined
  }

  /** Resolves when another chunk may be sent. */
  async reserve(): Promise<void> {
    while (this.#inFlight >= windowChunks && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#inFlight += 1
  }
}

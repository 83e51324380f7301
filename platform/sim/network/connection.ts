/** A simulated two-way stream of tagged messages: the ground on which frames, bytes and HTTP stand. */
import type { EventOwner } from '../event-loop.ts'
import type { SimLinks, StreamEnd } from './links.ts'

/** What one end does with what arrives. */
export interface EndHandlers {
  onMessage: (tag: string, bytes: Uint8Array) => void
  /** The other end closed, died or was reset. Called once. */
  onClose: (reason: string) => void
}

export class SimEnd {
  readonly owner: EventOwner
  readonly host: string
  handlers: EndHandlers = { onMessage: () => {}, onClose: () => {} }
  readonly #links: SimLinks
  readonly #stream: StreamEnd
  readonly #trace: (fact: Uint8Array) => void
  #other: SimEnd | undefined
  #isOpen = true
  #inFlightBytes = 0

  readonly #onClosed: (end: SimEnd) => void
  readonly #isHostUp: (host: string) => boolean

  /** `onClosed` is called once, when this end is no more; `isHostUp` tells whether a machine has power. */
  constructor(options: {
    owner: EventOwner
    host: string
    links: SimLinks
    trace: (fact: Uint8Array) => void
    onClosed: (end: SimEnd) => void
    isHostUp: (host: string) => boolean
  }) {
    this.owner = options.owner
    this.host = options.host
    this.#links = options.links
    this.#trace = options.trace
    this.#onClosed = options.onClosed
    this.#isHostUp = options.isHostUp
    this.#stream = { owner: options.owner, host: options.host, lastArrivalUs: 0 }
  }

  static join(a: SimEnd, b: SimEnd): void {
    a.#other = b
    b.#other = a
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Bytes sent and not yet arrived: what a real socket would hold in its buffers. */
  get inFlightBytes(): number {
    return this.#inFlightBytes
  }

  send(tag: string, bytes: Uint8Array): void {
    const other = this.#other
    if (!this.#isOpen || !this.owner.isAlive || other === undefined) return
    if (!other.owner.isAlive) {
      this.#sendToTheDead(other)
      return
    }
    this.#inFlightBytes += bytes.length
    this.#links.send({
      from: this.host,
      to: other.#stream,
      label: tag,
      run: () => {
        this.#inFlightBytes -= bytes.length
        if (!other.#isOpen) return
        this.#trace(bytes)
        other.handlers.onMessage(tag, bytes.slice())
      },
    })
  }

  /** A machine that has come back knows nothing of the connection: its kernel answers with a reset. */
  #sendToTheDead(other: SimEnd): void {
    const kernel: StreamEnd = {
      owner: { name: other.host, isAlive: true, isPaused: false },
      host: other.host,
      lastArrivalUs: 0,
    }
    this.#links.send({
      from: this.host,
      to: kernel,
      label: 'to the dead',
      run: () => {
        if (!this.#isHostUp(other.host)) return
        this.#links.send({
          from: other.host,
          to: this.#stream,
          label: 'reset',
          run: () => this.#closed('connection reset by peer'),
        })
      },
    })
  }

  /** Closes this end; the other hears of it through the link. Also what the OS does for a dead process. */
  close(reason: string): void {
    const other = this.#other
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#onClosed(this)
    if (other === undefined) return
    this.#links.send({ from: this.host, to: other.#stream, label: 'close', run: () => other.#closed(reason) })
  }

  /** Ends both ends at once, as a reset does. */
  reset(): void {
    const other = this.#other
    this.#closed('connection reset')
    if (other) other.#closed('connection reset')
  }

  #closed(reason: string): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#onClosed(this)
    if (this.owner.isAlive) this.handlers.onClose(reason)
  }
}

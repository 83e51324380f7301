/**
 * A client's connection to one member: dialled again whenever it is gone, pinged while it is silent, since
 * a cut link is silence and not an error. Messages of one turn of the event loop share a frame, the first
 * one goes out at once.
 */
import { messageOf } from '../../platform/assert.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import {
  type Address,
  type FrameConnection,
  formatAddress,
  type Network,
  type TlsIdentity,
} from '../../platform/network.ts'
import {
  answerFrameBytesMax,
  decodeMessages,
  encodeMessages,
  type LeaderHint,
  type MemberHello,
  type Message,
  parseHello,
  parseLeader,
  protocolVersion,
} from '../native-protocol.ts'

export interface EndpointEvents {
  /** It can be used. */
  readonly onUp: (endpoint: Endpoint) => void
  /** It cannot be used any more: what was under way has no answer. */
  readonly onDown: (endpoint: Endpoint, reason: string) => void
  readonly onLeader: (hint: LeaderHint) => void
  readonly onMessage: (endpoint: Endpoint, message: Message) => void
}

export interface EndpointOptions {
  readonly address: Address
  readonly tls: TlsIdentity
}

const dialTimeoutMs = 1_000
const redialMinMs = 50
const redialMaxMs = 1_000
const pingEveryMs = 500
/** Silence for so long, pings unanswered, means that the link is dead. */
const silenceMaxMs = 1_500

type EndpointPowers = { readonly clock: Clock; readonly network: Network }

export class Endpoint {
  readonly name: string
  readonly #powers: EndpointPowers
  readonly #options: EndpointOptions
  readonly #events: EndpointEvents
  readonly #abort = new AbortController()
  #connection: FrameConnection | undefined
  #hello: MemberHello | undefined
  #lastError = 'not connected yet'
  #redialMs = redialMinMs
  #heardMs = 0
  #timer: Timer | undefined
  #isTurnOpen = false
  #waiting: Message[] = []

  constructor(powers: EndpointPowers, options: EndpointOptions, events: EndpointEvents) {
    this.name = formatAddress(options.address)
    this.#powers = powers
    this.#options = options
    this.#events = events
  }

  /** The member behind it, once it has said hello. */
  get memberId(): string | undefined {
    return this.#hello?.memberId
  }

  get isUp(): boolean {
    return this.#hello !== undefined
  }

  /** Why it is down, in words. */
  get lastError(): string {
    return this.#lastError
  }

  start(): void {
    this.#dial()
  }

  close(): void {
    this.#abort.abort(new Error('the client is closed'))
    this.#timer?.cancel()
    this.#hello = undefined
    this.#connection?.close()
    this.#connection = undefined
  }

  /** Queues a message; it may be lost with the connection. */
  send(message: Message): void {
    if (this.#isTurnOpen) {
      this.#waiting.push(message)
      return
    }
    this.#isTurnOpen = true
    this.#powers.clock.setTimer(0, () => this.#endTurn())
    this.#connection?.send(encodeMessages([message]))
  }

  #endTurn(): void {
    this.#isTurnOpen = false
    if (this.#waiting.length === 0) return
    const messages = this.#waiting
    this.#waiting = []
    this.#connection?.send(encodeMessages(messages))
  }

  #dial(): void {
    const { network } = this.#powers
    network
      .dialFrames({
        ...this.#options,
        frameBytesMax: answerFrameBytesMax,
        timeoutMs: dialTimeoutMs,
        signal: this.#abort.signal,
      })
      .then(
        (connection) => this.#dialled(connection),
        (error: unknown) => this.#down(messageOf(error)),
      )
  }

  #dialled(connection: FrameConnection): void {
    if (this.#abort.signal.aborted) {
      connection.close()
      return
    }
    this.#connection = connection
    this.#heardMs = this.#powers.clock.monotonicMs()
    connection.onFrame = (frame) => this.#frame(connection, frame)
    connection.onClose = (reason) => {
      if (this.#connection === connection) this.#down(`connection closed: ${reason}`)
    }
    connection.send(encodeMessages([['hello', protocolVersion]]))
    this.#watchSilence(connection)
  }

  #watchSilence(connection: FrameConnection): void {
    this.#timer = this.#powers.clock.setTimer(pingEveryMs, () => {
      if (this.#connection !== connection) return
      const silentMs = this.#powers.clock.monotonicMs() - this.#heardMs
      if (silentMs >= silenceMaxMs) {
        this.#down(`no answer for ${Math.round(silentMs)} ms`)
        return
      }
      if (silentMs >= pingEveryMs && this.#hello) this.send(['ping', 0])
      this.#watchSilence(connection)
    })
  }

  #frame(connection: FrameConnection, frame: Uint8Array): void {
    if (this.#connection !== connection) return
    this.#heardMs = this.#powers.clock.monotonicMs()
    try {
      for (const message of decodeMessages(frame)) this.#message(message)
    } catch (error) {
      this.#down(`it answered what cannot be understood: ${messageOf(error)}`)
    }
  }

  #message(message: Message): void {
    switch (message[0]) {
      case 'hello':
        this.#hello = parseHello(message)
        this.#redialMs = redialMinMs
        this.#events.onUp(this)
        return
      case 'leader':
        this.#events.onLeader(parseLeader(message))
        return
      default:
        this.#events.onMessage(this, message)
    }
  }

  #down(reason: string): void {
    const wasUp = this.#hello !== undefined
    this.#connection?.close()
    this.#connection = undefined
    this.#hello = undefined
    this.#waiting = []
    this.#lastError = reason
    this.#timer?.cancel()
    if (this.#abort.signal.aborted) return
    this.#timer = this.#powers.clock.setTimer(this.#redialMs, () => this.#dial())
    this.#redialMs = Math.min(this.#redialMs * 2, redialMaxMs)
    if (wasUp) this.#events.onDown(this, reason)
  }
}

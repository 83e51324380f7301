/**
 * The server's side of a WebSocket over an upgraded connection: frames in, whole messages out.
 *
 * No extensions. Pings are answered here. Messages above the bound close the connection.
 * Source: RFC 6455.
 */
import type { ByteConnection } from '../../platform/network.ts'
import { sha1 } from './sha1.ts'

const messageBytesMax = 4 * 1024 * 1024
const handshakeId = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

/** Headers of the `101` that takes a WebSocket with `protocol`. */
export function acceptHeaders(key: string, protocol: string): Readonly<Record<string, string>> {
  const digest = sha1(new TextEncoder().encode(`${key}${handshakeId}`))
  return {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-accept': btoa(String.fromCharCode(...digest)),
    'sec-websocket-protocol': protocol,
  }
}

export interface Frame {
  readonly isFinal: boolean
  readonly opcode: number
  readonly payload: Uint8Array
}

/** The first frame in `bytes` and its length; undefined when it is not whole yet. @throws Error on a bad frame */
export function parseFrame(
  bytes: Uint8Array,
): { readonly frame: Frame; readonly lengthBytes: number } | undefined {
  if (bytes.length < 2) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const first = view.getUint8(0)
  const second = view.getUint8(1)
  if ((first & 0x70) !== 0) throw new Error('WebSocket frame with reserved bits: no extension was agreed on')
  if ((second & 0x80) === 0) throw new Error('WebSocket frame of a client without a mask')
  const short = second & 0x7f
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0
  const head = 2 + extended + 4
  if (bytes.length < head) return undefined
  const length = extended === 2 ? view.getUint16(2) : extended === 8 ? Number(view.getBigUint64(2)) : short
  if (length > messageBytesMax)
    throw new Error(`WebSocket frame of ${length} bytes: at most ${messageBytesMax} are taken`)
  if (bytes.length < head + length) return undefined
  const mask = bytes.subarray(head - 4, head)
  const payload = bytes.slice(head, head + length)
  for (let at = 0; at < payload.length; at += 1) payload[at] = (payload[at] ?? 0) ^ (mask[at % 4] ?? 0)
  return {
    frame: { isFinal: (first & 0x80) !== 0, opcode: first & 0x0f, payload },
    lengthBytes: head + length,
  }
}

/** A whole, unmasked frame, as servers send them. */
export function formatFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const bytes = new Uint8Array(2 + extended + length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 0x80 | opcode)
  view.setUint8(1, extended === 0 ? length : extended === 2 ? 126 : 127)
  if (extended === 2) view.setUint16(2, length)
  if (extended === 8) view.setBigUint64(2, BigInt(length))
  bytes.set(payload, 2 + extended)
  return bytes
}

export class WebSocket {
  readonly #connection: ByteConnection
  #buffered: Uint8Array = new Uint8Array()
  #parts: Uint8Array[] = []
  #isClosed = false

  constructor(connection: ByteConnection) {
    this.#connection = connection
  }

  /** The next message; undefined when the other side is done or gone. One read at a time. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const frame = await this.#frame()
      if (frame === undefined || frame.opcode === opcodes.close) return undefined
      if (frame.opcode === opcodes.ping) await this.#send(opcodes.pong, frame.payload)
      else if (frame.opcode !== opcodes.pong) {
        this.#parts.push(frame.payload)
        if (this.#parts.reduce((sum, part) => sum + part.length, 0) > messageBytesMax)
          throw new Error('WebSocket message is too long')
        if (frame.isFinal) return this.#message()
      }
    }
  }

  /** Sends a binary message; no-op once closed. */
  async write(payload: Uint8Array): Promise<void> {
    await this.#send(opcodes.binary, payload)
  }

  /** Says goodbye and closes. Idempotent. */
  async close(code = 1000): Promise<void> {
    if (this.#isClosed) return
    const payload = new Uint8Array(2)
    new DataView(payload.buffer).setUint16(0, code)
    try {
      await this.#send(opcodes.close, payload)
    } catch {
      // The other side was faster.
    }
    this.#isClosed = true
    this.#connection.end()
  }

  /** Cuts the connection. */
  cancel(): void {
    this.#isClosed = true
    this.#connection.cancel()
  }

  async #send(opcode: number, payload: Uint8Array): Promise<void> {
    if (!this.#isClosed) await this.#connection.write(formatFrame(opcode, payload))
  }

  async #frame(): Promise<Frame | undefined> {
    for (;;) {
      const found = parseFrame(this.#buffered)
      if (found !== undefined) {
        this.#buffered = this.#buffered.subarray(found.lengthBytes)
        return found.frame
      }
      const chunk = await this.#connection.read()
      if (chunk === undefined) return undefined
      const joined = new Uint8Array(this.#buffered.length + chunk.length)
      joined.set(this.#buffered)
      joined.set(chunk, this.#buffered.length)
      this.#buffered = joined
    }
  }

  #message(): Uint8Array {
    const parts = this.#parts
    this.#parts = []
    const [only] = parts
    if (parts.length === 1 && only !== undefined) return only
    const message = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      message.set(part, at)
      at += part.length
    }
    return message
  }
}

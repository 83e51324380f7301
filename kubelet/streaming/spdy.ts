/**
 * SPDY/3.1 as far as `kubectl port-forward` speaks it: streams with headers, data and half-closes. No flow
 * control (spdystream, on the other side, has none either), no priorities, no push.
 * Source: SPDY protocol draft 3.1; zlib (RFC 1950) with the draft's dictionary for header blocks.
 */
import { Inflater } from './inflate.ts'

const names = [
  'options',
  'head',
  'post',
  'put',
  'delete',
  'trace',
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'accept-ranges',
  'age',
  'allow',
  'authorization',
  'cache-control',
  'connection',
  'content-base',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'etag',
  'expect',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'pragma',
  'proxy-authenticate',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'server',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'vary',
  'via',
  'warning',
  'www-authenticate',
  'method',
  'get',
  'status',
  '200 OK',
  'version',
  'HTTP/1.1',
  'url',
  'public',
  'set-cookie',
  'keep-alive',
  'origin',
] as const

const rest =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505' +
  '203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized' +
  '403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable' +
  'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT' +
  'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,' +
  'text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.'

/** What both sides know before the first header: each name after its length, then common values. */
export function headerDictionary(): Uint8Array {
  const text = names.map((name) => `\0\0\0${String.fromCharCode(name.length)}${name}`).join('') + rest
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}

export type SpdyFrame =
  | {
      readonly kind: 'syn-stream'
      readonly streamId: number
      readonly isFinal: boolean
      readonly headers: ReadonlyMap<string, string>
    }
  | {
      readonly kind: 'data'
      readonly streamId: number
      readonly isFinal: boolean
      readonly payload: Uint8Array
    }
  | { readonly kind: 'reset'; readonly streamId: number }
  | { readonly kind: 'ping'; readonly payload: Uint8Array }
  | { readonly kind: 'go-away' }
  | { readonly kind: 'other' }

const types = { synStream: 1, synReply: 2, reset: 3, ping: 6, goAway: 7 } as const
const headBytes = 8
const frameBytesMax = 1024 * 1024

/** Bytes in, frames out. Header blocks share one compression, so frames must be taken in order. */
export class SpdyParser {
  readonly #inflater = new Inflater(headerDictionary())
  #hasHead = false
  #buffered: Uint8Array = new Uint8Array()

  /** Takes more bytes and gives the frames that are whole now. @throws Error on a malformed one */
  push(bytes: Uint8Array): readonly SpdyFrame[] {
    const all = new Uint8Array(this.#buffered.length + bytes.length)
    all.set(this.#buffered)
    all.set(bytes, this.#buffered.length)
    const frames: SpdyFrame[] = []
    let at = 0
    while (all.length - at >= headBytes) {
      const view = new DataView(all.buffer, at)
      const length = view.getUint32(4) & 0xffffff
      if (length > frameBytesMax)
        throw new Error(`SPDY frame of ${length} bytes: at most ${frameBytesMax} are taken`)
      if (all.length - at < headBytes + length) break
      frames.push(this.#frame(view, all.slice(at + headBytes, at + headBytes + length)))
      at += headBytes + length
    }
    this.#buffered = all.slice(at)
    return frames
  }

  #frame(view: DataView, payload: Uint8Array): SpdyFrame {
    const first = view.getUint32(0)
    const isFinal = (view.getUint8(4) & 1) !== 0
    if (first < 0x8000_0000) return { kind: 'data', streamId: first, isFinal, payload }
    const body = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
    switch (first & 0xffff) {
      case types.synStream:
        return {
          kind: 'syn-stream',
          streamId: body.getUint32(0) & 0x7fff_ffff,
          isFinal,
          headers: this.#headers(payload.subarray(10)),
        }
      case types.reset:
        return { kind: 'reset', streamId: body.getUint32(0) & 0x7fff_ffff }
      case types.ping:
        return { kind: 'ping', payload }
      case types.goAway:
        return { kind: 'go-away' }
      default:
        return { kind: 'other' }
    }
  }

  #headers(block: Uint8Array): ReadonlyMap<string, string> {
    // zlib's head (two bytes and the dictionary's checksum) comes once, before the first block.
    const plain = this.#inflater.decode(this.#hasHead ? block : block.subarray(6))
    this.#hasHead = true
    const view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength)
    let at = 4
    const text = () => {
      const length = view.getUint32(at)
      at += 4 + length
      return new TextDecoder().decode(plain.subarray(at - length, at))
    }
    const headers = new Map<string, string>()
    for (let left = view.getUint32(0); left > 0; left -= 1) headers.set(text().toLowerCase(), text())
    return headers
  }
}

/** Frames as bytes. Its header blocks are stored, not compressed, which every decoder takes. */
export class SpdyWriter {
  #hasHead = false

  /** Accepts a stream, with no headers. */
  reply(streamId: number): Uint8Array {
    // "no headers" in a stored block, then the empty block that flushes.
    const block = [0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
    const head = this.#hasHead ? [] : [0x78, 0xbb, 0xe3, 0xc6, 0xa7, 0xc2]
    this.#hasHead = true
    const payload = new Uint8Array(4 + head.length + block.length)
    new DataView(payload.buffer).setUint32(0, streamId)
    payload.set([...head, ...block], 4)
    return control(types.synReply, payload)
  }

  data(streamId: number, payload: Uint8Array, isFinal: boolean): Uint8Array {
    const frame = new Uint8Array(headBytes + payload.length)
    const view = new DataView(frame.buffer)
    view.setUint32(0, streamId)
    view.setUint32(4, payload.length | (isFinal ? 0x0100_0000 : 0))
    frame.set(payload, headBytes)
    return frame
  }

  ping(payload: Uint8Array): Uint8Array {
    return control(types.ping, payload)
  }
}

function control(type: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(headBytes + payload.length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, 0x8003_0000 | type)
  view.setUint32(4, payload.length)
  frame.set(payload, headBytes)
  return frame
}

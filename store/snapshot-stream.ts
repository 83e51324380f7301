/**
 * A snapshot of the applied state as a stream of frames, in chunks of any size. Format 1:
 *
 *   frame   = length u32, CRC32C of the payload continued from the frame before u32, payload
 *   payload = 0, format u8, state point        (the first)
 *           | 1, { sub u32, length u32, record }…
 *           | 2, number of records f64          (the last)
 *
 * The chained checksum catches frames lost, repeated or swapped as well as bytes changed.
 */
import { crc32c } from '../platform/crc32c.ts'
import { BackendError } from './errors.ts'
import type { RecordPlace } from './mvcc/record.ts'

const format = 1
const frameHeaderBytes = 8
/** No frame is longer: a record is at most a request (1.5 MiB), and frames close at about 256 KiB. */
const frameBytesMax = 1 << 30

export type SnapshotPart =
  | { readonly kind: 'state'; readonly point: Uint8Array }
  | {
      readonly kind: 'records'
      readonly records: readonly { readonly sub: number; readonly record: Uint8Array }[]
    }
  | { readonly kind: 'end'; readonly recordCount: number }

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Makes frames, one after the other. */
export class SnapshotEncoder {
  #crc = 0

  state(point: Uint8Array): Uint8Array {
    const frame = new Uint8Array(frameHeaderBytes + 2 + point.length)
    frame[frameHeaderBytes + 1] = format
    frame.set(point, frameHeaderBytes + 2)
    return this.#seal(frame)
  }

  /** As many records as make about `bytesMax`, at least one; `next` gives undefined at the end. */
  records(
    next: () => { readonly place: RecordPlace; readonly record: Uint8Array } | undefined,
    bytesMax: number,
  ): Uint8Array | undefined {
    const taken: { readonly sub: number; readonly record: Uint8Array }[] = []
    let bytes = frameHeaderBytes + 1
    for (let item = next(); item !== undefined; item = next()) {
      taken.push({ sub: item.place.sub, record: item.record })
      bytes += 8 + item.record.length
      if (bytes >= bytesMax) break
    }
    if (taken.length === 0) return undefined
    const frame = new Uint8Array(bytes)
    const view = viewOf(frame)
    frame[frameHeaderBytes] = 1
    let at = frameHeaderBytes + 1
    for (const { sub, record } of taken) {
      view.setUint32(at, sub)
      view.setUint32(at + 4, record.length)
      frame.set(record, at + 8)
      at += 8 + record.length
    }
    return this.#seal(frame)
  }

  end(recordCount: number): Uint8Array {
    const frame = new Uint8Array(frameHeaderBytes + 9)
    frame[frameHeaderBytes] = 2
    viewOf(frame).setFloat64(frameHeaderBytes + 1, recordCount)
    return this.#seal(frame)
  }

  #seal(frame: Uint8Array): Uint8Array {
    this.#crc = crc32c(frame.subarray(frameHeaderBytes), this.#crc)
    viewOf(frame).setUint32(0, frame.length - frameHeaderBytes)
    viewOf(frame).setUint32(4, this.#crc)
    return frame
  }
}

/** Takes chunks of any size and gives the parts that are complete. */
export class SnapshotDecoder {
  #rest: Uint8Array = new Uint8Array(0)
  #crc = 0
  #isEnded = false

  /** Whether the last part has come and nothing after it. */
  get isEnded(): boolean {
    return this.#isEnded && this.#rest.length === 0
  }

  /** @throws BackendError `corrupt` when the stream is harmed */
  take(chunk: Uint8Array): readonly SnapshotPart[] {
    const bytes = this.#rest.length === 0 ? chunk : joined(this.#rest, chunk)
    const parts: SnapshotPart[] = []
    let at = 0
    while (bytes.length - at >= frameHeaderBytes) {
      const view = viewOf(bytes.subarray(at))
      const length = view.getUint32(0)
      if (length === 0 || length > frameBytesMax) throw harmed(`a frame of ${length} bytes`)
      if (bytes.length - at < frameHeaderBytes + length) break
      const payload = bytes.subarray(at + frameHeaderBytes, at + frameHeaderBytes + length)
      this.#crc = crc32c(payload, this.#crc)
      if (this.#crc !== view.getUint32(4)) throw harmed('a frame whose checksum does not match')
      parts.push(this.#parse(payload))
      at += frameHeaderBytes + length
    }
    this.#rest = bytes.slice(at)
    return parts
  }

  #parse(payload: Uint8Array): SnapshotPart {
    if (this.#isEnded) throw harmed('a frame after the end')
    const view = viewOf(payload)
    switch (payload[0]) {
      case 0:
        if (payload[1] !== format) throw harmed(`format ${payload[1]}, which is not known here`)
        return { kind: 'state', point: payload.slice(2) }
      case 1:
        return { kind: 'records', records: parseRecords(payload) }
      case 2:
        this.#isEnded = true
        return { kind: 'end', recordCount: view.getFloat64(1) }
      default:
        throw harmed(`a part of kind ${payload[0]}`)
    }
  }
}

function parseRecords(payload: Uint8Array): readonly { readonly sub: number; readonly record: Uint8Array }[] {
  const view = viewOf(payload)
  const records: { readonly sub: number; readonly record: Uint8Array }[] = []
  for (let at = 1; at < payload.length; ) {
    const length = view.getUint32(at + 4)
    // A copy: the record is kept, the chunk is not.
    records.push({ sub: view.getUint32(at), record: payload.slice(at + 8, at + 8 + length) })
    at += 8 + length
  }
  return records
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length)
  bytes.set(a)
  bytes.set(b, a.length)
  return bytes
}

function harmed(found: string): BackendError {
  return new BackendError(
    'corrupt',
    `a snapshot received from the leader is harmed: found ${found}; it is refused`,
  )
}

/**
 * The WAL's bytes. A segment is a header and then frames, each starting at a multiple of 8, then zeros:
 *
 *   segment  0 'SKEDIAWL' · 8 u16 version · 10 u16 size · 12 u32 salt · 16 f64 sequence · 24 u32 owner · 28 u32 crc
 *   frame    0 u32 payload length · 4 u32 crc of the frame before · 8 u32 ordinal · 12 u32 crc · 16 payload
 *
 * All little-endian. The size is in units of 4 KiB, rounded down. A frame's crc covers its header and payload and starts from the segment's random salt,
 * so that no stored value can pass for a frame, and each frame can be verified by itself: that is how
 * recovery tells a torn tail (nothing valid follows) from damage in the middle. The crc of the frame before
 * chains all frames, over segments too.
 *
 * One frame is everything that one sync covers. A crash can therefore damage the last frame only.
 */
import { crc32c } from '../../platform/crc32c.ts'

const segmentVersion = 1
export const segmentHeaderBytes = 32
/** A segment's size stands in its header in whole units of this. */
const sizeUnitBytes = 4096
export const frameHeaderBytes = 16
/** No writer makes a larger frame; a larger length found on disk is damage. */
const framePayloadBytesMax = 256 * 1024 * 1024

const magic = new TextEncoder().encode('SKEDIAWL')

export interface SegmentHeader {
  readonly salt: number
  /** 1, 2, 3 … over the life of the WAL. */
  readonly sequence: number
  /** Checksum of cluster id and member id: notices a segment copied from elsewhere. */
  readonly owner: number
  /**
   * Bytes that the file was made with, rounded down to whole units: all of them are durable before the first
   * frame, so a used segment that is shorter has lost its end.
   */
  readonly sizeBytes: number
}

/** Why a header cannot be used. */
export type SegmentHeaderResult =
  | { readonly ok: true; readonly header: SegmentHeader }
  | { readonly ok: false; readonly reason: 'damaged' | 'newer-version' }

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(segmentHeaderBytes)
  const view = viewOf(bytes)
  bytes.set(magic, 0)
  view.setUint16(8, segmentVersion, true)
  view.setUint16(10, Math.min(0xffff, Math.floor(header.sizeBytes / sizeUnitBytes)), true)
  view.setUint32(12, header.salt, true)
  view.setFloat64(16, header.sequence, true)
  view.setUint32(24, header.owner, true)
  view.setUint32(28, crc32c(bytes.subarray(0, 28)), true)
  return bytes
}

export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeaderResult {
  if (bytes.length < segmentHeaderBytes) return { ok: false, reason: 'damaged' }
  const view = viewOf(bytes)
  const isIntact = view.getUint32(28, true) === crc32c(bytes.subarray(0, 28))
  if (!isIntact || magic.some((byte, i) => bytes[i] !== byte)) return { ok: false, reason: 'damaged' }
  if (view.getUint16(8, true) !== segmentVersion) return { ok: false, reason: 'newer-version' }
  const header = {
    salt: view.getUint32(12, true),
    sequence: view.getFloat64(16, true),
    owner: view.getUint32(24, true),
    sizeBytes: view.getUint16(10, true) * sizeUnitBytes,
  }
  return { ok: true, header }
}

/** `bytes` rounded up to where the next frame may start. */
export function aligned(bytes: number): number {
  return (bytes + 7) & ~7
}

/** A frame as found on disk; `payload` is a view into what was read. */
export interface Frame {
  readonly payload: Uint8Array
  readonly previousCrc: number
  readonly ordinal: number
  readonly crc: number
  /** Where the next frame starts. */
  readonly end: number
}

/** Fills in the header of a frame whose payload already stands at byte 16; returns its crc. */
export function sealFrame(
  frame: Uint8Array,
  fields: { readonly previousCrc: number; readonly ordinal: number; readonly salt: number },
): number {
  const view = viewOf(frame)
  view.setUint32(0, frame.length - frameHeaderBytes, true)
  view.setUint32(4, fields.previousCrc, true)
  view.setUint32(8, fields.ordinal, true)
  const crc = frameCrc(frame, fields.salt)
  view.setUint32(12, crc, true)
  return crc
}

/** The intact frame at `at`, or undefined when there is none. */
export function frameAt(segment: Uint8Array, at: number, salt: number): Frame | undefined {
  if (at + frameHeaderBytes > segment.length) return undefined
  const view = viewOf(segment)
  const length = view.getUint32(at, true)
  const end = at + frameHeaderBytes + length
  if (length === 0 || length > framePayloadBytesMax || end > segment.length) return undefined
  const frame = segment.subarray(at, end)
  const crc = view.getUint32(at + 12, true)
  if (crc !== frameCrc(frame, salt)) return undefined
  return {
    payload: frame.subarray(frameHeaderBytes),
    previousCrc: view.getUint32(at + 4, true),
    ordinal: view.getUint32(at + 8, true),
    crc,
    end: aligned(end),
  }
}

function frameCrc(frame: Uint8Array, salt: number): number {
  return crc32c(frame.subarray(frameHeaderBytes), crc32c(frame.subarray(0, 12), salt))
}

/** Where the first intact frame at or after `from` starts, or undefined. */
export function findFrame(segment: Uint8Array, from: number, salt: number): number | undefined {
  for (let at = aligned(from); at + frameHeaderBytes < segment.length; at += 8) {
    if (frameAt(segment, at, salt)) return at
  }
  return undefined
}

/** Whether there is nothing but zeros from `from` on. */
export function isZeroFrom(bytes: Uint8Array, from: number): boolean {
  for (let at = from; at < bytes.length; at += 1) if (bytes[at] !== 0) return false
  return true
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

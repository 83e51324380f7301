/**
 * A record: one key at one revision, as stored and as sent. The bytes that the apply loop makes are the
 * bytes in LevelDB, in the watch ring, in a snapshot and on the native wire.
 *
 *   offset 0   u32  CRC32C of everything after this field, continued from the sub-revision as if it were one
 *          4   u8   format (high nibble, 1) and flags (low nibble)
 *          5   u8   reserved, 0
 *          6   f64  modRevision          14  f64  createRevision (0 for a tombstone)
 *         22   f64  version              30  u64  lease id (0: none)
 *         38   u32  key length           42  key, then value to the end
 *
 * Integers are big-endian; f64 holds integers below 2^53. The sub-revision is in the backend's key only,
 * and in the checksum, so a record found under another record's key is refused as corrupt.
 */
import { assert } from '../../platform/assert.ts'
import { crc32c } from '../../platform/crc32c.ts'
import type { KeyValue } from '../client/store-client.ts'
import { fromKeyText, toKeyText } from './key.ts'

const format = 1
const headerBytes = 42
const flagTombstone = 1
const flagLast = 2
const flagKeysOnly = 4
const noLease = '0000000000000000'

/** Where a record lies: the revision of its transaction and its place within. */
export interface RecordPlace {
  readonly main: number
  readonly sub: number
}

export interface RecordFields {
  readonly modRevision: number
  /** 0 for a tombstone. */
  readonly createRevision: number
  /** 0 for a tombstone. */
  readonly version: number
  readonly lease: string | undefined
  readonly isTombstone: boolean
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A record without checksum; `sealRecord` completes it once its place in the revision is known. */
export function encodeRecord(fields: RecordFields, key: string, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headerBytes + key.length + value.length)
  const view = viewOf(bytes)
  bytes[4] = (format << 4) | (fields.isTombstone ? flagTombstone : 0)
  view.setFloat64(6, fields.modRevision)
  view.setFloat64(14, fields.createRevision)
  view.setFloat64(22, fields.version)
  if (fields.lease !== undefined) view.setBigUint64(30, BigInt(`0x${fields.lease}`))
  view.setUint32(38, key.length)
  for (let i = 0; i < key.length; i += 1) bytes[headerBytes + i] = key.charCodeAt(i)
  bytes.set(value, headerBytes + key.length)
  return bytes
}

/** Sets the last-of-revision mark and the checksum. The record is not changed afterwards. */
export function sealRecord(bytes: Uint8Array, options: { sub: number; isLast: boolean }): void {
  if (options.isLast) bytes[4] = (bytes[4] ?? 0) | flagLast
  viewOf(bytes).setUint32(0, checksum(bytes, options.sub))
}

function checksum(bytes: Uint8Array, sub: number): number {
  return crc32c(bytes.subarray(4), sub)
}

/** Whether `bytes` are the unharmed record of `place`; else what is wrong with them, in words. */
export function checkRecord(bytes: Uint8Array, place: RecordPlace): string | undefined {
  if (bytes.length < headerBytes) return `${bytes.length} bytes are too few for a record`
  const view = viewOf(bytes)
  const found = checksum(bytes, place.sub)
  const stored = view.getUint32(0)
  if (found !== stored)
    return `checksum ${found.toString(16)} does not match the stored ${stored.toString(16)}`
  if (view.getUint8(4) >> 4 !== format) return `record format ${view.getUint8(4) >> 4} is not known here`
  if (view.getFloat64(6) !== place.main) return `it is the record of revision ${view.getFloat64(6)}`
  if (headerBytes + view.getUint32(38) > bytes.length) return 'its key is longer than the record'
  return undefined
}

export function recordFields(bytes: Uint8Array): RecordFields {
  const view = viewOf(bytes)
  const lease = view.getBigUint64(30)
  return {
    modRevision: view.getFloat64(6),
    createRevision: view.getFloat64(14),
    version: view.getFloat64(22),
    lease: lease === 0n ? undefined : lease.toString(16).padStart(noLease.length, '0'),
    isTombstone: isTombstone(bytes),
  }
}

export function isTombstone(bytes: Uint8Array): boolean {
  return ((bytes[4] ?? 0) & flagTombstone) !== 0
}

/** Whether it is the last record of its revision. */
export function isLastOfRevision(bytes: Uint8Array): boolean {
  return ((bytes[4] ?? 0) & flagLast) !== 0
}

export function recordKeyText(bytes: Uint8Array): string {
  return toKeyText(bytes.subarray(headerBytes, headerBytes + viewOf(bytes).getUint32(38)))
}

/** The value: a view of the record's own bytes. */
export function recordValue(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(headerBytes + viewOf(bytes).getUint32(38))
}

/** The same record without its value and without checksum, for keys-only answers. */
export function withoutValue(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice(0, headerBytes + viewOf(bytes).getUint32(38))
  copy[4] = (copy[4] ?? 0) | flagKeysOnly
  return copy
}

/** The record as users of the store see it. Key and value are views of `bytes`. */
export function toKeyValue(bytes: Uint8Array): KeyValue {
  const view = viewOf(bytes)
  const keyEnd = headerBytes + view.getUint32(38)
  const lease = view.getBigUint64(30)
  const keyValue = {
    key: bytes.subarray(headerBytes, keyEnd),
    value: bytes.subarray(keyEnd),
    createRevision: view.getFloat64(14),
    modRevision: view.getFloat64(6),
    version: view.getFloat64(22),
  }
  return lease === 0n ? keyValue : { ...keyValue, lease: lease.toString(16).padStart(noLease.length, '0') }
}

const placePrefix = 0x72 // 'r'
const placeBytes = 13

/** The backend's key of a record: `r`, revision (u64), sub-revision (u32), so that keys sort by revision. */
export function placeKey(place: RecordPlace): Uint8Array {
  assert(place.main > 0 && place.sub >= 0, () => `no record lies at ${place.main}/${place.sub}`)
  const key = new Uint8Array(placeBytes)
  const view = viewOf(key)
  key[0] = placePrefix
  view.setUint32(1, Math.floor(place.main / 0x1_0000_0000))
  view.setUint32(5, place.main >>> 0)
  view.setUint32(9, place.sub)
  return key
}

/** The place of a backend key, or undefined when it is no record's key. */
export function placeOf(key: Uint8Array): RecordPlace | undefined {
  if (key.length !== placeBytes || key[0] !== placePrefix) return undefined
  const view = viewOf(key)
  return { main: view.getUint32(1) * 0x1_0000_0000 + view.getUint32(5), sub: view.getUint32(9) }
}

/** Half-open range of all record keys in the backend. */
export const placeRange = { start: Uint8Array.of(placePrefix), end: Uint8Array.of(placePrefix + 1) }

/** A key's bytes for messages. */
export function describeKey(text: string): string {
  return JSON.stringify(new TextDecoder().decode(fromKeyText(text)))
}

/**
 * What a frame's payload says: records, one after another.
 *
 *   1 hard state   f64 term · f64 commit index · u8 length · vote (ASCII, empty: none)
 *   2 entries      f64 first index · f64 term of the entry before · u32 count · count × (f64 term · u8 kind · u32 length · data)
 *   3 marker       f64 index · f64 term: the log may begin anew after this snapshot
 *   4 position     f64 index · f64 term: the log's end when this segment was begun
 *
 * Entries replace what the log holds from their first index on. Integers are stored as doubles, exact to
 * 2^53. `RecordWriter` encodes into one buffer that is used again: no allocation per entry.
 */
import { assert } from '../../platform/assert.ts'
import type { Entry, EntryKind, HardState, LogPosition, Term } from '../types.ts'
import { toLogIndex, toMemberId, toTerm } from '../types.ts'
import { frameHeaderBytes, viewOf } from './frame.ts'

export type WalRecord =
  | { readonly type: 'hard-state'; readonly hardState: HardState }
  | { readonly type: 'entries'; readonly prev: LogPosition; readonly entries: readonly Entry[] }
  | { readonly type: 'marker'; readonly position: LogPosition }
  | { readonly type: 'position'; readonly position: LogPosition }

const kinds: readonly EntryKind[] = ['normal', 'empty', 'conf-change']
const entryHeaderBytes = 13
const initialBytes = 64 * 1024

/** Builds one frame: 16 bytes left free for its header, then records. */
export class RecordWriter {
  #bytes = new Uint8Array(initialBytes)
  #view = viewOf(this.#bytes)
  #at = frameHeaderBytes

  get sizeBytes(): number {
    return this.#at
  }

  get isEmpty(): boolean {
    return this.#at === frameHeaderBytes
  }

  /** The frame so far, valid until the next write or `clear`. */
  frame(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  clear(): void {
    this.#at = frameHeaderBytes
  }

  hardState(hardState: HardState): void {
    const vote = hardState.vote ?? ''
    assert(vote.length < 256, () => `member id ${vote} is too long`)
    this.#reserve(18 + vote.length)
    this.#u8(1)
    this.#f64(hardState.term)
    this.#f64(hardState.commitIndex)
    this.#u8(vote.length)
    for (let i = 0; i < vote.length; i += 1) this.#u8(vote.charCodeAt(i))
  }

  entries(prevTerm: Term, entries: readonly Entry[]): void {
    const first = entries[0]
    if (!first) return
    let size = 21
    for (const entry of entries) size += entryHeaderBytes + entry.data.length
    this.#reserve(size)
    this.#u8(2)
    this.#f64(first.index)
    this.#f64(prevTerm)
    this.#u32(entries.length)
    for (const entry of entries) {
      this.#f64(entry.term)
      this.#u8(kinds.indexOf(entry.kind))
      this.#u32(entry.data.length)
      this.#bytes.set(entry.data, this.#at)
      this.#at += entry.data.length
    }
  }

  /** Adds all records of `other`. */
  append(other: RecordWriter): void {
    const payload = other.frame().subarray(frameHeaderBytes)
    this.#reserve(payload.length)
    this.#bytes.set(payload, this.#at)
    this.#at += payload.length
  }

  marker(position: LogPosition): void {
    this.#position(3, position)
  }

  position(position: LogPosition): void {
    this.#position(4, position)
  }

  #position(type: number, position: LogPosition): void {
    this.#reserve(17)
    this.#u8(type)
    this.#f64(position.index)
    this.#f64(position.term)
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + size))
    grown.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = grown
    this.#view = viewOf(grown)
  }

  #u8(value: number): void {
    this.#bytes[this.#at] = value
    this.#at += 1
  }

  #u32(value: number): void {
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
  }

  #f64(value: number): void {
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
  }
}

/** The records of an intact frame. Data is copied: a small entry must not keep a whole segment in memory. */
export function decodeRecords(payload: Uint8Array): readonly WalRecord[] {
  const reader = new Reader(payload)
  const records: WalRecord[] = []
  while (!reader.isAtEnd) records.push(decodeRecord(reader))
  return records
}

function decodeRecord(reader: Reader): WalRecord {
  const type = reader.u8()
  if (type === 1) return { type: 'hard-state', hardState: decodeHardState(reader) }
  if (type === 2) return decodeEntries(reader)
  assert(type === 3 || type === 4, () => `a WAL frame with a good checksum has a record of type ${type}`)
  const position = { index: toLogIndex(reader.f64()), term: toTerm(reader.f64()) }
  return { type: type === 3 ? 'marker' : 'position', position }
}

function decodeHardState(reader: Reader): HardState {
  const term = toTerm(reader.f64())
  const commitIndex = toLogIndex(reader.f64())
  const vote = new TextDecoder().decode(reader.take(reader.u8()))
  return { term, commitIndex, vote: vote === '' ? undefined : toMemberId(vote) }
}

function decodeEntries(reader: Reader): WalRecord {
  const firstIndex = reader.f64()
  const prevTerm = toTerm(reader.f64())
  const count = reader.u32()
  const entries: Entry[] = []
  for (let i = 0; i < count; i += 1) {
    const term = toTerm(reader.f64())
    const kind = kinds[reader.u8()]
    assert(kind !== undefined, 'a WAL frame with a good checksum has an entry of an unknown kind')
    entries.push({ index: toLogIndex(firstIndex + i), term, kind, data: reader.take(reader.u32()).slice() })
  }
  return { type: 'entries', prev: { index: toLogIndex(firstIndex - 1), term: prevTerm }, entries }
}

class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = viewOf(bytes)
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  u8(): number {
    this.#at += 1
    return this.#view.getUint8(this.#at - 1)
  }

  u32(): number {
    this.#at += 4
    return this.#view.getUint32(this.#at - 4, true)
  }

  f64(): number {
    this.#at += 8
    return this.#view.getFloat64(this.#at - 8, true)
  }

  take(length: number): Uint8Array {
    this.#at += length
    assert(this.#at <= this.#bytes.length, 'a WAL record ends beyond its frame')
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

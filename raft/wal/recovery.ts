/**
 * Reading a WAL after a crash. Every frame that a sync has confirmed is there and is believed; a frame that
 * no sync has confirmed may be torn and is cut; anything else is damage, and a member with a damaged log
 * must not guess: it refuses, naming file, offset and remedy, for a vote given with a shortened log can
 * lose what others have acknowledged.
 *
 *   … frame frame ▒▒▒▒ 0 0 0 0      nothing valid follows: torn tail, cut
 *   … frame ▒▒▒▒▒ frame 0 0 0 0     a later sync succeeded, so this one had too: damage, refuse
 */
import type { Disk, DiskFile } from '../../platform/disk.ts'
import type { Entry, HardState, LogPosition } from '../types.ts'
import { toLogIndex, toTerm } from '../types.ts'
import type { SegmentHeader } from './frame.ts'
import { decodeSegmentHeader, findFrame, frameAt, isZeroFrom, segmentHeaderBytes } from './frame.ts'
import type { WalRecord } from './records.ts'
import { decodeRecords } from './records.ts'

/** The WAL cannot be used as it is. The message says what was found, where, and what to do. */
export class WalError extends Error {
  readonly code: 'E_WAL_CORRUPT' | 'E_WAL_FOREIGN' | 'E_WAL_VERSION' | 'E_WAL_BEHIND' | 'E_WAL_FAILED'
  constructor(code: WalError['code'], message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.name = 'WalError'
    this.code = code
  }
}

const remedy =
  'Nothing was changed. If other members hold a quorum, remove this member from the cluster and add it anew ' +
  'with an empty data directory; else restore the directory from a copy.'

/** A segment that stays in use. */
export interface RecoveredSegment {
  readonly path: string
  readonly header: SegmentHeader
  /** The highest entry index ever written into it; 0 when none was. */
  readonly lastIndex: number
}

export interface RecoveredWal {
  readonly hardState: HardState
  /** The entry before `entries`. */
  readonly offset: LogPosition
  readonly entries: readonly Entry[]
  /** The last snapshot that was about to be installed: the log may begin after it instead. */
  readonly marker: LogPosition | undefined
  readonly segments: readonly RecoveredSegment[]
  /** Where the next frame goes in the last segment, and what it chains to. */
  readonly tail: { readonly position: number; readonly ordinal: number; readonly crc: number }
  /** Bytes of a torn last frame that were cut, for the log. */
  readonly cutBytes: number
}

const segmentName = /^[0-9]{16}\.wal$/

export function segmentPath(directory: string, sequence: number): string {
  return `${directory}/${String(sequence).padStart(16, '0')}.wal`
}

/**
 * Reads all segments of `directory`, cuts a torn tail, and removes segments that were begun and never used.
 * Undefined when there is no WAL. @throws WalError, DiskError
 */
export function recoverWal(disk: Disk, directory: string, owner: number): RecoveredWal | undefined {
  const paths = disk
    .list(directory)
    .filter((name) => segmentName.test(name))
    .map((name) => `${directory}/${name}`)
  const replay = new Replay()
  const segments: RecoveredSegment[] = []
  let crc: number | undefined
  let tail = { position: segmentHeaderBytes, ordinal: 0, crc: 0 }
  let cutBytes = 0
  const used = dropUnused(disk, paths)
  for (const [i, path] of used.entries()) {
    const file = disk.open(path)
    try {
      const bytes = file.read(0, file.sizeBytes())
      const header = checkHeader({
        bytes,
        path,
        owner,
        expectedSequence: (segments.at(-1)?.header.sequence ?? 0) + 1,
        isFirst: i === 0,
      })
      const read = readFrames({ bytes, path, header, crc, replay })
      segments.push({ path, header, lastIndex: read.lastIndex })
      const isLast = i === used.length - 1
      if (!isZeroFrom(bytes, read.end)) {
        cutBytes = cutTail({ bytes, path, header, file, isLast, at: read.end, ordinal: read.count })
      }
      crc = read.crc
      tail = { position: read.end, ordinal: read.count, crc: crc ?? 0 }
    } finally {
      file.close()
    }
  }
  if (segments.length === 0) return undefined
  return { ...replay.result(), segments, tail, cutBytes }
}

/** Removes trailing segments that hold no frame: prepared ahead, or their preparation was interrupted. */
function dropUnused(disk: Disk, paths: readonly string[]): readonly string[] {
  const kept = [...paths]
  for (;;) {
    const path = kept.at(-1)
    if (path === undefined) return kept
    const file = disk.open(path)
    try {
      const bytes = file.read(0, file.sizeBytes())
      // A header that is only partly there was being written when the machine stopped: no frame ever was.
      if (!isZeroFrom(bytes, segmentHeaderBytes)) return kept
    } finally {
      file.close()
    }
    disk.remove(path)
    kept.pop()
  }
}

function checkHeader(segment: {
  readonly bytes: Uint8Array
  readonly path: string
  readonly owner: number
  readonly expectedSequence: number
  readonly isFirst: boolean
}): SegmentHeader {
  const { path } = segment
  const result = decodeSegmentHeader(segment.bytes)
  if (!result.ok) {
    if (result.reason === 'damaged') {
      throw new WalError(
        'E_WAL_CORRUPT',
        `cannot read WAL segment ${path}: its header (byte 0) is damaged. ${remedy}`,
      )
    }
    throw new WalError(
      'E_WAL_VERSION',
      `cannot read WAL segment ${path}: a newer version of Skedia wrote it. Run that version, or a later one.`,
    )
  }
  const { header } = result
  if (header.owner !== segment.owner) {
    throw new WalError(
      'E_WAL_FOREIGN',
      `cannot use WAL segment ${path}: it belongs to another member or cluster. Check the data directory, the member's name and the cluster token.`,
    )
  }
  if (segment.bytes.length < header.sizeBytes) {
    throw new WalError(
      'E_WAL_CORRUPT',
      `cannot read WAL segment ${path}: it ends at byte ${segment.bytes.length}, and was made with at least ${header.sizeBytes}: what stood after that is lost. ${remedy}`,
    )
  }
  if (!segment.isFirst && header.sequence !== segment.expectedSequence) {
    throw new WalError(
      'E_WAL_CORRUPT',
      `cannot read the WAL: segment ${segment.expectedSequence} before ${path} is missing. ${remedy}`,
    )
  }
  return header
}

function readFrames(segment: {
  readonly bytes: Uint8Array
  readonly path: string
  readonly header: SegmentHeader
  readonly crc: number | undefined
  readonly replay: Replay
}): {
  readonly end: number
  readonly count: number
  readonly lastIndex: number
  readonly crc: number | undefined
} {
  const { bytes, path, header, replay } = segment
  let { crc } = segment
  let at = segmentHeaderBytes
  let count = 0
  let lastIndex = 0
  for (;;) {
    const frame = frameAt(bytes, at, header.salt)
    if (!frame) return { end: at, count, lastIndex, crc }
    if (frame.ordinal !== count || (crc !== undefined && frame.previousCrc !== crc)) {
      throw new WalError(
        'E_WAL_CORRUPT',
        `cannot read WAL segment ${path}: frame ${frame.ordinal} at byte ${at} does not continue frame ${count - 1}. ${remedy}`,
      )
    }
    for (const record of decodeRecords(frame.payload)) {
      const problem = replay.take(record)
      if (problem)
        throw new WalError(
          'E_WAL_CORRUPT',
          `cannot read WAL segment ${path}: frame ${count} at byte ${at}: ${problem}. ${remedy}`,
        )
      if (record.type === 'entries') lastIndex = Math.max(lastIndex, record.entries.at(-1)?.index ?? 0)
    }
    crc = frame.crc
    count += 1
    at = frame.end
  }
}

/** Cuts what cannot have been confirmed; refuses what must have been. */
function cutTail(segment: {
  readonly bytes: Uint8Array
  readonly path: string
  readonly header: SegmentHeader
  readonly file: DiskFile
  readonly isLast: boolean
  readonly at: number
  readonly ordinal: number
}): number {
  const { bytes, path, at, file } = segment
  const follower = findFrame(bytes, at + 8, segment.header.salt)
  if (follower !== undefined || !segment.isLast) {
    const what =
      follower === undefined
        ? 'a later segment was begun after it'
        : `a valid frame follows at byte ${follower}`
    throw new WalError(
      'E_WAL_CORRUPT',
      `cannot read WAL segment ${path}: frame ${segment.ordinal} at byte ${at} is damaged, and ${what}: this is no torn write. ${remedy}`,
    )
  }
  let end = bytes.length
  while (end > at && bytes[end - 1] === 0) end -= 1
  file.write(new Uint8Array(end - at), at)
  return end - at
}

/** The log as the records leave it. */
class Replay {
  #hardState: HardState = { term: toTerm(0), vote: undefined, commitIndex: toLogIndex(0) }
  #offset: LogPosition | undefined
  #entries: Entry[] = []
  #marker: LogPosition | undefined

  /** Takes one record; returns what is wrong with it, if anything. */
  take(record: WalRecord): string | undefined {
    switch (record.type) {
      case 'hard-state':
        this.#hardState = record.hardState
        return undefined
      case 'position':
        this.#offset ??= record.position
        return undefined
      case 'marker':
        this.#marker = record.position
        return undefined
      case 'entries':
        return this.#takeEntries(record.prev, record.entries)
    }
  }

  result(): Pick<RecoveredWal, 'hardState' | 'offset' | 'entries' | 'marker'> {
    const offset = this.#offset ?? { index: toLogIndex(0), term: toTerm(0) }
    return { hardState: this.#hardState, offset, entries: this.#entries, marker: this.#marker }
  }

  #takeEntries(prev: LogPosition, entries: readonly Entry[]): string | undefined {
    this.#offset ??= prev
    const offset = this.#offset
    const held = prev.index - offset.index
    const heldTerm = held === 0 ? offset.term : this.#entries[held - 1]?.term
    if (heldTerm === prev.term) {
      this.#entries.length = held
    } else if (held < 0 || (this.#marker?.index === prev.index && this.#marker.term === prev.term)) {
      // Before the first segment that is left, or after an installed snapshot: the log begins anew here.
      this.#offset = prev
      this.#entries = []
    } else {
      return `entry ${prev.index + 1} follows (${prev.index}, term ${prev.term}), found ${heldTerm === undefined ? 'nothing' : `term ${heldTerm}`} there`
    }
    for (const entry of entries) this.#entries.push(entry)
    return undefined
  }
}

/**
 * The write-ahead log: what this member must remember before it speaks.
 *
 * Group commit without a timer: while one fdatasync is under way, everything that arrives gathers into the
 * next frame, which is written and synced as soon as the first returns. One frame is under way at a time, so
 * a crash can tear the last frame only.
 *
 *   append #1 ─ write ─ sync ··········· durable 1
 *      append #2 #3 #4  gather ········· write ─ sync ······ durable 4
 *
 * A failed write or sync is never tried again: the kernel may have dropped the pages and report success next
 * time. The member ends instead (`onError`).
 */
import { assert, messageOf } from '../../platform/assert.ts'
import type { Clock } from '../../platform/clock.ts'
import { crc32c } from '../../platform/crc32c.ts'
import type { Disk } from '../../platform/disk.ts'
import type { Random } from '../../platform/random.ts'
import type { DiskWrite } from '../raw-node.ts'
import type { HardState, LogIndex, LogPosition } from '../types.ts'
import { toLogIndex, toTerm } from '../types.ts'
import { aligned, sealFrame, segmentHeaderBytes } from './frame.ts'
import { Latencies } from './latencies.ts'
import { RecordWriter } from './records.ts'
import type { RecoveredWal } from './recovery.ts'
import { recoverWal, WalError } from './recovery.ts'
import type { Segment } from './segments.ts'
import { SegmentMaker } from './segments.ts'

/** Appends beyond this size gather into a further frame. */
const frameBytesSoft = 4 * 1024 * 1024

export interface WalOptions {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly directory: string
  readonly clusterId: string
  readonly memberId: string
  readonly segmentBytes: number
  /** Everything up to this hand-over sequence is durable. Called in an event of its own. */
  readonly onDurable: (sequence: number) => void
  /** A write failed; the WAL does nothing more. */
  readonly onError: (error: Error) => void
}

/** A segment begins with the log's end and the hard state as of its first frame, so that older ones can go. */
interface Preamble {
  readonly hardState: HardState
  readonly logEnd: LogPosition
}

/** Room for a preamble in a new segment's first frame. */
const preambleBytesMax = 512

/** Appends that share one frame and one sync. */
interface Batch {
  readonly writer: RecordWriter
  /** As of just before this batch. */
  before: Preamble
  sequence: number
  lastIndex: number
  readonly callbacks: (() => void)[]
}

interface ReleasableSegment {
  readonly path: string
  lastIndex: number
}

export class Wal {
  /** What was on the disk; undefined for a new WAL. */
  readonly recovered: RecoveredWal | undefined
  readonly latencies = new Latencies()
  readonly #options: WalOptions
  readonly #maker: SegmentMaker
  readonly #segments: ReleasableSegment[] = []
  #current: Segment | undefined
  #currentRef: ReleasableSegment | undefined
  #segmentSequence = 0
  /** Recovery cut a torn tail, and no sync has confirmed that since. */
  #isCutUnsynced = false
  #position = segmentHeaderBytes
  #ordinal = 0
  #crc = 0
  /** As of the last append. */
  #latest: Preamble
  #gathering: Batch
  readonly #full: Batch[] = []
  #spare: RecordWriter | undefined
  #underway: Batch | undefined
  #state: 'open' | 'failed' | 'closed' = 'open'

  /** Opens or creates the WAL in `directory`. @throws WalError, DiskError */
  constructor(options: WalOptions) {
    this.#options = options
    const { disk, directory } = options
    const owner = crc32c(new TextEncoder().encode(`${options.clusterId}/${options.memberId}`))
    disk.makeDirectory(directory)
    this.recovered = recoverWal(disk, directory, owner)
    this.#maker = new SegmentMaker({
      disk,
      clock: options.clock,
      random: options.random,
      directory,
      owner,
      sizeBytes: options.segmentBytes,
      onError: (error) => this.#fail(error),
    })
    this.#latest = preambleOf(this.recovered)
    this.#gathering = newBatch(new RecordWriter(), this.#latest)
    if (this.recovered) this.#continue(this.recovered)
  }

  /** Gathers one hand-over of the core; nothing is written before `flush`. */
  append(write: DiskWrite): void {
    const { hardState, prevTerm, entries, sequence } = write
    const { writer } = this.#gathering
    if (hardState) {
      writer.hardState(hardState)
      this.#latest = { ...this.#latest, hardState }
    }
    writer.entries(prevTerm, entries)
    const last = entries.at(-1)
    if (last) {
      this.#gathering.lastIndex = Math.max(this.#gathering.lastIndex, last.index)
      this.#latest = { ...this.#latest, logEnd: { index: last.index, term: last.term } }
    }
    assert(
      sequence > this.#gathering.sequence,
      () => `hand-over ${sequence} after ${this.#gathering.sequence}`,
    )
    this.#gathering.sequence = sequence
    if (writer.sizeBytes >= frameBytesSoft) this.#closeBatch()
  }

  /**
   * Notes durably that the log may begin anew after this snapshot, then calls `done`. To be called before
   * the state machine switches: a crash at any moment then leaves a log that fits the state.
   */
  mark(position: LogPosition, done: () => void): void {
    this.#gathering.writer.marker(position)
    this.#gathering.callbacks.push(done)
    this.flush()
  }

  /** The state machine has switched to the marked snapshot. */
  resetTo(position: LogPosition): void {
    this.#latest = { ...this.#latest, logEnd: position }
    this.#gathering.before = { ...this.#gathering.before, logEnd: position }
  }

  /** Writes and syncs what has gathered, unless a sync is under way: then it follows by itself. */
  flush(): void {
    if (this.#underway || this.#state !== 'open') return
    if (this.#full.length === 0) {
      if (this.#gathering.writer.isEmpty) return
      this.#closeBatch()
    }
    const batch = this.#full.shift()
    if (!batch) return
    this.#underway = batch
    this.#guard(() => this.#place(batch))
  }

  /** Removes segments whose every entry is at or before `index`. */
  release(index: LogIndex): void {
    if (this.#state !== 'open') return
    const { disk, directory } = this.#options
    this.#guard(() => {
      let removed = 0
      while (this.#segments.length > 1) {
        const oldest = this.#segments[0]
        if (!oldest || oldest === this.#currentRef || oldest.lastIndex > index) break
        disk.remove(oldest.path)
        this.#segments.shift()
        removed += 1
      }
      if (removed > 0) disk.syncDirectory(directory)
    })
  }

  /** The segment files in use, oldest first. */
  segmentPaths(): readonly string[] {
    return this.#segments.map(({ path }) => path)
  }

  /** Ends without writing what has only gathered: nobody was promised anything about it. Idempotent. */
  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#maker.close()
    // A sync under way still holds the file; its callback closes it.
    if (!this.#underway) this.#current?.file.close()
  }

  #continue(recovered: RecoveredWal): void {
    const { tail, segments } = recovered
    for (const { path, lastIndex } of segments) this.#segments.push({ path, lastIndex })
    const last = segments.at(-1)
    assert(last !== undefined, 'a recovered WAL has a segment')
    const file = this.#options.disk.open(last.path)
    this.#current = { path: last.path, header: last.header, file, sizeBytes: file.sizeBytes() }
    this.#currentRef = this.#segments.at(-1)
    this.#segmentSequence = last.header.sequence
    this.#position = tail.position
    this.#ordinal = tail.ordinal
    this.#crc = tail.crc
    this.#isCutUnsynced = recovered.cutBytes > 0
  }

  #closeBatch(): void {
    const batch = this.#gathering
    this.#full.push(batch)
    const writer = this.#spare ?? new RecordWriter()
    this.#spare = undefined
    this.#gathering = { ...newBatch(writer, this.#latest), sequence: batch.sequence }
  }

  /** Finds room for the frame, in the current segment or the next. */
  #place(batch: Batch): void {
    const size = batch.writer.sizeBytes
    if (this.#current && this.#position + size <= this.#current.sizeBytes) {
      this.#write(batch, this.#current, batch.writer)
      return
    }
    if (this.#isCutUnsynced && this.#current) {
      this.#confirmCut(this.#current, batch)
      return
    }
    const sequence = this.#segmentSequence + 1
    const sizeBytesMin = segmentHeaderBytes + size + preambleBytesMax
    this.#maker.take(sequence, sizeBytesMin, (segment) => this.#guard(() => this.#begin(segment, batch)))
  }

  /**
   * Once a later segment is in use, garbage at the end of this one would be taken for damage: what recovery cut
   * must be gone durably before.
   */
  #confirmCut(current: Segment, batch: Batch): void {
    current.file.sync((error) => {
      if (this.#state !== 'open') current.file.close()
      else if (error) this.#fail(error)
      else {
        this.#isCutUnsynced = false
        this.#guard(() => this.#place(batch))
      }
    })
  }

  /** Switches to a new segment; its first frame repeats the hard state, so that it can stand alone. */
  #begin(segment: Segment, batch: Batch): void {
    this.#current?.file.close()
    this.#current = segment
    this.#segmentSequence = segment.header.sequence
    this.#position = segmentHeaderBytes
    this.#ordinal = 0
    this.#currentRef = { path: segment.path, lastIndex: 0 }
    this.#segments.push(this.#currentRef)
    const writer = new RecordWriter()
    writer.position(batch.before.logEnd)
    writer.hardState(batch.before.hardState)
    writer.append(batch.writer)
    this.#write(batch, segment, writer)
  }

  #write(batch: Batch, segment: Segment, writer: RecordWriter): void {
    const { clock } = this.#options
    const frame = writer.frame()
    this.#crc = sealFrame(frame, {
      previousCrc: this.#crc,
      ordinal: this.#ordinal,
      salt: segment.header.salt,
    })
    const startMs = clock.monotonicMs()
    segment.file.write(frame, this.#position)
    this.#position = aligned(this.#position + frame.length)
    this.#ordinal += 1
    segment.file.sync((error) => {
      this.#underway = undefined
      if (this.#state !== 'open') segment.file.close()
      else if (error) this.#fail(error)
      else this.#guard(() => this.#synced(batch, clock.monotonicMs() - startMs))
    })
    if (this.#position > segment.sizeBytes / 2) this.#maker.prepare(this.#segmentSequence + 1)
  }

  #synced(batch: Batch, tookMs: number): void {
    this.latencies.add(tookMs)
    this.#isCutUnsynced = false
    if (this.#currentRef) this.#currentRef.lastIndex = Math.max(this.#currentRef.lastIndex, batch.lastIndex)
    batch.writer.clear()
    this.#spare = batch.writer
    if (batch.sequence > 0) this.#options.onDurable(batch.sequence)
    for (const done of batch.callbacks) done()
    this.flush()
  }

  #guard(work: () => void): void {
    if (this.#state !== 'open') return
    try {
      work()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (this.#state !== 'open') return
    this.#state = 'failed'
    const message = `cannot write the WAL in ${this.#options.directory}: ${messageOf(error)}. The member ends, for what it cannot write it must not promise; free space or replace the disk, then start it again.`
    this.#options.onError(new WalError('E_WAL_FAILED', message, { cause: error }))
  }
}

function newBatch(writer: RecordWriter, before: Preamble): Batch {
  return { writer, before, sequence: 0, lastIndex: 0, callbacks: [] }
}

function preambleOf(recovered: RecoveredWal | undefined): Preamble {
  const start = { index: toLogIndex(0), term: toTerm(0) }
  if (!recovered)
    return { hardState: { term: toTerm(0), vote: undefined, commitIndex: toLogIndex(0) }, logEnd: start }
  const { hardState, entries, offset } = recovered
  const last = entries.at(-1)
  return { hardState, logEnd: last ? { index: last.index, term: last.term } : offset }
}

/**
 * The segment files of a WAL: the one being written, those before it until they are released, and the next
 * one, prepared ahead. A new segment is filled with zeros in small steps while the current one is in use, so
 * that beginning it costs no pause, and a sync never has to move the file's end.
 *
 * A segment is used only after its header, its zeros and its name are durable: recovery may then take a
 * segment without frames for unused, and damage in front of a used one for damage.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Disk, DiskError, DiskFile } from '../../platform/disk.ts'
import type { Random } from '../../platform/random.ts'
import type { SegmentHeader } from './frame.ts'
import { encodeSegmentHeader, segmentHeaderBytes } from './frame.ts'
import { segmentPath } from './recovery.ts'

const fillBytes = 256 * 1024

export interface Segment {
  readonly path: string
  readonly header: SegmentHeader
  readonly file: DiskFile
  readonly sizeBytes: number
}

interface Preparation {
  readonly segment: Segment
  filledBytes: number
  isReady: boolean
}

export class SegmentMaker {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #random: Random
  readonly #directory: string
  readonly #owner: number
  readonly #sizeBytes: number
  readonly #onError: (error: unknown) => void
  #next: Preparation | undefined
  #waiting: ((segment: Segment) => void) | undefined
  #timer: Timer | undefined
  #isClosed = false

  constructor(options: {
    readonly disk: Disk
    readonly clock: Clock
    readonly random: Random
    readonly directory: string
    readonly owner: number
    readonly sizeBytes: number
    readonly onError: (error: unknown) => void
  }) {
    this.#disk = options.disk
    this.#clock = options.clock
    this.#random = options.random
    this.#directory = options.directory
    this.#owner = options.owner
    this.#sizeBytes = options.sizeBytes
    this.#onError = options.onError
  }

  /** Begins to prepare the segment with this sequence number, in the background. No-op while one is prepared. */
  prepare(sequence: number, sizeBytesMin = 0): void {
    if (this.#next || this.#isClosed) return
    try {
      const path = segmentPath(this.#directory, sequence)
      const sizeBytes = Math.max(this.#sizeBytes, sizeBytesMin)
      const header = { salt: this.#random.int(0x1_0000_0000), sequence, owner: this.#owner, sizeBytes }
      const file = this.#disk.open(path, { create: true })
      this.#next = {
        segment: { path, header, file, sizeBytes },
        filledBytes: segmentHeaderBytes,
        isReady: false,
      }
      file.write(encodeSegmentHeader(header), 0)
      this.#fill(this.#next)
    } catch (error) {
      this.#onError(error)
    }
  }

  /** Hands over the next segment, which has room for `sizeBytesMin`, once it is durable. */
  take(sequence: number, sizeBytesMin: number, use: (segment: Segment) => void): void {
    const next = this.#next
    if (next && next.segment.sizeBytes < sizeBytesMin) this.#discard(next)
    this.prepare(sequence, sizeBytesMin)
    if (this.#next?.isReady) {
      const { segment } = this.#next
      this.#next = undefined
      use(segment)
    } else {
      this.#waiting = use
    }
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#next?.segment.file.close()
    this.#next = undefined
  }

  #discard(preparation: Preparation): void {
    this.#timer?.cancel()
    preparation.segment.file.close()
    this.#disk.remove(preparation.segment.path)
    this.#next = undefined
  }

  /** One step of zeros per event, so that other work goes on in between. */
  #fill(preparation: Preparation): void {
    const { segment } = preparation
    const end = Math.min(segment.sizeBytes, preparation.filledBytes + fillBytes)
    segment.file.write(new Uint8Array(end - preparation.filledBytes), preparation.filledBytes)
    preparation.filledBytes = end
    if (end < segment.sizeBytes) {
      this.#timer = this.#clock.setTimer(0, () => this.#guard(() => this.#fill(preparation)))
    } else {
      segment.file.sync((error) => this.#synced(preparation, error))
    }
  }

  #synced(preparation: Preparation, error: DiskError | undefined): void {
    if (this.#isClosed || this.#next !== preparation) return
    if (error) {
      this.#onError(error)
      return
    }
    this.#guard(() => {
      this.#disk.syncDirectory(this.#directory)
      preparation.isReady = true
      const use = this.#waiting
      if (!use) return
      this.#waiting = undefined
      this.#next = undefined
      use(preparation.segment)
    })
  }

  #guard(work: () => void): void {
    if (this.#isClosed) return
    try {
      work()
    } catch (error) {
      this.#onError(error)
    }
  }
}

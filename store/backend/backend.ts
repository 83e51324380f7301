/**
 * Where applied state lies, as a power: ordered keys, one atomic batch, snapshots, checkpoints. Bodies:
 * `level/` (LevelDB) on real machines, `memory/` in the simulation; `conformance.ts` is what both keep.
 *
 * A write is an effect: it returns at once and every read after it sees it. What survives a power cut:
 * everything written before a checkpoint that reported success; of the later batches any subset, each
 * whole or not at all, holes in the middle included (LevelDB 1.20 closes a log un-synced when it
 * switches memtables). A recovery must therefore go back to the checkpoint and replay (`state-machine`).
 */
import type { BackendError } from '../errors.ts'

export interface BackendWrite {
  readonly key: Uint8Array
  /** Undefined: remove the key. The bytes belong to the backend from here on. */
  readonly value: Uint8Array | undefined
}

export interface BackendRange {
  readonly start: Uint8Array
  /** Exclusive. */
  readonly end: Uint8Array
}

export type BackendEntry = readonly [key: Uint8Array, value: Uint8Array]

/** A consistent view as of its opening. Close it: it holds back the disk's space. */
export interface BackendSnapshot {
  get(key: Uint8Array): Uint8Array | undefined
  close(): void
}

export interface BackendStatus {
  /** Bytes on disk, roughly. */
  readonly sizeBytes: number
  /** Bytes written and not yet handed to the disk. */
  readonly pendingBytes: number
  /** The disk has no room: writes gather in memory, reads go on. Ends by itself when there is room again. */
  readonly isFull: boolean
}

export interface Backend {
  /** The newest value. Synchronous. @throws BackendError when it cannot be read */
  get(key: Uint8Array): Uint8Array | undefined
  /** One atomic batch. */
  write(batch: readonly BackendWrite[]): void
  /**
   * Makes everything written so far durable, off the hot path. One at a time. `done` comes as an event of
   * its own; with an error nothing more is known to be durable than before.
   */
  checkpoint(done: (error: BackendError | undefined) => void): void
  openSnapshot(): BackendSnapshot
  /** All entries of a range in key order, batch by batch; sees all writes made before the call. */
  scan(range: BackendRange): AsyncIterable<readonly BackendEntry[]>
  status(): BackendStatus
  /** Waits for what is under way, then releases the files. Idempotent. Un-synced batches may be lost. */
  close(): Promise<void>
}

/** Opens the generations of one member's state. A generation is a directory; a snapshot install makes a new one. */
export interface BackendHost {
  /** @throws BackendError `locked`, `corrupt`, `io` */
  open(generation: string, events: BackendEvents): Promise<Backend>
  /** Names of the generations that exist, sorted. */
  list(): Promise<readonly string[]>
  remove(generation: string): Promise<void>
}

export interface BackendEvents {
  /** The disk failed for good (other than being full). The member must halt. */
  readonly onFailure: (error: BackendError) => void
}

/**
 * What Raft asks of the state machine that it replicates. The store implements it; Raft knows nothing
 * else of the store.
 *
 * All calls come from one event loop, never nested. `apply` never awaits: its writes are effects behind a
 * read overlay, so that reads see them at once.
 */
import type { ConfState, Entry, LogIndex, Term } from './types.ts'

export interface SnapshotMeta {
  readonly index: LogIndex
  readonly term: Term
  readonly confState: ConfState
}

/** A consistent copy of the applied state, read in chunks. Opaque to Raft. */
export interface SnapshotReader {
  readonly meta: SnapshotMeta
  /** The next chunk, about `bytesMax` long; undefined at the end. @throws when the state cannot be read */
  read(bytesMax: number): Uint8Array | undefined
  close(): void
}

/** Takes chunks into a fresh place; the old state stays until `finish` switches over atomically. */
export interface SnapshotWriter {
  write(chunk: Uint8Array): void
  /** Verifies, makes durable, switches. `done(error)` when refused: the old state still stands. */
  finish(done: (error: Error | undefined) => void): void
  abort(): void
}

export interface AppliedEntry {
  readonly entry: Entry
  /** For a `conf-change`, and for entry 1: the membership from this entry on, to be stored in the same batch. */
  readonly confState?: ConfState
}

export interface StateMachine {
  /** The last applied entry (index 0, term 0 when new), the membership stored with it. */
  applied(): { readonly index: LogIndex; readonly term: Term; readonly confState: ConfState | undefined }
  /**
   * The highest index whose effects survive a power cut. The WAL keeps every entry after it. May lag far
   * behind `applied().index`; never exceeds it.
   */
  durableIndex(): LogIndex
  /**
   * Applies committed entries: consecutive indexes, each exactly once per life of the applied state.
   * Every entry, `empty` and refused ones too, moves the stored applied index in the same batch as its data.
   * @throws AssertionFailed or another error: the member halts rather than diverge.
   */
  apply(entries: readonly AppliedEntry[]): void
  /** Asks for a checkpoint off the hot path, after which `durableIndex()` is at least today's applied index. */
  checkpoint(done: (error: Error | undefined) => void): void
  openSnapshot(): SnapshotReader
  beginInstall(meta: SnapshotMeta): SnapshotWriter
}

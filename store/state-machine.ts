/**
 * Binds the replicated state (`apply.ts`) to its backend and gives it to Raft.
 *
 *   entry → StoreState.apply → records ─┬─▶ change log (memory) ─▶ watchers
 *                                       └─▶ ONE backend batch with index, term, revision, membership
 *
 * Durability. The backend may lose un-checkpointed batches from the middle and still open without a word,
 * so the applied index that it holds proves nothing. At boot the state goes back to the last checkpoint
 * named by the checkpoint file, ignores every later record, and Raft replays its WAL from there; replay is
 * deterministic and writes the same bytes to the same keys again. The WAL is kept for that (`durableIndex`).
 *
 *   checkpoint: write {all small state} → backend.checkpoint (flush) → checkpoint file → durableIndex
 */
import { assert } from '../platform/assert.ts'
import type { Powers } from '../platform/powers.ts'
import type {
  AppliedEntry,
  SnapshotMeta,
  SnapshotReader,
  SnapshotWriter,
  StateMachine,
} from '../raft/state-machine.ts'
import type { ConfState, LogIndex, Term } from '../raft/types.ts'
import { type EntryOutcome, StoreState } from './apply.ts'
import type { Backend, BackendHost, BackendWrite } from './backend/backend.ts'
import { writeCheckpointFile } from './checkpoint-file.ts'
import type { RevisionChanges } from './mvcc/mvcc.ts'
import { isLastOfRevision, placeKey, recordKeyText } from './mvcc/record.ts'
import { recordSource } from './record-source.ts'
import { SnapshotInstall } from './snapshot-install.ts'
import { openSnapshotReader } from './snapshot-reader.ts'
import { encodeStatePoint } from './state-codec.ts'
import type { ChangeLog } from './watch/change-log.ts'

/** What the server hears from the state machine. Set before the first entry. */
export interface MachineEvents {
  /** Whether somebody waits for what the entry comes to. */
  wantsResults: (index: LogIndex, term: Term) => boolean
  /** After entries have been applied and written. */
  onApplied: (outcomes: readonly EntryOutcome[], changes: readonly RevisionChanges[]) => void
  /** A snapshot took the state's place. */
  onReplaced: () => void
}

/** The backend's key of the state point that goes with every batch. */
export const appliedKey = new TextEncoder().encode('applied')
/** A batch is written when it holds about so many bytes, also in the middle of one apply. */
const batchBytesMax = 1024 * 1024

/** The backend's key of a checkpoint's state point: `c` and the log index (f64). */
export function checkpointKey(index: number): Uint8Array {
  const key = new Uint8Array(9)
  key[0] = 0x63
  new DataView(key.buffer).setFloat64(1, index)
  return key
}

export type MachinePowers = Pick<Powers, 'disk' | 'log' | 'fatal'>

export interface MachineOptions {
  /** The member's data directory. */
  readonly directory: string
  readonly host: BackendHost
}

/** The state that serves, and where it lies. */
export interface StateInForce {
  readonly generation: string
  readonly backend: Backend
  readonly state: StoreState
}

/** What a checkpoint of `state` writes. */
export function checkpointWrites(state: StoreState): BackendWrite[] {
  return [
    { key: checkpointKey(state.index), value: encodeStatePoint(state, { withLeases: true }) },
    { key: appliedKey, value: encodeStatePoint(state, { withLeases: false }) },
  ]
}

export class StoreMachine implements StateMachine {
  events: MachineEvents = { wantsResults: () => false, onApplied: () => {}, onReplaced: () => {} }
  /** The entry that this member had applied in its last life; the state may be older until it is reached again. */
  readonly lastLifeIndex: number
  readonly #powers: MachinePowers
  readonly #options: MachineOptions
  readonly #log: ChangeLog
  #inForce: StateInForce
  #durableIndex: LogIndex
  #checkpoint: { readonly waiting: ((error: Error | undefined) => void)[] } | undefined
  #isClosed = false

  /** Use `openStoreMachine`. */
  constructor(
    powers: MachinePowers,
    options: MachineOptions,
    opened: { readonly inForce: StateInForce; readonly log: ChangeLog; readonly lastLifeIndex: number },
  ) {
    this.#powers = powers
    this.#options = options
    this.#inForce = opened.inForce
    this.#log = opened.log
    this.#durableIndex = opened.inForce.state.index
    this.lastLifeIndex = opened.lastLifeIndex
  }

  get state(): StoreState {
    return this.#inForce.state
  }

  get backend(): Backend {
    return this.#inForce.backend
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  applied(): { readonly index: LogIndex; readonly term: Term; readonly confState: ConfState | undefined } {
    const { index, term, confState } = this.state
    return { index, term, confState }
  }

  durableIndex(): LogIndex {
    return this.#durableIndex
  }

  apply(entries: readonly AppliedEntry[]): void {
    if (this.#isClosed) return
    const outcomes: EntryOutcome[] = []
    const revisions: RevisionChanges[] = []
    let batch: BackendWrite[] = []
    let bytes = 0
    for (const applied of entries) {
      const { index, term } = applied.entry
      assert(index === this.state.index + 1, () => `entry ${index} is applied after ${this.state.index}`)
      const outcome = this.state.apply(applied, this.events.wantsResults(index, term), (changes) => {
        bytes += this.#record(changes, batch)
        revisions.push(changes)
      })
      outcomes.push(outcome)
      if (bytes >= batchBytesMax) {
        this.#write(batch)
        batch = []
        bytes = 0
      }
    }
    this.#write(batch)
    this.events.onApplied(outcomes, revisions)
  }

  #record(changes: RevisionChanges, batch: BackendWrite[]): number {
    let bytes = 0
    changes.changes.forEach(({ record }, sub) => {
      batch.push({ key: placeKey({ main: changes.revision, sub }), value: record })
      bytes += record.length
    })
    this.#log.push(changes)
    return bytes
  }

  #write(batch: BackendWrite[]): void {
    batch.push({ key: appliedKey, value: encodeStatePoint(this.state, { withLeases: false }) })
    this.backend.write(batch)
  }

  /** The changes of a revision that has not been compacted, from memory or the backend. */
  changesAt(revision: number): RevisionChanges {
    const held = this.#log.get(revision)
    if (held) return held
    const changes: RevisionChanges['changes'][number][] = []
    // Revision 1 is the empty store.
    for (let sub = 0; revision > 1; sub += 1) {
      const record = this.state.mvcc.readAt({ main: revision, sub })
      const key = recordKeyText(record)
      changes.push({ key, record, previous: this.state.mvcc.placeBefore(key, revision) })
      if (isLastOfRevision(record)) break
    }
    return { revision, changes }
  }

  /** Removes at most `countMax` records that compaction made unreachable; whether it did something. */
  removeGarbage(countMax: number): boolean {
    const { compactor } = this.state.mvcc
    if (this.#isClosed || !compactor.hasWork || this.#durableIndex < this.state.compactIndex) return false
    const places = compactor.step(countMax)
    if (places.length > 0)
      this.backend.write(places.map((place) => ({ key: placeKey(place), value: undefined })))
    return true
  }

  /** Whether garbage waits for a checkpoint. */
  get wantsCheckpoint(): boolean {
    const { compactor } = this.state.mvcc
    return (compactor.hasWork && this.#durableIndex < this.state.compactIndex) || compactor.wantsCheckpoint
  }

  checkpoint(done: (error: Error | undefined) => void): void {
    if (this.#checkpoint) {
      // The one under way may have begun before what the caller wants covered: it gets the next one.
      this.#checkpoint.waiting.push(done)
      return
    }
    this.#checkpoint = { waiting: [] }
    const { backend, state, generation } = this.#inForce
    const { index } = state
    const before = this.#durableIndex
    backend.write(checkpointWrites(state))
    const mark = state.mvcc.compactor.checkpointBegun()
    backend.checkpoint((error) => {
      if (this.#isClosed) return
      const isReplaced = this.#inForce.generation !== generation
      const failure = error ?? (isReplaced ? undefined : this.#seal(generation, index))
      if (!failure && !isReplaced) {
        this.#durableIndex = index
        state.mvcc.compactor.checkpointDone(mark)
        if (before !== index) backend.write([{ key: checkpointKey(before), value: undefined }])
      }
      this.#endCheckpoint(done, failure)
    })
  }

  #endCheckpoint(done: (error: Error | undefined) => void, failure: Error | undefined): void {
    const waiting = this.#checkpoint?.waiting ?? []
    this.#checkpoint = undefined
    done(failure)
    if (waiting.length > 0) this.checkpoint((error) => waiting.forEach((each) => each(error)))
  }

  #seal(generation: string, index: number): Error | undefined {
    try {
      writeCheckpointFile(this.#powers.disk, this.#options.directory, { format: 1, generation, index })
      return undefined
    } catch (error) {
      return toError(error)
    }
  }

  openSnapshot(): SnapshotReader {
    const { state, backend } = this.#inForce
    return openSnapshotReader({
      state,
      snapshot: backend.openSnapshot(),
      path: this.#path(this.#inForce.generation),
    })
  }

  #path(generation: string): string {
    return `${this.#options.directory}/${generation}`
  }

  beginInstall(meta: SnapshotMeta): SnapshotWriter {
    const { host } = this.#options
    const generation = `db-${Number(this.#inForce.generation.slice('db-'.length)) + 1}`
    const path = this.#path(generation)
    const remove = (backend: Backend, name: string) => {
      backend
        .close()
        .then(() => host.remove(name))
        .catch((error: unknown) =>
          this.#powers.log.warn('cannot remove old state', { path, error: toError(error).message }),
        )
    }
    return new SnapshotInstall(meta, {
      openFresh: async () => {
        await host.remove(generation)
        return host.open(generation, { onFailure: this.#powers.fatal })
      },
      newState: (backend) =>
        new StoreState(recordSource({ path, backend, log: this.#log, fatal: this.#powers.fatal })),
      checkpointWrites,
      discard: (backend) => remove(backend, generation),
      switchTo: ({ backend, state }) => {
        if (this.#isClosed) throw new Error('the member is closing')
        writeCheckpointFile(this.#powers.disk, this.#options.directory, {
          format: 1,
          generation,
          index: state.index,
        })
        const old = this.#inForce
        this.#inForce = { generation, backend, state }
        this.#durableIndex = state.index
        this.#log.clear()
        remove(old.backend, old.generation)
        this.events.onReplaced()
      },
    })
  }

  /** A last checkpoint, so that the next start replays nothing; then the backend is released. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    await new Promise<void>((resolve) => this.checkpoint(() => resolve()))
    this.#isClosed = true
    await this.backend.close()
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

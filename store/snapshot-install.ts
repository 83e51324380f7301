/**
 * Takes a leader's snapshot into a fresh generation of the backend, beside the state in force, which goes
 * on serving until the checkpoint file names the new one. Nothing is cleared in place: a crash at any
 * point leaves the old state or the new one.
 */
import { assert, defined, messageOf } from '../platform/assert.ts'
import type { SnapshotMeta, SnapshotWriter } from '../raft/state-machine.ts'
import type { StoreState } from './apply.ts'
import type { Backend, BackendWrite } from './backend/backend.ts'
import { BackendError } from './errors.ts'
import { checkRecord, placeKey, recordFields } from './mvcc/record.ts'
import { SnapshotDecoder, type SnapshotPart } from './snapshot-stream.ts'
import { decodeStatePoint, restoreStatePoint, type StatePoint } from './state-codec.ts'

export interface InstallHost {
  /** A fresh generation; what an interrupted install left there is gone. */
  readonly openFresh: () => Promise<Backend>
  readonly newState: (backend: Backend) => StoreState
  /** The keys and values that make a checkpoint of `state`. */
  readonly checkpointWrites: (state: StoreState) => readonly BackendWrite[]
  /** Puts the new state in force. @throws when that cannot be made durable */
  readonly switchTo: (next: { readonly backend: Backend; readonly state: StoreState }) => void
  /** Drops the fresh generation. */
  readonly discard: (backend: Backend) => void
}

export class SnapshotInstall implements SnapshotWriter {
  readonly #meta: SnapshotMeta
  readonly #host: InstallHost
  readonly #decoder = new SnapshotDecoder()
  /** Parts that came before the fresh backend was open. */
  #waiting: SnapshotPart[] = []
  #fresh: { readonly backend: Backend; readonly state: StoreState } | undefined
  #point: StatePoint | undefined
  #records = 0
  #failure: Error | undefined
  #isOver = false
  #finish: ((error: Error | undefined) => void) | undefined

  constructor(meta: SnapshotMeta, host: InstallHost) {
    this.#meta = meta
    this.#host = host
    host.openFresh().then(
      (backend) => this.#opened(backend),
      (error: unknown) => this.#fail(error),
    )
  }

  #opened(backend: Backend): void {
    if (this.#isOver) {
      this.#host.discard(backend)
      return
    }
    this.#fresh = { backend, state: this.#host.newState(backend) }
    const parts = this.#waiting
    this.#waiting = []
    this.#guard(() => {
      for (const part of parts) this.#take(part)
    })
    if (this.#finish) this.#complete()
  }

  write(chunk: Uint8Array): void {
    if (this.#isOver || this.#failure) return
    this.#guard(() => {
      for (const part of this.#decoder.take(chunk)) {
        if (this.#fresh) this.#take(part)
        else this.#waiting.push(part)
      }
    })
  }

  #guard(work: () => void): void {
    try {
      if (!this.#failure) work()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(messageOf(error))
    if (this.#finish) this.#complete()
  }

  #take(part: SnapshotPart): void {
    const { backend, state } = defined(this.#fresh, 'fresh backend')
    switch (part.kind) {
      case 'state':
        this.#point = decodeStatePoint(part.point, 'the state in a snapshot')
        return
      case 'records': {
        const batch: BackendWrite[] = []
        for (const { sub, record } of part.records) {
          const place = { main: recordFields(record).modRevision, sub }
          const harm = checkRecord(record, place)
          if (harm) throw new BackendError('corrupt', `a record in a snapshot is harmed: ${harm}`)
          state.mvcc.load(place, record)
          batch.push({ key: placeKey(place), value: record })
        }
        this.#records += batch.length
        backend.write(batch)
        return
      }
      case 'end':
        if (part.recordCount === this.#records) return
        throw new BackendError(
          'corrupt',
          `a snapshot of ${part.recordCount} records came with ${this.#records}`,
        )
    }
  }

  finish(done: (error: Error | undefined) => void): void {
    assert(this.#finish === undefined, 'a snapshot is finished twice')
    this.#finish = done
    if (this.#fresh || this.#failure) this.#complete()
  }

  #complete(): void {
    const done = defined(this.#finish, 'finish callback')
    if (this.#isOver) return
    this.#guard(() => this.#restore())
    const fresh = this.#fresh
    if (this.#failure || !fresh) {
      this.abort()
      done(this.#failure ?? new Error('the snapshot could not be opened'))
      return
    }
    fresh.backend.write(this.#host.checkpointWrites(fresh.state))
    fresh.backend.checkpoint((error) => {
      if (this.#isOver) return
      this.#guard(() => {
        if (error) throw error
        this.#host.switchTo(fresh)
      })
      if (this.#failure) this.abort()
      this.#isOver = true
      done(this.#failure)
    })
  }

  #restore(): void {
    const point = this.#point
    if (!this.#decoder.isEnded || !point) {
      throw new BackendError('corrupt', 'a snapshot ended before its last part; it is refused')
    }
    if (point.index !== this.#meta.index || point.term !== this.#meta.term) {
      throw new BackendError(
        'corrupt',
        `a snapshot of index ${this.#meta.index} term ${this.#meta.term} holds the state of ${point.index} term ${point.term}`,
      )
    }
    restoreStatePoint(defined(this.#fresh, 'fresh backend').state, point)
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#fresh) this.#host.discard(this.#fresh.backend)
  }
}

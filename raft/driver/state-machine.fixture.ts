/**
 * A state machine for Raft's own tests: a list of texts, with a disk of its own whose un-synced part a crash
 * forgets. It asserts what Raft promises it: consecutive indexes, each once, nothing while a snapshot is
 * switched over.
 */
import { assert } from '../../platform/assert.ts'
import type { Clock } from '../../platform/clock.ts'
import type {
  AppliedEntry,
  SnapshotMeta,
  SnapshotReader,
  SnapshotWriter,
  StateMachine,
} from '../state-machine.ts'
import type { ConfState, LogIndex, Term } from '../types.ts'
import { toLogIndex, toTerm } from '../types.ts'

interface State {
  readonly index: LogIndex
  readonly term: Term
  readonly confState: ConfState | undefined
  /** Every command applied so far, in order. */
  readonly commands: readonly string[]
}

const empty: State = { index: toLogIndex(0), term: toTerm(0), confState: undefined, commands: [] }

/** What survives the process; kept by the test, handed to each life. */
export class FakeDisk {
  durable: State = empty
}

export class FakeStateMachine implements StateMachine {
  readonly #clock: Clock
  readonly #disk: FakeDisk
  #state: State
  #isInstalling = false
  checkpoints = 0
  installs = 0
  onApply: (entries: readonly AppliedEntry[]) => void = () => {}

  constructor(clock: Clock, disk: FakeDisk) {
    this.#clock = clock
    this.#disk = disk
    this.#state = disk.durable
  }

  get commands(): readonly string[] {
    return this.#state.commands
  }

  applied(): { index: LogIndex; term: Term; confState: ConfState | undefined } {
    const { index, term, confState } = this.#state
    return { index, term, confState }
  }

  durableIndex(): LogIndex {
    return this.#disk.durable.index
  }

  apply(entries: readonly AppliedEntry[]): void {
    assert(!this.#isInstalling, 'applied while a snapshot is switched over')
    let { index, term, confState } = this.#state
    const commands = [...this.#state.commands]
    for (const { entry, confState: next } of entries) {
      assert(entry.index === index + 1, () => `applied entry ${entry.index} after ${index}`)
      assert(entry.term >= term, () => `applied an entry of term ${entry.term} after one of term ${term}`)
      index = entry.index
      term = entry.term
      confState = next ?? confState
      if (entry.kind === 'normal') commands.push(new TextDecoder().decode(entry.data))
    }
    this.#state = { index, term, confState, commands }
    this.onApply(entries)
  }

  checkpoint(done: (error: Error | undefined) => void): void {
    this.checkpoints += 1
    const state = this.#state
    this.#clock.setTimer(3, () => {
      if (state.index > this.#disk.durable.index) this.#disk.durable = state
      done(undefined)
    })
  }

  openSnapshot(): SnapshotReader {
    const { index, term, confState, commands } = this.#state
    const bytes = new TextEncoder().encode(JSON.stringify(commands))
    let at = 0
    const initial: ConfState = {
      voters: [],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    }
    return {
      meta: { index, term, confState: confState ?? initial },
      read: (bytesMax) => {
        if (at >= bytes.length) return undefined
        const chunk = bytes.slice(at, at + bytesMax)
        at += chunk.length
        return chunk
      },
      close: () => {},
    }
  }

  beginInstall(meta: SnapshotMeta): SnapshotWriter {
    const chunks: Uint8Array[] = []
    return {
      write: (chunk) => void chunks.push(chunk.slice()),
      finish: (done) => {
        this.#isInstalling = true
        this.#clock.setTimer(5, () => {
          const text = chunks.map((chunk) => new TextDecoder().decode(chunk)).join('')
          const commands = parseTexts(text)
          this.#isInstalling = false
          if (!commands) {
            done(new Error('the snapshot is not a list of texts'))
            return
          }
          this.installs += 1
          const { index, term, confState } = meta
          this.#state = { index, term, confState, commands }
          this.#disk.durable = this.#state
          done(undefined)
        })
      },
      abort: () => void chunks.splice(0),
    }
  }
}

function parseTexts(text: string): readonly string[] | undefined {
  const value: unknown = JSON.parse(text)
  if (!Array.isArray(value)) return undefined
  return value.map(String)
}

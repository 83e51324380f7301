/** The leader's side of a snapshot: read the state machine in chunks, send them, wait for the verdict. */
import type { Clock } from '../../platform/clock.ts'
import { messageOf } from '../../platform/assert.ts'
import { withDeadline } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { FrameConnection } from '../../platform/network.ts'
import { BoundedQueue } from '../../platform/queue.ts'
import type { TaskGroup } from '../../platform/tasks.ts'
import type { SnapshotReader } from '../state-machine.ts'
import type { ConfState, LogIndex, MemberId, Term } from '../types.ts'
import { toLogIndex } from '../types.ts'
import type { SnapshotFrame } from './snapshot-frames.ts'
import { decodeSnapshotFrame, encodeSnapshotFrame, stallMs, windowChunks } from './snapshot-frames.ts'

/** More at once would compete for the same disk and link. */
const streamsMax = 2

export interface SnapshotSenderOptions {
  readonly clock: Clock
  readonly log: Log
  readonly tasks: TaskGroup
  readonly chunkBytes: number
  readonly dial: (to: MemberId, signal: AbortSignal) => Promise<FrameConnection>
  /** The stream has ended; called in an event of its own. */
  readonly onEnd: (to: MemberId, isOk: boolean) => void
}

export class SnapshotSender {
  readonly #options: SnapshotSenderOptions
  readonly #streams = new Map<MemberId, LogIndex>()

  constructor(options: SnapshotSenderOptions) {
    this.#options = options
  }

  /** Whether another stream, to `to`, may begin. */
  mayBegin(to: MemberId): boolean {
    return this.#streams.size < streamsMax && !this.#streams.has(to)
  }

  /** The log must keep what follows the oldest snapshot under way: its receiver goes on from there. */
  oldestIndex(): LogIndex {
    return toLogIndex(Math.min(Number.MAX_SAFE_INTEGER, ...this.#streams.values()))
  }

  /** Streams `reader` to `to` and closes it. */
  begin(stream: {
    readonly to: MemberId
    readonly term: Term
    readonly confState: ConfState
    readonly reader: SnapshotReader
  }): void {
    const { to, reader } = stream
    const { tasks, log, onEnd } = this.#options
    this.#streams.set(to, reader.meta.index)
    tasks.run(`snapshot to ${to}`, async (signal) => {
      let isOk = false
      try {
        await this.#stream(stream, signal)
        isOk = true
        log.info('snapshot installed by peer', { peer: to, index: reader.meta.index })
      } catch (error) {
        if (!signal.aborted) log.warn('snapshot not delivered', { peer: to, error: messageOf(error) })
      } finally {
        reader.close()
        this.#streams.delete(to)
      }
      onEnd(to, isOk)
    })
  }

  async #stream(
    stream: {
      readonly to: MemberId
      readonly term: Term
      readonly confState: ConfState
      readonly reader: SnapshotReader
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { to, term, confState, reader } = stream
    const connection = await this.#options.dial(to, signal)
    const answers = new BoundedQueue<Uint8Array>(4 * windowChunks)
    connection.onFrame = (frame) => void answers.push(frame)
    connection.onClose = () => answers.close()
    try {
      const { index, term: entryTerm } = reader.meta
      send(connection, { type: 'begin', senderTerm: term, meta: { index, term: entryTerm, confState } })
      await this.#sendChunks(connection, { reader, answers, signal })
    } finally {
      connection.close()
    }
  }

  async #sendChunks(
    connection: FrameConnection,
    parts: {
      readonly reader: SnapshotReader
      readonly answers: BoundedQueue<Uint8Array>
      readonly signal: AbortSignal
    },
  ): Promise<void> {
    const { reader, answers, signal } = parts
    let sent = 0
    let acknowledged = 0
    for (;;) {
      const data = reader.read(this.#options.chunkBytes)
      if (!data) break
      while (sent - acknowledged >= windowChunks) {
        await this.#expect('ack', answers, signal)
        acknowledged += 1
      }
      send(connection, { type: 'chunk', number: sent, data })
      sent += 1
    }
    send(connection, { type: 'end', chunks: sent })
    for (; acknowledged < sent; acknowledged += 1) await this.#expect('ack', answers, signal)
    await this.#expect('installed', answers, signal)
  }

  /** @throws when something else comes, or nothing in time */
  async #expect(
    type: 'ack' | 'installed',
    answers: BoundedQueue<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const attempted = `snapshot stream, waiting for "${type}"`
    const options = { clock: this.#options.clock, timeoutMs: stallMs, attempted, parent: signal }
    for (;;) {
      const frame = await withDeadline(options, (deadline) => abortable(answers.next(), deadline))
      if (!frame) throw new Error('the receiver closed the connection')
      const answer = decodeSnapshotFrame(frame)
      if (answer.type === type) return
      if (answer.type === 'refused') throw new Error(`refused: ${answer.reason}`)
      if (answer.type !== 'installing') throw new Error(`expected "${type}", received "${answer.type}"`)
    }
  }
}

function send(connection: FrameConnection, frame: SnapshotFrame): void {
  connection.send(encodeSnapshotFrame(frame))
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

/**
 * The follower's side of a snapshot. One at a time: a second sender is refused and tries again later.
 *
 *   begin ─▶ chunks into a fresh place ─▶ end ─▶ core decides ─▶ marker in the WAL ─▶ switch over ─▶ installed
 *
 * The old state stands until the switch; a crash anywhere before leaves it as it was, a crash after finds the
 * marker (see driver/boot).
 */
import { messageOf } from '../../platform/assert.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { FrameConnection } from '../../platform/network.ts'
import type { SnapshotMeta, SnapshotWriter } from '../state-machine.ts'
import type { MemberId, Term } from '../types.ts'
import type { SnapshotFrame } from './snapshot-frames.ts'
import { decodeSnapshotFrame, encodeSnapshotFrame, installingMs, stallMs } from './snapshot-frames.ts'

export interface SnapshotReceiverOptions {
  readonly clock: Clock
  readonly log: Log
  readonly wants: (meta: SnapshotMeta & { readonly senderTerm: Term }) => boolean
  readonly beginInstall: (meta: SnapshotMeta) => SnapshotWriter
  /** The snapshot is complete: tell the core, which may answer with an install. */
  readonly onComplete: (arrival: { from: MemberId; senderTerm: Term; meta: SnapshotMeta }) => void
}

interface Reception {
  readonly from: MemberId
  readonly connection: FrameConnection
  readonly senderTerm: Term
  readonly meta: SnapshotMeta
  readonly writer: SnapshotWriter
  chunks: number
  timer: Timer
  isInstalling: boolean
}

export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions
  #reception: Reception | undefined

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options
  }

  /** A peer has opened a snapshot connection. */
  accept(from: MemberId, connection: FrameConnection): void {
    connection.onFrame = (frame) => this.#receive(from, connection, frame)
    connection.onClose = () => this.#closed(connection)
  }

  /** The complete snapshot that the core wants installed; undefined when there is none such. */
  takeComplete(meta: SnapshotMeta): SnapshotWriter | undefined {
    const reception = this.#reception
    if (!reception || reception.meta !== meta) return undefined
    reception.isInstalling = true
    this.#sayInstalling(reception)
    return reception.writer
  }

  /** The installation that `takeComplete` began has ended. */
  concluded(problem: Error | undefined): void {
    const reception = this.#reception
    this.#reception = undefined
    if (!reception) return
    reception.timer.cancel()
    this.#answer(reception.connection, verdict(problem))
  }

  close(): void {
    if (this.#reception) this.#giveUp(this.#reception, 'this member is closing')
  }

  #receive(from: MemberId, connection: FrameConnection, bytes: Uint8Array): void {
    try {
      const frame = decodeSnapshotFrame(bytes)
      if (frame.type === 'begin') this.#begin(from, connection, frame)
      else this.#continue(connection, frame)
    } catch (error) {
      this.#options.log.warn('snapshot reception failed', { peer: from, error: messageOf(error) })
      if (this.#reception?.connection === connection) this.#giveUp(this.#reception, messageOf(error))
      else this.#answer(connection, { type: 'refused', reason: messageOf(error) })
    }
  }

  #begin(from: MemberId, connection: FrameConnection, frame: SnapshotFrame & { type: 'begin' }): void {
    const { meta, senderTerm } = frame
    const { wants, beginInstall, log } = this.#options
    if (this.#reception) {
      this.#answer(connection, { type: 'refused', reason: 'another snapshot is being received' })
      return
    }
    if (!wants({ ...meta, senderTerm })) {
      this.#answer(connection, { type: 'refused', reason: 'not needed, or from a former leader' })
      return
    }
    log.info('receiving snapshot', { peer: from, index: meta.index, term: meta.term })
    const writer = beginInstall(meta)
    const timer = this.#watch()
    this.#reception = { from, connection, senderTerm, meta, writer, chunks: 0, timer, isInstalling: false }
  }

  #continue(connection: FrameConnection, frame: SnapshotFrame): void {
    const reception = this.#reception
    if (!reception || reception.connection !== connection || reception.isInstalling) return
    if (frame.type === 'chunk' && frame.number === reception.chunks) {
      reception.writer.write(frame.data)
      reception.chunks += 1
      reception.timer.cancel()
      reception.timer = this.#watch()
      this.#answer(connection, { type: 'ack', number: frame.number })
    } else if (frame.type === 'end' && frame.chunks === reception.chunks) {
      this.#complete(reception)
    } else {
      throw new Error(
        `expected chunk ${reception.chunks}, received ${JSON.stringify({ ...frame, data: undefined })}`,
      )
    }
  }

  #complete(reception: Reception): void {
    reception.timer.cancel()
    const { from, senderTerm, meta } = reception
    this.#options.onComplete({ from, senderTerm, meta })
    if (reception.isInstalling || this.#reception !== reception) return
    // The core has caught up by other means meanwhile.
    this.#reception = undefined
    reception.writer.abort()
    this.#answer(reception.connection, { type: 'installed' })
  }

  #sayInstalling(reception: Reception): void {
    this.#answer(reception.connection, { type: 'installing' })
    reception.timer = this.#options.clock.setTimer(installingMs, () => this.#sayInstalling(reception))
  }

  #watch(): Timer {
    return this.#options.clock.setTimer(stallMs, () => {
      if (this.#reception && !this.#reception.isInstalling)
        this.#giveUp(this.#reception, 'no chunk came for too long')
    })
  }

  #closed(connection: FrameConnection): void {
    const reception = this.#reception
    if (reception?.connection === connection && !reception.isInstalling)
      this.#giveUp(reception, 'connection closed')
  }

  #giveUp(reception: Reception, reason: string): void {
    reception.timer.cancel()
    this.#reception = undefined
    if (!reception.isInstalling) reception.writer.abort()
    this.#answer(reception.connection, { type: 'refused', reason })
  }

  #answer(connection: FrameConnection, frame: SnapshotFrame): void {
    connection.send(encodeSnapshotFrame(frame))
  }
}

function verdict(problem: Error | undefined): SnapshotFrame {
  return problem ? { type: 'refused', reason: problem.message } : { type: 'installed' }
}

/**
 * One client connection of the native protocol. Requests are parsed at this door, answered in any order,
 * and many answers leave in one frame. A client that does not read stops its own watches (they fall
 * behind, at no cost in memory) and, when even answers pile up, loses the connection.
 */
import type { FrameConnection } from '../../../platform/network.ts'
import { StoreError } from '../../client/store-client.ts'
import { toKeyRange } from '../../mvcc/key.ts'
import {
  checkVersion,
  decodeMessages,
  encodeMessages,
  helloMessage,
  type LeaderHint,
  leaderMessage,
  type MemberHello,
  type Message,
  statusMessage,
} from '../../native-protocol.ts'
import {
  parseBytes,
  parseCount,
  parseFlag,
  parseLeaseId,
  parseMs,
  parseOptionalBytes,
  parseText,
} from '../../parse.ts'
import type { OperationOutcome, TxnOutcome } from '../../txn/txn.ts'
import { parseRange } from '../../txn/txn-codec.ts'
import type { OutgoingBatch, Watcher, WatchOptions } from '../../watch/watch-hub.ts'
import { NotLeader, type RangeAnswer, type StoreService } from '../service.ts'

/** Watches stop while so many bytes wait to be sent. */
const watchBrakeBytes = 1024 * 1024
/** A client that leaves so many bytes of answers unread loses its connection. */
const unreadBytesMax = 256 * 1024 * 1024
const watchesMax = 10_000

export interface SessionHost {
  readonly service: StoreService
  readonly hello: MemberHello
  /** Called when messages wait to be flushed. */
  readonly onDirty: (session: Session) => void
  /** A watcher may need pumping. */
  readonly onWatch: () => void
  readonly onEnd: (session: Session) => void
}

export class Session {
  readonly #connection: FrameConnection
  readonly #host: SessionHost
  readonly #watchers = new Map<number, Watcher>()
  /** Watches whose first revision is being asked for, and whether progress was asked for meanwhile. */
  readonly #starting = new Map<number, { wantsProgress: boolean }>()
  #outgoing: Message[] = []
  #outgoingBytes = 0
  #hasGreeted = false
  #isEnded = false

  constructor(connection: FrameConnection, host: SessionHost) {
    this.#connection = connection
    this.#host = host
    connection.onFrame = (frame) => this.#frame(frame)
    connection.onClose = () => this.end()
  }

  /** Ends the session and its watches; the connection is closed. Idempotent. */
  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    for (const watcher of this.#watchers.values()) this.#host.service.hub.remove(watcher)
    this.#watchers.clear()
    this.#starting.clear()
    this.#connection.close()
    this.#host.onEnd(this)
  }

  tellLeader(hint: LeaderHint): void {
    if (this.#hasGreeted) this.#send(leaderMessage(hint), 64)
  }

  /** Sends what has gathered. */
  flush(): void {
    if (this.#outgoing.length === 0 || this.#isEnded) return
    const messages = this.#outgoing
    this.#outgoing = []
    this.#outgoingBytes = 0
    this.#connection.send(encodeMessages(messages))
    if (this.#connection.bufferedBytes() > unreadBytesMax) this.end()
  }

  #send(message: Message, sizeBytes: number): void {
    if (this.#isEnded) return
    if (this.#outgoing.length === 0) this.#host.onDirty(this)
    this.#outgoing.push(message)
    this.#outgoingBytes += sizeBytes
  }

  #frame(frame: Uint8Array): void {
    try {
      for (const message of decodeMessages(frame)) this.#message(message)
      this.#host.service.onFlush()
    } catch (error) {
      // No id to answer to: say why and hang up.
      if (!(error instanceof StoreError)) throw error
      this.#send(['error', 0, error.code, error.message, null], 0)
      this.flush()
      this.end()
    }
  }

  #message(message: Message): void {
    if (!this.#hasGreeted) {
      checkVersion(message)
      this.#hasGreeted = true
      this.#send(helloMessage(this.#host.hello), 64)
      this.#send(leaderMessage(this.#host.service.leaderHint()), 64)
      return
    }
    const id = parseCount(message[1], 'request id')
    try {
      this.#request(parseText(message[0], 'verb'), id, message)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.#fail(id, error)
    }
  }

  #request(verb: string, id: number, message: Message): void {
    const { service } = this.#host
    const done = this.#answer<true>(id, () => ['done', id])
    switch (verb) {
      case 'range':
        return service.range(
          { ...parseRange(message.slice(3)), serializable: parseFlag(message[2]) },
          this.#answer(
            id,
            ({ revision, records, more, count }) => ['range', id, revision, records, more, count],
            sizeOfRange,
          ),
        )
      case 'txn':
        return service.txn(
          parseBytes(message[2], 'transaction'),
          this.#answer(id, (txn) => txnMessage(id, txn), sizeOfTxn),
        )
      case 'lease-grant':
        return service.leaseGrant(
          parseMs(message[2], 'ttl'),
          this.#answer(id, (lease) => ['lease', id, lease]),
        )
      case 'lease-revoke':
      case 'lease-keep-alive':
        return service.command({ kind: verb, id: parseLeaseId(message[2], 'lease id') }, done)
      case 'compact':
        return service.command({ kind: 'compact', revision: parseCount(message[2], 'revision') }, done)
      case 'status':
        return this.#send(statusMessage(id, service.status()), 256)
      case 'watch':
        return this.#watch(id, message)
      case 'unwatch':
        return this.#unwatch(id)
      case 'progress':
        return this.#progress(id)
      case 'ping':
        return this.#send(['done', id], 8)
      default:
        throw new StoreError('invalid-argument', `verb ${JSON.stringify(verb)} is not known here`)
    }
  }

  /** The answer to request `id`: its message, or the error. */
  #answer<T>(
    id: number,
    message: (result: T) => Message,
    sizeOf: (result: T) => number = () => 64,
  ): (result: T | StoreError | NotLeader) => void {
    return (result) => {
      if (result instanceof StoreError || result instanceof NotLeader) this.#fail(id, result)
      else this.#send(message(result), sizeOf(result))
    }
  }

  #fail(id: number, error: StoreError | NotLeader): void {
    if (error instanceof NotLeader) this.#send(leaderMessage(error.hint), 64)
    const revision = error instanceof StoreError ? (error.revision ?? null) : null
    this.#send(['error', id, error.code, error.message, revision], 128)
  }

  #watch(id: number, message: Message): void {
    if (this.#watchers.has(id) || this.#starting.has(id)) {
      throw new StoreError('invalid-argument', `watch ${id} is there already`)
    }
    if (this.#watchers.size + this.#starting.size >= watchesMax) {
      throw new StoreError(
        'too-many-requests',
        `this connection has ${watchesMax} watches, which is the most`,
      )
    }
    const startRevision = parseCount(message[4], 'watch.startRevision')
    const options = {
      range: toKeyRange(
        parseBytes(message[2], 'watch.key'),
        parseOptionalBytes(message[3], 'watch.rangeEnd'),
      ),
      wantsPrevious: parseFlag(message[5]),
      wantsProgress: parseFlag(message[6]),
    }
    if (startRevision > 0) {
      this.#startWatch(id, { ...options, startRevision })
      return
    }
    const starting = { wantsProgress: false }
    this.#starting.set(id, starting)
    this.#host.service.watchStart((start) => {
      if (this.#starting.get(id) !== starting) return
      this.#starting.delete(id)
      if (start instanceof StoreError || start instanceof NotLeader) this.#fail(id, start)
      else this.#startWatch(id, { ...options, startRevision: start })
      if (starting.wantsProgress) this.#progress(id)
    })
  }

  #progress(id: number): void {
    const watcher = this.#watchers.get(id)
    const starting = this.#starting.get(id)
    if (watcher) this.#host.service.hub.requestProgress(watcher)
    if (starting) starting.wantsProgress = true
  }

  #startWatch(id: number, options: WatchOptions): void {
    if (this.#isEnded) return
    this.#send(['watched', id, options.startRevision], 16)
    const watcher = this.#host.service.hub.add(options, {
      isReady: () => this.#connection.bufferedBytes() + this.#outgoingBytes < watchBrakeBytes,
      deliver: (batch) => this.#send(eventsMessage(id, batch), sizeOfBatch(batch)),
      end: (error) => {
        this.#watchers.delete(id)
        this.#send(['unwatched', id, error.code, error.message, error.revision ?? null], 128)
      },
    })
    this.#watchers.set(id, watcher)
    this.#host.onWatch()
  }

  #unwatch(id: number): void {
    this.#starting.delete(id)
    const watcher = this.#watchers.get(id)
    if (!watcher) return
    this.#watchers.delete(id)
    this.#host.service.hub.remove(watcher)
  }
}

function eventsMessage(id: number, { revision, events }: OutgoingBatch): Message {
  return ['events', id, revision, events.map(({ record, previous }) => [record, previous ?? null])]
}

function sizeOfBatch({ events }: OutgoingBatch): number {
  let bytes = 32
  for (const { record, previous } of events) bytes += record.length + (previous?.length ?? 0)
  return bytes
}

function sizeOfRange({ records }: RangeAnswer): number {
  return records.reduce((sum, record) => sum + record.length, 64)
}

function sizeOfTxn({ results }: TxnOutcome): number {
  return results.reduce((sum, result) => sum + (result.type === 'range' ? sizeOfRange(result) : 64), 64)
}

function txnMessage(id: number, { revision, succeeded, results }: TxnOutcome): Message {
  return ['txn', id, revision, succeeded, results.map(resultCells)]
}

function resultCells(result: OperationOutcome): readonly unknown[] {
  switch (result.type) {
    case 'put':
      return [0, result.previous ?? null]
    case 'delete':
      return [1, result.deleted, result.previous]
    case 'range':
      return [2, result.revision, result.records, result.more, result.count]
  }
}

/**
 * A watch as its reader sees it: one unbroken stream, whichever members serve it in turn. The cursor is the
 * next revision wanted; every member is asked from there, so nothing is missed, and what comes below it is
 * dropped, so nothing comes twice.
 *
 *   detached ──attach──▶ asked ──watched──▶ attached ──member gone──▶ detached
 */
import { type Message, parseError } from '../native-protocol.ts'
import { parseBytes, parseCount, parseList, parseOptionalBytes } from '../parse.ts'
import { toKeyValue } from '../mvcc/record.ts'
import { isTombstone } from '../mvcc/record.ts'
import type { Endpoint } from './endpoint.ts'
import {
  StoreError,
  type Watch,
  type WatchBatch,
  type WatchEvent,
  type WatchRequest,
} from './store-client.ts'

/** Unread batches and bytes beyond which the member is told to stop; the stream is asked for again from there. */
const unreadBatchesMax = 1_000
const unreadBytesMax = 16 * 1024 * 1024

interface Unread {
  readonly batch: WatchBatch
  readonly sizeBytes: number
}

export interface WatchHost {
  /** A fresh id for the stream on the wire; messages with an older one are no longer for it. */
  readonly newId: (stream: WatchStream) => number
  /** A member to serve watch number `id`, another than `avoid` if there is one. */
  readonly route: (id: number, avoid: Endpoint | undefined) => Endpoint | undefined
  /** Asks to be attached again, soon. */
  readonly attachLater: (stream: WatchStream) => void
  readonly onEnd: (stream: WatchStream) => void
}

export class WatchStream implements Watch {
  readonly #request: WatchRequest
  readonly #host: WatchHost
  #next: number | undefined
  #id = 0
  #at: Endpoint | undefined
  #avoid: Endpoint | undefined
  #unread: Unread[] = []
  #unreadBytes = 0
  #reader: { resolve: (batch: WatchBatch | undefined) => void; reject: (error: Error) => void } | undefined
  #failure: StoreError | undefined
  #isEnded = false
  #wantsProgress = false

  constructor(request: WatchRequest, host: WatchHost) {
    this.#request = request
    this.#host = host
    this.#next = request.startRevision
  }

  /** The id on the wire, while attached to `at`. */
  get id(): number {
    return this.#id
  }

  get at(): Endpoint | undefined {
    return this.#at
  }

  /** Finds a member and asks it; nothing happens when attached already, full, or over. */
  attach(): void {
    if (this.#at || this.#isEnded || this.#isFull) return
    const endpoint = this.#host.route(this.#id, this.#avoid)
    if (!endpoint) return
    this.#at = endpoint
    this.#id = this.#host.newId(this)
    const { key, rangeEnd, prevKv, progressNotify } = this.#request
    const start = this.#next ?? 0
    endpoint.send(['watch', this.#id, key, rangeEnd ?? null, start, prevKv ?? false, progressNotify ?? false])
    if (this.#wantsProgress) endpoint.send(['progress', this.#id])
  }

  get #isFull(): boolean {
    return this.#unread.length >= unreadBatchesMax || this.#unreadBytes >= unreadBytesMax
  }

  /** The member is gone. */
  detach(): void {
    this.#avoid = this.#at
    this.#at = undefined
    if (!this.#isEnded) this.#host.attachLater(this)
  }

  /** A message that bears this watch's id, from the member it is attached to. */
  take(message: Message): void {
    switch (message[0]) {
      case 'watched':
        this.#next ??= parseCount(message[2], 'watch start')
        return
      case 'events':
        this.#events(parseCount(message[2], 'revision'), parseList(message[3], 'events'))
        return
      case 'error':
      case 'unwatched':
        this.#refused(message)
    }
  }

  #events(revision: number, cells: readonly unknown[]): void {
    const next = this.#next ?? 0
    let sizeBytes = 0
    const events = cells.map((cell): WatchEvent => {
      const [first, second] = parseList(cell, 'event')
      const record = parseBytes(first, 'record')
      const previous = parseOptionalBytes(second, 'previous record')
      sizeBytes += record.length + (previous?.length ?? 0)
      const event = {
        type: isTombstone(record) ? ('delete' as const) : ('put' as const),
        kv: toKeyValue(record),
      }
      return previous ? { ...event, prevKv: toKeyValue(previous) } : event
    })
    const fresh = events.filter((event) => event.kv.modRevision >= next)
    if (fresh.length === 0) this.#wantsProgress = false
    this.#next = Math.max(next, revision + 1)
    this.#push({ batch: { revision, events: fresh }, sizeBytes })
  }

  #push(unread: Unread): void {
    if (this.#reader) {
      const { resolve } = this.#reader
      this.#reader = undefined
      resolve(unread.batch)
      return
    }
    this.#unread.push(unread)
    this.#unreadBytes += unread.sizeBytes
    if (!this.#isFull) return
    this.#at?.send(['unwatch', this.#id])
    this.#at = undefined
  }

  #refused(message: Message): void {
    const { code, text, revision } = parseError(message)
    if (code === 'no-leader' || code === 'closed' || code === 'timeout' || code === 'too-many-requests') {
      this.detach()
      return
    }
    const wire = code === 'not-leader' ? 'no-leader' : code
    this.fail(new StoreError(wire, text, revision === undefined ? {} : { revision }))
  }

  /** Ends with an error, after what is unread. */
  fail(error: StoreError): void {
    if (this.#isEnded) return
    this.#failure = error
    this.#end()
    this.#reader?.reject(error)
    this.#reader = undefined
  }

  #end(): void {
    this.#isEnded = true
    this.#at = undefined
    this.#host.onEnd(this)
  }

  read(): Promise<WatchBatch | undefined> {
    const first = this.#unread.shift()
    if (first) {
      this.#unreadBytes -= first.sizeBytes
      if (!this.#at && !this.#isEnded) this.#host.attachLater(this)
      return Promise.resolve(first.batch)
    }
    if (this.#failure) return Promise.reject(this.#failure)
    if (this.#isEnded) return Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
    })
  }

  requestProgress(): void {
    this.#wantsProgress = true
    this.#at?.send(['progress', this.#id])
  }

  cancel(): void {
    if (this.#isEnded) return
    this.#at?.send(['unwatch', this.#id])
    this.#unread = []
    this.#unreadBytes = 0
    this.#end()
    this.#reader?.resolve(undefined)
    this.#reader = undefined
  }
}

/**
 * The requests of one client: which member each was given to, and what may be done when that member goes
 * silent. A read may be asked again anywhere. A write that was sent is asked again only after a member has
 * said that nothing was written; otherwise its outcome is unknown and the caller must look.
 */
import { assert } from '../../platform/assert.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import { type Message, parseError } from '../native-protocol.ts'
import type { Endpoint } from './endpoint.ts'
import { StoreError } from './store-client.ts'

export interface CallRequest {
  /** Reads go to the leader when there is one, else anywhere; writes to the leader only. */
  readonly kind: 'read' | 'write'
  /** What is asked, in words. */
  readonly attempted: string
  readonly message: (id: number) => Message
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** Only this member may answer. */
  readonly only?: Endpoint
}

interface Call extends CallRequest {
  readonly id: number
  readonly deadlineMs: number
  readonly resolve: (message: Message) => void
  readonly reject: (error: Error) => void
  readonly onAbort: () => void
  /** Where it is now; undefined: nowhere, it waits. */
  at: Endpoint | undefined
  /** The term of the leader that was known when it was sent. */
  term: number
  /** Why the last try came to nothing. */
  lastError: StoreError | undefined
  /** Endpoint of the last try, to try another one first. */
  avoid: Endpoint | undefined
}

export interface Routes {
  /** The endpoint that leads, when known and up. */
  readonly leader: () => Endpoint | undefined
  /** Any endpoint that is up, `avoid` only when there is no other. */
  readonly any: (avoid: Endpoint | undefined) => Endpoint | undefined
  readonly term: () => number
}

/** Requests under way at most. */
const callsMax = 100_000
const sweepMs = 50
/** After a refusal that says "not now". */
const retryMs = 10
/** What a silent old leader is given, once there is a new one, to say that nothing was written. */
const graceMs = 50

export class Calls {
  readonly #clock: Clock
  readonly #routes: Routes
  readonly #calls = new Map<number, Call>()
  readonly #waiting = new Set<Call>()
  #nextId = 1
  #sweep: Timer | undefined
  #retry: Timer | undefined
  #isClosed = false

  constructor(clock: Clock, routes: Routes) {
    this.#clock = clock
    this.#routes = routes
  }

  /** Sends a request and resolves with the member's answer. @throws StoreError; the signal's reason */
  call(request: CallRequest): Promise<Message> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(new StoreError('closed', 'the store client is closed'))
      if (request.signal?.aborted) return reject(request.signal.reason)
      if (this.#calls.size >= callsMax) {
        return reject(
          new StoreError('too-many-requests', `${callsMax} requests are under way in this client`),
        )
      }
      const call: Call = {
        ...request,
        id: this.#nextId,
        deadlineMs: this.#clock.monotonicMs() + request.timeoutMs,
        resolve,
        reject,
        onAbort: () => this.#fail(call, request.signal?.reason),
        at: undefined,
        term: 0,
        lastError: undefined,
        avoid: undefined,
      }
      this.#nextId += 1
      this.#calls.set(call.id, call)
      request.signal?.addEventListener('abort', call.onAbort, { once: true })
      this.#sweepLater()
      this.#dispatch(call)
      return undefined
    })
  }

  #dispatch(call: Call): void {
    const leader = this.#routes.leader()
    const to = call.only ?? (call.kind === 'write' ? leader : this.#routeRead(call, leader))
    if (!to?.isUp) {
      this.#waiting.add(call)
      return
    }
    this.#waiting.delete(call)
    call.at = to
    call.term = this.#routes.term()
    to.send(call.message(call.id))
  }

  #routeRead(call: Call, leader: Endpoint | undefined): Endpoint | undefined {
    return leader && leader !== call.avoid ? leader : this.#routes.any(call.avoid)
  }

  /** A leader or a connection came up: what waits is tried again. */
  dispatchWaiting(): void {
    for (const call of [...this.#waiting]) this.#dispatch(call)
  }

  /** A member's answer to a request; ids of watches and pings are not known here. */
  answered(from: Endpoint, message: Message): void {
    const id = message[1]
    const call = typeof id === 'number' ? this.#calls.get(id) : undefined
    if (!call || call.at !== from) return
    if (message[0] === 'error') this.#refused(call, message)
    else if (this.#remove(call)) call.resolve(message)
  }

  #refused(call: Call, message: Message): void {
    const { code, text, revision } = parseError(message)
    const mayRetry =
      code === 'not-leader' ||
      code === 'no-leader' ||
      (call.kind === 'read' && (code === 'timeout' || code === 'closed' || code === 'unknown-outcome'))
    if (!mayRetry) {
      const options = revision === undefined ? {} : { revision }
      this.#fail(call, new StoreError(code, text, options))
      return
    }
    call.lastError = new StoreError('no-leader', `${call.attempted}: ${text}`)
    this.#again(call)
  }

  /** Waits a moment, or for news of a leader, and is tried again. */
  #again(call: Call): void {
    call.avoid = call.at
    call.at = undefined
    this.#waiting.add(call)
    this.#retry ??= this.#clock.setTimer(retryMs, () => {
      this.#retry = undefined
      this.dispatchWaiting()
    })
  }

  /** A connection is gone, with all that was under way on it. */
  endpointDown(endpoint: Endpoint, reason: string): void {
    this.#abandon((call) => call.at === endpoint, reason)
  }

  /** There is a new leader: what an older one has not answered soon is given up there. */
  leaderChanged(term: number): void {
    this.dispatchWaiting()
    this.#clock.setTimer(graceMs, () => {
      const leader = this.#routes.leader()
      const isStale = (call: Call) =>
        call.at !== undefined && call.at !== leader && call.term < term && !call.only
      this.#abandon(isStale, 'another member leads now')
    })
  }

  #abandon(isOver: (call: Call) => boolean, reason: string): void {
    for (const call of [...this.#calls.values()].filter(isOver)) {
      if (call.kind === 'write') {
        this.#fail(call, unknownOutcome(call, reason))
      } else if (call.only) {
        this.#fail(call, new StoreError('timeout', `${call.attempted}: ${reason}`))
      } else {
        call.lastError = new StoreError('no-leader', `${call.attempted}: ${reason}`)
        this.#again(call)
      }
    }
  }

  #sweepLater(): void {
    this.#sweep ??= this.#clock.setTimer(sweepMs, () => {
      this.#sweep = undefined
      const nowMs = this.#clock.monotonicMs()
      for (const call of [...this.#calls.values()]) if (call.deadlineMs <= nowMs) this.#expire(call)
      if (this.#calls.size > 0) this.#sweepLater()
    })
  }

  #expire(call: Call): void {
    const late = `no answer within ${call.timeoutMs} ms`
    if (call.kind === 'write' && call.at) this.#fail(call, unknownOutcome(call, late))
    else if (call.at)
      this.#fail(call, new StoreError('timeout', `${call.attempted}: ${late} from ${call.at.name}`))
    else {
      this.#fail(
        call,
        call.lastError ??
          new StoreError(
            'no-leader',
            `${call.attempted}: no member with a leader was reached within ${call.timeoutMs} ms`,
          ),
      )
    }
  }

  #remove(call: Call): boolean {
    call.signal?.removeEventListener('abort', call.onAbort)
    this.#waiting.delete(call)
    return this.#calls.delete(call.id)
  }

  #fail(call: Call, error: unknown): void {
    if (!this.#remove(call)) return
    call.reject(error instanceof Error ? error : new Error(String(error)))
  }

  close(): void {
    this.#isClosed = true
    this.#sweep?.cancel()
    this.#retry?.cancel()
    for (const call of [...this.#calls.values()]) {
      const isSentWrite = call.kind === 'write' && call.at !== undefined
      this.#fail(
        call,
        isSentWrite
          ? unknownOutcome(call, 'the client was closed')
          : new StoreError('closed', 'the store client is closed'),
      )
    }
    assert(this.#calls.size === 0 && this.#waiting.size === 0, 'calls are left after close')
  }

  /** An id for a watch, apart from those of calls. */
  newId(): number {
    this.#nextId += 1
    return this.#nextId - 1
  }
}

function unknownOutcome(call: CallRequest, reason: string): StoreError {
  return new StoreError(
    'unknown-outcome',
    `${call.attempted}: ${reason}; it may or may not have been written: read before writing again`,
  )
}

/**
 * A watch: newline-delimited JSON events out of chunks that end anywhere.
 *
 * Ends in one of four ways: undefined (the server closed it in order, or `cancel`), ApiError (an ERROR
 * event), NetworkError (cut, or the server's own timeout plus a grace has passed in silence).
 */
import { type ApiError, internalError, isStatus, statusToError } from '../api/meta/status.ts'
import type { Clock } from '../platform/clock.ts'
import { NetworkError } from '../platform/network.ts'
import type { ApiObject, WatchEvent, WatchStream } from './api-client.ts'
import { concatenate, readUntil } from './byte-source.ts'
import type { TransportStream } from './transport.ts'
import { trusted } from '../api/meta/json.ts'

/** An event line beyond this ends the watch (objects are at most 1.5 MiB). */
export const eventBytesMax = 16 * 1024 * 1024
/** How long after its own `timeoutSeconds` a watch may still end by itself. */
export const watchGraceMs = 5000

const initialEventsEnd = 'k8s.io/initial-events-end'
const newline = 10

/** Splits chunks into lines. Pure but for its buffer; at most `lineBytesMax` are held. */
export class LineSplitter {
  readonly #lineBytesMax: number
  #pending: Uint8Array[] = []
  #pendingBytes = 0

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax
  }

  /** The lines that `chunk` completes, without their ends; empty lines are skipped. @throws NetworkError EMSGSIZE */
  push(chunk: Uint8Array): readonly string[] {
    const lines: string[] = []
    let start = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const line = this.#take(chunk.subarray(start, end))
      if (line !== '') lines.push(line)
      start = end + 1
    }
    if (start < chunk.length) this.#hold(chunk.slice(start))
    return lines
  }

  /** What is left after the last newline. */
  rest(): string {
    return this.#take(new Uint8Array(0))
  }

  #take(tail: Uint8Array): string {
    const bytes = concatenate([...this.#pending, tail], this.#pendingBytes + tail.length)
    this.#pending = []
    this.#pendingBytes = 0
    return new TextDecoder().decode(bytes).trim()
  }

  #hold(bytes: Uint8Array): void {
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
    if (this.#pendingBytes > this.#lineBytesMax) {
      const message = `a watch event is larger than ${this.#lineBytesMax} bytes`
      throw new NetworkError({ code: 'EMSGSIZE', message, maybeDelivered: true })
    }
  }
}

/** Parses one line. @throws ApiError for an ERROR event and for what is no event */
export function parseWatchLine<T>(line: string): WatchEvent<T> {
  const event: unknown = parseLine(line)
  if (typeof event !== 'object' || event === null || !('type' in event) || !('object' in event)) {
    throw notAnEvent(line)
  }
  switch (event.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object: trusted<T>(event.object) }
    case 'BOOKMARK': {
      const { metadata } = trusted<ApiObject>(event.object)
      return {
        type: 'BOOKMARK',
        resourceVersion: metadata.resourceVersion ?? '',
        isInitialEventsEnd: metadata.annotations?.[initialEventsEnd] === 'true',
      }
    }
    case 'ERROR':
      throw isStatus(event.object) ? statusToError(event.object) : notAnEvent(line)
    default:
      throw notAnEvent(line)
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw notAnEvent(line)
  }
}

function notAnEvent(line: string): ApiError {
  return internalError(`watch: expected an event per line, found "${line.slice(0, 120)}"`)
}

/** Reads events from an open stream; `deadlineMs` from now it fails, so that silence has an end. */
export function watchStream<T>(options: {
  stream: TransportStream
  /** Aborts with the failure of the server, or when the caller wants an end. */
  controller: AbortController
  clock: Clock
  deadlineMs: number
  attempted: string
}): WatchStream<T> {
  const { stream, controller, clock, deadlineMs, attempted } = options
  const splitter = new LineSplitter(eventBytesMax)
  const lines: string[] = []
  let isCancelled = false
  const timer = clock.setTimer(deadlineMs, () => {
    const message = `${attempted}: silent for more than its ${deadlineMs} ms`
    controller.abort(new NetworkError({ code: 'ETIMEDOUT', message, maybeDelivered: true }))
  })
  const finish = () => {
    timer.cancel()
    stream.close()
  }
  const read = async (): Promise<WatchEvent<T> | undefined> => {
    for (;;) {
      if (isCancelled) return undefined
      if (controller.signal.aborted) throw controller.signal.reason
      const line = lines.shift()
      if (line !== undefined) return parseWatchLine<T>(line)
      const chunk = await readUntil(stream.body, controller.signal)
      if (chunk === undefined) return undefined
      lines.push(...splitter.push(chunk))
    }
  }
  return {
    read: async () => {
      try {
        const event = await read()
        if (event === undefined) finish()
        return event
      } catch (error) {
        finish()
        if (isCancelled) return undefined
        throw error
      }
    },
    cancel: () => {
      isCancelled = true
      finish()
      controller.abort(
        new NetworkError({ code: 'ECANCELED', message: 'watch cancelled', maybeDelivered: true }),
      )
    },
  }
}

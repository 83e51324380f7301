/**
 * Which apiserver to talk to, and how a silent one is noticed.
 *
 * A cut link says nothing: no reset, no end. So while streams (watches) are open to a server that has not
 * been heard for `silenceMs`, it is asked for `/livez` with a short deadline, as client-go does with HTTP/2
 * pings (ReadIdleTimeout, PingTimeout). No answer of any kind: every stream on that server is failed, and
 * the next server is preferred. Behind one address that spreads connections a probe may reach another
 * apiserver than the watch did; the watch's own end (`timeoutSeconds`) bounds the silence there.
 */
import type { Clock, Timer } from '../platform/clock.ts'
import { NetworkError } from '../platform/network.ts'

export interface PoolTimings {
  /** A server with open streams that was not heard for this long is probed. */
  readonly silenceMs: number
}

export const poolTimings: PoolTimings = { silenceMs: 5000 }

/** The servers of one client, the preferred one, and the streams that are open to each. */
export class ServerPool {
  readonly servers: readonly string[]
  readonly #clock: Clock
  readonly #timings: PoolTimings
  readonly #probe: (server: string) => Promise<void>
  readonly #streams = new Map<string, Set<(error: NetworkError) => void>>()
  readonly #heardMs = new Map<string, number>()
  readonly #timers = new Map<string, Timer>()
  #preferred: number
  #isClosed = false

  /** `probe` rejects when the server gave no answer at all. */
  constructor(options: {
    servers: readonly string[]
    first: number
    clock: Clock
    probe: (server: string) => Promise<void>
    timings?: PoolTimings
  }) {
    if (options.servers.length === 0) throw new Error('an API client needs at least one server address')
    this.servers = options.servers.map((server) => server.replace(/\/+$/, ''))
    this.#preferred = options.first % this.servers.length
    this.#clock = options.clock
    this.#probe = options.probe
    this.#timings = options.timings ?? poolTimings
  }

  /** The server to try next. */
  current(): string {
    return this.servers[this.#preferred] ?? ''
  }

  /** Bytes came from `server`. */
  heard(server: string): void {
    this.#heardMs.set(server, this.#clock.monotonicMs())
  }

  /** A request to `server` failed in the connection: its streams end, another is preferred from now on. */
  failed(server: string, error: NetworkError): void {
    if (server === this.current()) this.#preferred = (this.#preferred + 1) % this.servers.length
    const streams = this.#streams.get(server)
    this.#streams.delete(server)
    for (const fail of streams ?? []) fail(error)
  }

  /** Registers an open stream; `fail` is called at most once. The result takes it off again. */
  addStream(server: string, fail: (error: NetworkError) => void): () => void {
    const streams = this.#streams.get(server) ?? new Set()
    this.#streams.set(server, streams)
    streams.add(fail)
    this.heard(server)
    this.#watchSilence(server)
    return () => {
      streams.delete(fail)
      if (streams.size === 0 && this.#streams.get(server) === streams) this.#streams.delete(server)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    for (const server of [...this.#streams.keys()]) {
      this.failed(
        server,
        new NetworkError({ code: 'ECANCELED', message: 'the API client was closed', maybeDelivered: true }),
      )
    }
  }

  #watchSilence(server: string): void {
    if (this.#timers.has(server) || this.#isClosed) return
    const quietMs = this.#clock.monotonicMs() - (this.#heardMs.get(server) ?? 0)
    const timer = this.#clock.setTimer(Math.max(this.#timings.silenceMs - quietMs, 1), () => {
      this.#timers.delete(server)
      this.#checkSilence(server)
    })
    this.#timers.set(server, timer)
  }

  #checkSilence(server: string): void {
    if (this.#isClosed || !this.#streams.has(server)) return
    const quietMs = this.#clock.monotonicMs() - (this.#heardMs.get(server) ?? 0)
    if (quietMs < this.#timings.silenceMs) {
      this.#watchSilence(server)
      return
    }
    this.#probe(server).then(
      () => {
        this.heard(server)
        if (this.#streams.has(server)) this.#watchSilence(server)
      },
      (error: unknown) => this.failed(server, asNetworkError(error, `probe ${server}`)),
    )
  }
}

/** Whatever a request threw, as a NetworkError: deadlines and unknown failures may have been delivered. */
export function asNetworkError(error: unknown, attempted: string): NetworkError {
  if (error instanceof NetworkError) return error
  const message = error instanceof Error ? error.message : String(error)
  const isDeadline = error instanceof Error && 'code' in error && error.code === 'E_DEADLINE_EXCEEDED'
  return new NetworkError({
    code: isDeadline ? 'ETIMEDOUT' : 'ECONNRESET',
    message: isDeadline ? message : `${attempted}: ${message}`,
    maybeDelivered: true,
    cause: error,
  })
}

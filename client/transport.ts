/**
 * One request, several servers: attempts, deadlines, retries, errors.
 *
 *   attempt ── answered ── 2xx ──────────────► the body
 *      │           ├────── 429 + Retry-After ─► wait, same server (nothing was done there)
 *      │           └────── other ────────────► ApiError
 *      └─ NetworkError or deadline ──┬ nothing delivered, or a read ─► next server after a short pause
 *                                    └ a write that may be delivered ─► NetworkError to the caller
 *
 * Source: client-go `rest/with_retry.go`; Kubernetes API conventions (Status).
 */
import type { Status } from '../api/types.ts'
import { type ApiError, internalError, isStatus, statusToError } from '../api/meta/status.ts'
import { sleep, withDeadline } from '../platform/clock.ts'
import type { ByteSource, HttpClient, HttpClientResponse, NetworkError } from '../platform/network.ts'
import type { ApiClientConfig, ClientPowers, RawRequest, RawResponse } from './api-client.ts'
import { readAll, readUntil } from './byte-source.ts'
import { asNetworkError, ServerPool } from './server-pool.ts'
import { TokenBucket } from './token-bucket.ts'

/** Each attempt's deadline where the caller names none. */
export const requestTimeoutMsDefault = 10_000
/** A body beyond this is refused (a page of 500 large objects fits). */
export const responseBytesMax = 256 * 1024 * 1024

const connectTimeoutMs = 3000
const probeTimeoutMs = 4000
const retryPauseMs = 50
const tooManyRequestsRetriesMax = 3

export interface TransportRequest {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly contentType?: string | undefined
  readonly accept?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
}

/** An open stream: its bytes, and the server's failure as a signal. */
export interface TransportStream {
  readonly body: ByteSource
  /** Ends the stream and forgets it. Idempotent. */
  close(): void
}

export class Transport {
  readonly powers: ClientPowers
  readonly #http: HttpClient
  readonly #pool: ServerPool
  readonly #config: ApiClientConfig
  readonly #bucket: TokenBucket | undefined
  readonly #closed = new AbortController()
  readonly #count

  constructor(powers: ClientPowers, config: ApiClientConfig) {
    this.powers = powers
    this.#config = config
    this.#http = powers.network.httpClient({ tls: config.tls, connectTimeoutMs })
    this.#bucket = config.rateLimit && new TokenBucket(powers.clock, config.rateLimit)
    this.#count = powers.metrics.counter({
      name: 'rest_client_requests_total',
      help: 'HTTP requests by status code, method and host.',
      labels: ['code', 'method', 'host'],
    })
    this.#pool = new ServerPool({
      servers: config.servers,
      first: powers.random.fork('api-client/server').int(Math.max(config.servers.length, 1)),
      clock: powers.clock,
      probe: (server) => this.#probe(server),
    })
  }

  /** Sends a request and gives its JSON answer. @throws ApiError, NetworkError, the signal's reason */
  async json(request: TransportRequest): Promise<unknown> {
    await this.#bucket?.take(request.signal)
    for (let retries = 0; ; retries += 1) {
      const answer = await this.#attempts(request, async (response, signal) => ({
        status: response.status,
        retryAfter: response.headers['retry-after'],
        text: new TextDecoder().decode(
          await readAll(response.body, { sizeBytesMax: responseBytesMax, signal }),
        ),
      }))
      if (answer.status < 400) return parseJson(answer.text, `${request.method} ${request.path}`)
      const error = errorOf(answer.status, answer.text, `${request.method} ${request.path}`)
      const waitMs = Number(answer.retryAfter ?? Number.NaN) * 1000
      if (answer.status !== 429 || !(waitMs >= 0) || retries >= tooManyRequestsRetriesMax) throw error
      await sleep(this.powers.clock, waitMs, request.signal)
    }
  }

  /** Sends a request and gives the open answer, whatever its status. */
  async raw(request: RawRequest): Promise<RawResponse> {
    await this.#bucket?.take(request.signal)
    return this.#attempts(request, (response) => Promise.resolve(response))
  }

  /** Opens a stream (a watch). @throws ApiError when the answer is an error, NetworkError */
  async stream(request: TransportRequest, onFail: (error: NetworkError) => void): Promise<TransportStream> {
    const opened = await this.#attempts(request, async (response, signal, server) => {
      if (response.status < 400) return { response, server }
      const text = new TextDecoder().decode(
        await readAll(response.body, { sizeBytesMax: responseBytesMax, signal }),
      )
      return { error: errorOf(response.status, text, `${request.method} ${request.path}`) }
    })
    if ('error' in opened) throw opened.error
    const { response, server } = opened
    const forget = this.#pool.addStream(server, (error) => {
      response.body.cancel()
      onFail(error)
    })
    return {
      body: {
        read: async () => {
          const chunk = await response.body.read()
          if (chunk) this.#pool.heard(server)
          return chunk
        },
        cancel: () => response.body.cancel(),
      },
      close: () => {
        forget()
        response.body.cancel()
      },
    }
  }

  close(): void {
    this.#closed.abort(asNetworkError(new Error('closed'), 'the API client'))
    this.#pool.close()
    this.#http.close()
  }

  /** Tries the servers in turn until one answers; `use` runs under the attempt's deadline. */
  async #attempts<R>(
    request: TransportRequest,
    use: (response: HttpClientResponse, signal: AbortSignal, server: string) => Promise<R>,
  ): Promise<R> {
    const attemptsMax = this.#pool.servers.length + 1
    for (let attempt = 1; ; attempt += 1) {
      if (this.#closed.signal.aborted) throw this.#closed.signal.reason
      if (request.signal?.aborted) throw request.signal.reason
      const server = this.#pool.current()
      try {
        return await this.#attempt(server, request, use)
      } catch (error) {
        if (request.signal?.aborted) throw request.signal.reason
        const networkError = asNetworkError(error, `${request.method} ${server}${request.path}`)
        this.#count.add(1, { code: '<error>', method: request.method, host: server })
        this.#pool.failed(server, networkError)
        const mayRepeat = request.method === 'GET' || !networkError.maybeDelivered
        if (!mayRepeat || attempt >= attemptsMax) throw networkError
        await sleep(this.powers.clock, retryPauseMs * attempt, request.signal)
      }
    }
  }

  #attempt<R>(
    server: string,
    request: TransportRequest,
    use: (response: HttpClientResponse, signal: AbortSignal, server: string) => Promise<R>,
  ): Promise<R> {
    const attempted = `${request.method} ${server}${request.path}`
    const timeoutMs = request.timeoutMs ?? requestTimeoutMsDefault
    return withDeadline(
      { clock: this.powers.clock, timeoutMs, attempted, parent: request.signal },
      async (signal) => {
        const response = await this.#http.request({
          method: request.method,
          url: `${server}${request.path}`,
          headers: this.#headers(request),
          ...bodyOf(request.body),
          signal,
        })
        this.#pool.heard(server)
        this.#count.add(1, { code: String(response.status), method: request.method, host: server })
        return use(response, signal, server)
      },
    )
  }

  #headers(request: TransportRequest): Record<string, string> {
    const headers: Record<string, string> = {
      accept: request.accept ?? 'application/json',
      'user-agent': this.#config.userAgent,
    }
    if (request.body !== undefined) headers['content-type'] = request.contentType ?? 'application/json'
    if (this.#config.bearerToken) headers.authorization = `Bearer ${this.#config.bearerToken()}`
    return headers
  }

  /** Any answer will do: the server lives. */
  async #probe(server: string): Promise<void> {
    await withDeadline(
      { clock: this.powers.clock, timeoutMs: probeTimeoutMs, attempted: `GET ${server}/livez` },
      async (signal) => {
        const response = await this.#http.request({
          method: 'GET',
          url: `${server}/livez`,
          headers: this.#headers({ method: 'GET', path: '/livez', accept: '*/*' }),
          signal,
        })
        await readUntil(response.body, signal)
        response.body.cancel()
      },
    )
  }
}

function bodyOf(body: unknown): { body?: Uint8Array | string } {
  if (body === undefined) return {}
  return { body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body) }
}

function parseJson(text: string, attempted: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw internalError(`${attempted}: the answer is not JSON but "${text.slice(0, 80)}"`)
  }
}

/** The Status that an error answer carries, or one made from its code when the body is something else. */
function errorOf(code: number, text: string, attempted: string): ApiError {
  const status = statusIn(text)
  if (status) return statusToError({ ...status, code: status.code ?? code })
  return statusToError({
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Failure',
    code,
    reason: reasonByCode.get(code) ?? 'InternalError',
    message: `${attempted}: the server answered ${code}: ${text.slice(0, 200)}`,
  })
}

const reasonByCode: ReadonlyMap<number, string> = new Map([
  [400, 'BadRequest'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'NotFound'],
  [409, 'Conflict'],
  [410, 'Gone'],
  [429, 'TooManyRequests'],
  [503, 'ServiceUnavailable'],
  [504, 'Timeout'],
])

function statusIn(text: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isStatus(value) ? value : undefined
  } catch {
    return undefined
  }
}

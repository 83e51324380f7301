/** The HTTP client over `node:http(s)` with a pool of connections of its own. */
import {
  Agent as PlainAgent,
  type ClientRequest,
  type IncomingMessage,
  request as plainRequest,
} from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
import { type HttpClient, type HttpClientResponse, NetworkError, type TlsIdentity } from '../../network.ts'
import { codeOf, wrapSocket } from './bytes.ts'
import { bodyOf, joinHeaders } from './http-server.ts'

/** Idle connections are dropped after this; shorter than our server keeps them. */
const idleMs = 60_000

interface Pool {
  readonly connectTimeoutMs: number
  readonly plain: PlainAgent
  readonly secure: TlsAgent
}

interface Call {
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  readonly signal?: AbortSignal | undefined
}

type Answer =
  | { readonly response: IncomingMessage }
  | { readonly upgraded: IncomingMessage; readonly socket: Socket; readonly head: Uint8Array }

/** Fails the request when its socket is not connected (and secure) in time. */
function watchConnect(request: ClientRequest, timeoutMs: number, onConnected: () => void): void {
  request.on('socket', (socket) => {
    if (!socket.connecting && request.reusedSocket) {
      onConnected()
      return
    }
    const timer = setTimeout(() => {
      const error = Object.assign(new Error(`no connection within ${timeoutMs} ms`), { code: 'ETIMEDOUT' })
      request.destroy(error)
    }, timeoutMs)
    const event = 'encrypted' in socket ? 'secureConnect' : 'connect'
    socket.once(event, () => {
      clearTimeout(timer)
      onConnected()
    })
    socket.once('close', () => clearTimeout(timer))
  })
}

function send(pool: Pool, call: Call): Promise<Answer> {
  const url = new URL(call.url)
  const isSecure = url.protocol === 'https:'
  return new Promise((resolve, reject) => {
    if (call.signal?.aborted) {
      reject(call.signal.reason as Error)
      return
    }
    let isConnected = false
    const request = (isSecure ? tlsRequest : plainRequest)(url, {
      method: call.method,
      agent: isSecure ? pool.secure : pool.plain,
      headers: {
        ...call.headers,
        ...(call.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(call.body)) }),
      },
    })
    watchConnect(request, pool.connectTimeoutMs, () => {
      isConnected = true
    })
    const onAbort = () => request.destroy(call.signal?.reason as Error)
    call.signal?.addEventListener('abort', onAbort, { once: true })
    request.on('close', () => call.signal?.removeEventListener('abort', onAbort))
    request.on('error', (error) => {
      if (call.signal?.aborted) reject(call.signal.reason as Error)
      else
        reject(
          new NetworkError({
            code: codeOf(error),
            message: `${call.method} ${url.origin}: ${error.message}`,
            maybeDelivered: isConnected,
            cause: error,
          }),
        )
    })
    request.on('response', (response) => resolve({ response }))
    request.on('upgrade', (upgraded, socket, head) => resolve({ upgraded, socket, head }))
    request.end(call.body)
  })
}

/** A pooled connection that the server closed meanwhile fails a request that it never saw: safe to repeat for reads. */
async function sendOnce(pool: Pool, call: Call): Promise<Answer> {
  try {
    return await send(pool, call)
  } catch (error) {
    const isStale = error instanceof NetworkError && error.code === 'ECONNRESET' && call.method === 'GET'
    if (!isStale || call.signal?.aborted) throw error
    return send(pool, call)
  }
}

function toResponse(response: IncomingMessage): HttpClientResponse {
  return { status: response.statusCode ?? 0, headers: joinHeaders(response.headers), body: bodyOf(response) }
}

/** Parsed once for all of a client's connections: certificates cost milliseconds each time. */
function secureContextOf(tls: Partial<TlsIdentity>): SecureContext {
  return createSecureContext({
    ...(tls.certificateAuthority === undefined ? {} : { ca: tls.certificateAuthority }),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.privateKey === undefined ? {} : { key: tls.privateKey }),
  })
}

export function createHttpClient(options: {
  readonly tls?: Partial<TlsIdentity> | undefined
  readonly connectTimeoutMs: number
}): HttpClient {
  const { tls } = options
  const pool: Pool = {
    connectTimeoutMs: options.connectTimeoutMs,
    plain: new PlainAgent({ keepAlive: true, timeout: idleMs, noDelay: true }),
    secure: new TlsAgent({
      keepAlive: true,
      timeout: idleMs,
      noDelay: true,
      ...(tls === undefined ? {} : { secureContext: secureContextOf(tls) }),
    }),
  }
  return {
    request: async (call) => {
      const answer = await sendOnce(pool, call)
      if ('response' in answer) return toResponse(answer.response)
      answer.socket.destroy()
      throw new NetworkError({
        code: 'EPROTO',
        message: `${call.url}: the server upgraded a plain request`,
        maybeDelivered: true,
      })
    },
    upgrade: async (call) => {
      const answer = await send(pool, call)
      if ('response' in answer) return toResponse(answer.response)
      return {
        status: 101,
        headers: joinHeaders(answer.upgraded.headers),
        connection: wrapSocket(answer.socket, answer.head),
      }
    },
    close: () => {
      pool.plain.destroy()
      pool.secure.destroy()
    },
  }
}

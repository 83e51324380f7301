/** HTTP over simulated streams: one stream per request, bodies chunk by chunk with a window. */
import {
  type Address,
  type ByteConnection,
  type ByteSource,
  formatAddress,
  type HttpClientResponse,
  type HttpHandler,
  type HttpRequest,
  type HttpResponse,
  type HttpUpgrade,
  NetworkError,
  type PeerIdentity,
} from '../../network.ts'
import type { SimEnd } from './connection.ts'
import { PullSource, SendWindow } from './pull.ts'

const nothing = new Uint8Array(0)

interface RequestHead {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly isUpgrade: boolean
}

interface ResponseHead {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly isUpgraded: boolean
}

function encodeHead(head: RequestHead | ResponseHead): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(head))
}

function decodeHead<T>(bytes: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(bytes)) as T // unsafe: written by encodeHead at the other end
}

function plainHeaders(headers: HttpResponse['headers']): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [
    name.toLowerCase(),
    typeof value === 'string' ? value : value.join(', '),
  ])
  return Object.fromEntries(entries) as Record<string, string> // unsafe: both halves are texts
}

/** One end of an upgraded connection, or of a byte pipe. */
export function pipeOver(
  end: SimEnd,
  remote: Address,
): { connection: ByteConnection; source: PullSource; window: SendWindow } {
  const source = new PullSource({
    onRead: () => end.send('taken', nothing),
    onCancel: () => end.close('cancelled'),
  })
  const window = new SendWindow()
  const connection: ByteConnection = {
    remote,
    read: () => source.read(),
    cancel: () => {
      end.close('cancelled')
      source.cancel()
    },
    write: async (bytes) => {
      await window.reserve()
      if (!end.isOpen)
        throw new NetworkError({ code: 'EPIPE', message: 'the connection is closed', maybeDelivered: true })
      end.send('chunk', bytes)
    },
    end: () => end.send('end', nothing),
  }
  return { connection, source, window }
}

/** Feeds what arrives at `end` to a pipe. */
export function feedPipe(end: SimEnd, pipe: { source: PullSource; window: SendWindow }): void {
  end.handlers = {
    onMessage: (tag, bytes) => {
      if (tag === 'chunk') pipe.source.push(bytes)
      else if (tag === 'end') pipe.source.finish()
      else if (tag === 'taken') pipe.window.taken()
    },
    onClose: () => {
      pipe.window.close()
      pipe.source.finish()
    },
  }
}

async function sendBody(end: SimEnd, body: ByteSource, window: SendWindow): Promise<void> {
  try {
    while (end.isOpen) {
      const chunk = await body.read()
      if (chunk === undefined) break
      await window.reserve()
      end.send('chunk', chunk)
    }
    end.send('end', nothing)
  } catch {
    end.close('the response body failed') // as a real server: cutting is the only way to say so
  } finally {
    body.cancel()
  }
}

/** Serves one request that arrived on `end`. */
export function serveHttp(options: {
  readonly end: SimEnd
  readonly handler: HttpHandler
  readonly peer: PeerIdentity | undefined
  readonly peerError: string | undefined
  readonly remote: Address
  readonly onError: (error: unknown) => void
}): void {
  const { end, handler } = options
  const controller = new AbortController()
  const window = new SendWindow()
  const bodySource = new PullSource()
  const gone = () => {
    window.close()
    bodySource.finish(
      new NetworkError({ code: 'ECONNRESET', message: 'the client went away', maybeDelivered: true }),
    )
    controller.abort(
      new NetworkError({ code: 'ECONNRESET', message: 'the client went away', maybeDelivered: true }),
    )
  }
  end.handlers = {
    onMessage: (tag, bytes) => {
      if (tag === 'request') answer(decodeHead<RequestHead>(bytes)).catch(options.onError)
      else if (tag === 'body') bodySource.push(bytes)
      else if (tag === 'body end') bodySource.finish()
      else if (tag === 'taken') window.taken()
    },
    onClose: gone,
  }
  const requestOf = (head: RequestHead): HttpRequest => ({
    method: head.method,
    url: head.url,
    headers: head.headers,
    body: bodySource,
    peer: options.peer,
    peerError: options.peerError,
    remote: options.remote,
    signal: controller.signal,
  })
  const answer = async (head: RequestHead): Promise<void> => {
    let response: HttpResponse | HttpUpgrade
    try {
      response = await (head.isUpgrade && handler.upgrade
        ? handler.upgrade(requestOf(head))
        : handler.request(requestOf(head)))
    } catch (error) {
      options.onError(error)
      response = { status: 500, headers: {}, body: 'internal error\n' }
    }
    end.send(
      'response',
      encodeHead({
        status: response.status,
        headers: plainHeaders(response.headers),
        isUpgraded: 'serve' in response,
      }),
    )
    if ('serve' in response) {
      const pipe = pipeOver(end, options.remote)
      feedPipe(end, pipe)
      await response.serve(pipe.connection)
      return
    }
    await sendResponseBody(end, response.body, window)
  }
}

async function sendResponseBody(end: SimEnd, body: HttpResponse['body'], window: SendWindow): Promise<void> {
  if (body !== undefined && typeof body === 'object' && 'read' in body) {
    // A watch may have nothing to say for long: the body is let go as soon as the client is.
    const handlers = end.handlers
    end.handlers = {
      onMessage: handlers.onMessage,
      onClose: (reason) => {
        handlers.onClose(reason)
        body.cancel()
      },
    }
    await sendBody(end, body, window)
    return
  }
  if (body !== undefined && body.length > 0)
    end.send('chunk', typeof body === 'string' ? new TextEncoder().encode(body) : body)
  end.send('end', nothing)
}

export interface SimHttpCall {
  readonly method: string
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  readonly signal?: AbortSignal | undefined
}

export type SimHttpAnswer =
  | HttpClientResponse
  | {
      readonly status: 101
      readonly headers: Readonly<Record<string, string>>
      readonly connection: ByteConnection
    }

/** Sends a request over `end` (which is connected or connecting) and resolves with the response's head. */
export function callHttp(options: {
  end: SimEnd
  call: SimHttpCall
  isUpgrade: boolean
  address: Address
  isConnected: () => boolean
}): Promise<SimHttpAnswer> {
  const { end, call } = options
  const url = new URL(call.url)
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      end.close('aborted')
      body.finish(new NetworkError({ code: 'ECONNRESET', message: 'aborted', maybeDelivered: true }))
      reject(call.signal?.reason as Error)
    }
    const settle = () => call.signal?.removeEventListener('abort', onAbort)
    const body = new PullSource({
      onRead: () => end.send('taken', nothing),
      onCancel: () => {
        settle()
        end.close('cancelled')
      },
    })
    let pipe: ReturnType<typeof pipeOver> | undefined
    end.handlers = {
      onMessage: (tag, bytes) => {
        if (tag === 'response') {
          const head = decodeHead<ResponseHead>(bytes)
          if (head.isUpgraded) {
            pipe = pipeOver(end, options.address)
            feedPipe(end, pipe)
            resolve({ status: 101, headers: head.headers, connection: pipe.connection })
          } else resolve({ status: head.status, headers: head.headers, body })
        } else if (tag === 'chunk') body.push(bytes)
        else if (tag === 'end') {
          settle()
          body.finish()
          end.close('done')
        }
      },
      onClose: (reason) => {
        settle()
        const error = new NetworkError({
          code: reason === 'refused' ? 'ECONNREFUSED' : 'ECONNRESET',
          message: `${call.method} ${formatAddress(options.address)}: ${reason}`,
          maybeDelivered: options.isConnected(),
        })
        body.finish(error)
        reject(error)
      },
    }
    if (call.signal?.aborted) {
      onAbort()
      return
    }
    call.signal?.addEventListener('abort', onAbort, { once: true })
    const head: RequestHead = {
      method: call.method,
      url: url.pathname + url.search,
      headers: { host: url.host, ...plainHeaders(call.headers ?? {}) },
      isUpgrade: options.isUpgrade,
    }
    end.send('request', encodeHead(head))
    if (call.body !== undefined)
      end.send('body', typeof call.body === 'string' ? new TextEncoder().encode(call.body) : call.body)
    end.send('body end', nothing)
  })
}

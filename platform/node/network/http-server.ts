/** The HTTP server over `node:http(s)`: hands requests to a handler and streams what it answers. */
import {
  createServer as createPlainServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import {
  type Address,
  type ByteSource,
  type HttpHandler,
  type HttpRequest,
  type HttpResponse,
  type Listener,
  NetworkError,
  type TlsIdentity,
} from '../../network.ts'
import { closeServer, codeOf, listen, remoteOf, trackSockets, wrapSocket } from './bytes.ts'
import { peerOf } from './identity.ts'

/** Idle client connections are kept this long; longer than our client keeps them, so that it closes first. */
const keepAliveMs = 120_000

export function joinHeaders(headers: IncomingMessage['headers']): Record<string, string> {
  const joined: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return joined
}

/** The body of an incoming message, pulled chunk by chunk. */
export function bodyOf(message: IncomingMessage): ByteSource {
  const iterator = message[Symbol.asyncIterator]() as AsyncIterator<Uint8Array> // unsafe: without an encoding, chunks are bytes
  return {
    read: async () => {
      try {
        const next = await iterator.next()
        return next.done ? undefined : next.value
      } catch (error) {
        throw new NetworkError({
          code: codeOf(error),
          message: `the body was cut off: ${error instanceof Error ? error.message : String(error)}`,
          maybeDelivered: true,
          cause: error,
        })
      }
    },
    cancel: () => void message.destroy(),
  }
}

function requestOf(message: IncomingMessage, signal: AbortSignal): HttpRequest {
  const peer = peerOf(message.socket)
  return {
    method: message.method ?? 'GET',
    url: message.url ?? '/',
    headers: joinHeaders(message.headers),
    body: bodyOf(message),
    peer: peer.identity,
    peerError: peer.error,
    remote: remoteOf(message.socket),
    signal,
  }
}

function headersOf(response: HttpResponse): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(response.headers)) {
    headers[name] = typeof value === 'string' ? value : [...value]
  }
  return headers
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}

async function streamBody(body: ByteSource, response: ServerResponse): Promise<void> {
  const onClose = () => body.cancel()
  response.on('close', onClose)
  try {
    response.flushHeaders()
    while (!response.destroyed) {
      const chunk = await body.read()
      if (chunk === undefined) break
      if (!response.write(chunk)) await drained(response)
    }
    response.end()
  } catch {
    response.destroy() // the head is out: cutting the connection is the only way to say that the body is not whole
  } finally {
    response.off('close', onClose)
    body.cancel()
  }
}

async function answer(
  handler: HttpHandler,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const controller = new AbortController()
  response.on('close', () =>
    controller.abort(
      new NetworkError({ code: 'ECONNRESET', message: 'the client went away', maybeDelivered: true }),
    ),
  )
  const result = await handler.request(requestOf(message, controller.signal))
  if (response.destroyed) {
    if (typeof result.body === 'object' && 'cancel' in result.body) result.body.cancel()
    return
  }
  response.writeHead(result.status, headersOf(result))
  if (typeof result.body === 'object' && 'read' in result.body) await streamBody(result.body, response)
  else response.end(result.body)
}

async function upgrade(
  handler: HttpHandler,
  message: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
): Promise<void> {
  const controller = new AbortController()
  socket.on('close', () =>
    controller.abort(
      new NetworkError({ code: 'ECONNRESET', message: 'the client went away', maybeDelivered: true }),
    ),
  )
  const result: HttpResponse | Awaited<ReturnType<NonNullable<HttpHandler['upgrade']>>> = handler.upgrade
    ? await handler.upgrade(requestOf(message, controller.signal))
    : { status: 400, headers: {}, body: 'this server does not upgrade connections\n' }
  const lines = Object.entries(result.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`)
  if ('serve' in result) {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`)
    await result.serve(wrapSocket(socket, head))
    return
  }
  const body =
    typeof result.body === 'string'
      ? Buffer.from(result.body)
      : result.body instanceof Uint8Array
        ? result.body
        : new Uint8Array()
  socket.write(
    `HTTP/1.1 ${result.status} Refused\r\n${lines.join('')}content-length: ${body.length}\r\nconnection: close\r\n\r\n`,
  )
  socket.end(body)
}

function createServer(tls: TlsIdentity | undefined): Server {
  if (tls === undefined) return createPlainServer({ noDelay: true })
  return createTlsServer({
    ca: tls.certificateAuthority,
    cert: tls.certificate,
    key: tls.privateKey,
    requestCert: true,
    rejectUnauthorized: false,
    noDelay: true,
  })
}

export async function listenHttp(options: {
  readonly address: Address
  readonly tls: TlsIdentity | undefined
  readonly handler: HttpHandler
  readonly onError: (error: unknown) => void
}): Promise<Listener> {
  const { handler, onError } = options
  const server = createServer(options.tls)
  server.keepAliveTimeout = keepAliveMs
  server.requestTimeout = 0 // watches and exec sessions live as long as their client
  const sockets = trackSockets(server)
  server.on('request', (message, response) => {
    answer(handler, message, response).catch((error: unknown) => {
      onError(error)
      if (!response.headersSent) response.writeHead(500).end('internal error\n')
      else response.destroy()
    })
  })
  server.on('upgrade', (message, socket: Socket, head) => {
    socket.on('error', () => socket.destroy())
    upgrade(handler, message, socket, head).catch((error: unknown) => {
      onError(error)
      socket.destroy()
    })
  })
  const address = await listen(server, options.address)
  return { address, close: () => closeServer(server, sockets) }
}

/** Raw byte pipes over `node:net` sockets, pulled by the reader. */
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import {
  type Address,
  type ByteConnection,
  type Listener,
  NetworkError,
  formatAddress,
} from '../../network.ts'

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'EIO'
}

export function remoteOf(socket: Socket): Address {
  return { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
}

/** Wraps a socket. `head` holds bytes that were read before (an upgraded connection). */
export function wrapSocket(socket: Socket, head?: Uint8Array): ByteConnection {
  const chunks: Uint8Array[] = head !== undefined && head.length > 0 ? [head] : []
  let wake: (() => void) | undefined
  let hasEnded = false
  let failure: Error | undefined
  const signal = () => {
    wake?.()
    wake = undefined
  }
  socket.pause()
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    socket.pause()
    signal()
  })
  socket.on('end', () => {
    hasEnded = true
    signal()
  })
  socket.on('error', (error) => {
    failure = error
    signal()
  })
  socket.on('close', () => {
    hasEnded = true
    signal()
  })
  return {
    remote: remoteOf(socket),
    read: async () => {
      while (true) {
        const chunk = chunks.shift()
        if (chunk !== undefined) return chunk
        if (failure)
          throw new NetworkError({
            code: codeOf(failure),
            message: failure.message,
            maybeDelivered: true,
            cause: failure,
          })
        if (hasEnded) return undefined
        await new Promise<void>((resolve) => {
          wake = resolve
          socket.resume()
        })
      }
    },
    write: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes, (error) => {
          if (error)
            reject(
              new NetworkError({
                code: codeOf(error),
                message: error.message,
                maybeDelivered: true,
                cause: error,
              }),
            )
          else resolve()
        })
      }),
    end: () => void socket.end(),
    cancel: () => void socket.destroy(),
  }
}

/** Starts a server on an address and gives the port that it got. @throws NetworkError naming the address */
export function listen(server: Server, address: Address): Promise<Address> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new NetworkError({
          code: codeOf(error),
          message: `cannot listen on ${formatAddress(address)}: ${error.message}`,
          maybeDelivered: false,
          cause: error,
        }),
      ),
    )
    server.listen({ host: address.host, port: address.port }, () => {
      const bound = server.address()
      resolve({ host: address.host, port: typeof bound === 'object' && bound ? bound.port : address.port })
    })
  })
}

/** Stops listening and destroys what is open. */
export function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    for (const socket of sockets) socket.destroy()
  })
}

/** The set of a server's open sockets, kept up to date. */
export function trackSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  return sockets
}

export async function listenBytes(options: {
  readonly address: Address
  readonly onConnection: (connection: ByteConnection) => void
}): Promise<Listener> {
  const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
    options.onConnection(wrapSocket(socket)),
  )
  const sockets = trackSockets(server)
  const address = await listen(server, options.address)
  return { address, close: () => closeServer(server, sockets) }
}

export function dialBytes(options: {
  readonly address: Address
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}): Promise<ByteConnection> {
  const { address, timeoutMs, signal } = options
  return new Promise((resolve, reject) => {
    const socket = createConnection({ ...address, noDelay: true, allowHalfOpen: true })
    const fail = (code: string, message: string, cause?: unknown) => {
      finish()
      socket.destroy()
      reject(
        new NetworkError({
          code,
          message: `cannot connect to ${formatAddress(address)}: ${message}`,
          maybeDelivered: false,
          cause,
        }),
      )
    }
    const onError = (error: Error) => fail(codeOf(error), error.message, error)
    const onAbort = () => fail('EABORTED', 'aborted', signal?.reason)
    const timer = setTimeout(() => fail('ETIMEDOUT', `no answer within ${timeoutMs} ms`), timeoutMs)
    const finish = () => {
      clearTimeout(timer)
      socket.off('error', onError)
      signal?.removeEventListener('abort', onAbort)
    }
    socket.once('error', onError)
    signal?.addEventListener('abort', onAbort, { once: true })
    socket.once('connect', () => {
      finish()
      resolve(wrapSocket(socket))
    })
  })
}

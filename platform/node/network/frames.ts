/**
 * Framed connections: WebSocket binary messages over mutual TLS. Compression is off and the client's
 * mask is zero, which `ws` skips: both ends are ours. The server's name is not checked against the
 * certificate, because a member's identity is proved by its authority and its handshake, never by an
 * address that may change.
 */
import { createServer } from 'node:https'
import type { Socket } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import {
  type Address,
  type FrameConnection,
  formatAddress,
  type Listener,
  NetworkError,
  type PeerIdentity,
  type TlsIdentity,
} from '../../network.ts'
import { closeServer, codeOf, listen, remoteOf, trackSockets } from './bytes.ts'
import { peerOf } from './identity.ts'

/** How long a closing connection may take to flush before it is cut. */
const closeGraceMs = 1000

class WebSocketFrames implements FrameConnection {
  readonly peer: PeerIdentity | undefined
  readonly remote: Address
  onFrame: (frame: Uint8Array) => void = () => {}
  onClose: (reason: string) => void = () => {}
  readonly #socket: WebSocket
  #isClosed = false

  constructor(socket: WebSocket, tcp: Socket) {
    this.#socket = socket
    this.peer = peerOf(tcp).identity
    this.remote = remoteOf(tcp)
    let reason = 'the peer closed the connection'
    socket.binaryType = 'nodebuffer'
    socket.on('message', (data: Buffer) => {
      if (!this.#isClosed) this.onFrame(data)
    })
    socket.on('error', (error) => {
      reason = error.message
    })
    socket.on('close', () => {
      if (this.#isClosed) return
      this.#isClosed = true
      this.onClose(reason)
    })
  }

  send(frame: Uint8Array): void {
    if (!this.#isClosed && this.#socket.readyState === WebSocket.OPEN) this.#socket.send(frame)
  }

  bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket.close()
    setTimeout(() => this.#socket.terminate(), closeGraceMs).unref()
  }
}

export async function listenFrames(options: {
  readonly address: Address
  readonly tls: TlsIdentity
  readonly frameBytesMax: number
  readonly onConnection: (connection: FrameConnection) => void
}): Promise<Listener> {
  const { tls } = options
  const server = createServer({
    ca: tls.certificateAuthority,
    cert: tls.certificate,
    key: tls.privateKey,
    requestCert: true,
    rejectUnauthorized: true,
    noDelay: true,
  })
  const sockets = trackSockets(server)
  const webSockets = new WebSocketServer({
    server,
    perMessageDeflate: false,
    maxPayload: options.frameBytesMax,
  })
  webSockets.on('connection', (socket, request) =>
    options.onConnection(new WebSocketFrames(socket, request.socket)),
  )
  // The underlying server's listen error reaches `listen`; without a listener here ws would throw it again.
  webSockets.on('error', () => {})
  const address = await listen(server, options.address)
  return {
    address,
    close: async () => {
      for (const client of webSockets.clients) client.terminate()
      webSockets.close()
      await closeServer(server, sockets)
    },
  }
}

export function dialFrames(options: {
  readonly address: Address
  readonly tls: TlsIdentity
  readonly frameBytesMax: number
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}): Promise<FrameConnection> {
  const { address, tls, signal } = options
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${formatAddress(address)}/`, {
      ca: tls.certificateAuthority,
      cert: tls.certificate,
      key: tls.privateKey,
      checkServerIdentity: () => false, // "no error": see the header
      perMessageDeflate: false,
      maxPayload: options.frameBytesMax,
      handshakeTimeout: options.timeoutMs,
      generateMask: () => {},
    })
    let tcp: Socket | undefined
    socket.on('upgrade', (response) => {
      tcp = response.socket
      tcp.setNoDelay(true)
    })
    const onError = (error: Error) => {
      signal?.removeEventListener('abort', onAbort)
      const message = `cannot connect to ${formatAddress(address)}: ${error.message}`
      reject(new NetworkError({ code: codeOf(error), message, maybeDelivered: false, cause: error }))
    }
    const onAbort = () => socket.terminate()
    signal?.addEventListener('abort', onAbort, { once: true })
    socket.once('error', onError)
    socket.once('open', () => {
      signal?.removeEventListener('abort', onAbort)
      socket.off('error', onError)
      if (tcp) resolve(new WebSocketFrames(socket, tcp))
      else
        reject(
          new NetworkError({
            code: 'EPROTO',
            message: 'the WebSocket opened without a socket',
            maybeDelivered: false,
          }),
        )
    })
  })
}

/**
 * The network, as a power: framed messages between Skedia's own parts (raft peers, the store's native
 * protocol), HTTP for the Kubernetes API, and plain byte pipes for the front and for upgraded
 * connections. On real machines ws, https and net; in a simulation directed links that carry bytes.
 */

/** Who the other side proved to be by its certificate; `undefined` where none was presented. */
export interface PeerIdentity {
  /** Subject common name: the Kubernetes user. */
  readonly commonName: string
  /** Subject organizations: the Kubernetes groups. */
  readonly organizations: readonly string[]
}

/** PEM texts. In a simulation `certificate` names the identity and nothing is verified but its issuer. */
export interface TlsIdentity {
  readonly certificateAuthority: string
  readonly certificate: string
  readonly privateKey: string
}

export interface Address {
  readonly host: string
  readonly port: number
}

export function formatAddress(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/** A connection could not be made, was cut, or was refused. `code` is the OS's (ECONNREFUSED, EADDRINUSE…). */
export class NetworkError extends Error {
  readonly code: string
  /** False when it is certain that the other side saw no byte of the request. */
  readonly maybeDelivered: boolean
  constructor(options: { code: string; message: string; maybeDelivered: boolean; cause?: unknown }) {
    super(options.message, { cause: options.cause })
    this.name = 'NetworkError'
    this.code = options.code
    this.maybeDelivered = options.maybeDelivered
  }
}

/**
 * A connection of whole frames, ordered, at most once. Set the two handlers before the current event
 * ends. A cut is seen as silence, not as `onClose`: only a closed socket calls it.
 */
export interface FrameConnection {
  readonly peer: PeerIdentity | undefined
  readonly remote: Address
  onFrame: (frame: Uint8Array) => void
  /** Called once, after the last frame; not after an own `close`. */
  onClose: (reason: string) => void
  /** Queues a frame. The bytes belong to the connection from here on. No-op after close. */
  send(frame: Uint8Array): void
  /** Bytes queued and not yet handed to the OS: the sender's brake. */
  bufferedBytes(): number
  close(): void
}

export interface Listener {
  readonly address: Address
  close(): Promise<void>
}

/** A stream that the reader pulls. One `read` at a time. */
export interface ByteSource {
  /** The next chunk; undefined at the end. @throws NetworkError when it was cut off */
  read(): Promise<Uint8Array | undefined>
  /** Ends the stream early and frees what feeds it. Idempotent. */
  cancel(): void
}

/** Both directions of a raw connection (an upgraded HTTP connection, or a TCP pipe). */
export interface ByteConnection extends ByteSource {
  readonly remote: Address
  /** Resolves when the bytes are taken; waits while the other side does not read. @throws NetworkError */
  write(bytes: Uint8Array): Promise<void>
  /** No more bytes from here; reading goes on. */
  end(): void
}

export interface HttpRequest {
  readonly method: string
  /** Path and query, as sent. */
  readonly url: string
  /** Names in lower case. Repeated headers are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>
  readonly body: ByteSource
  readonly peer: PeerIdentity | undefined
  /** Why a presented client certificate was not accepted (expired, unknown issuer); `peer` is then undefined. */
  readonly peerError?: string | undefined
  readonly remote: Address
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal
}

export interface HttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  /** Bytes or text are sent with a content-length, a ByteSource chunk by chunk as it is read. */
  readonly body?: Uint8Array | string | ByteSource | undefined
}

export interface HttpHandler {
  /** A thrown error is a bug: it becomes a bare 500 and goes to the log. */
  request(request: HttpRequest): Promise<HttpResponse>
  /**
   * An `Upgrade` request. Answer with a response to refuse it, or with a function that takes the raw
   * connection after the `101` with `headers` has been sent.
   */
  upgrade?(request: HttpRequest): Promise<HttpResponse | HttpUpgrade>
}

export interface HttpUpgrade {
  readonly status: 101
  readonly headers: Readonly<Record<string, string>>
  readonly serve: (connection: ByteConnection) => Promise<void>
}

export interface HttpClientResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: ByteSource
}

export interface HttpClient {
  /**
   * Resolves when the response's head has arrived. The caller reads or cancels `body`.
   * @throws NetworkError; the signal's reason when aborted
   */
  request(request: {
    readonly method: string
    readonly url: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: Uint8Array | string
    readonly signal?: AbortSignal | undefined
  }): Promise<HttpClientResponse>
  /** Sends an `Upgrade` request. @throws NetworkError; resolves with a plain response when refused. */
  upgrade(request: {
    readonly method: string
    readonly url: string
    readonly headers: Readonly<Record<string, string>>
    readonly signal?: AbortSignal | undefined
  }): Promise<
    | HttpClientResponse
    | {
        readonly status: 101
        readonly headers: Readonly<Record<string, string>>
        readonly connection: ByteConnection
      }
  >
  /** Closes idle connections and aborts running requests. */
  close(): void
}

export interface Network {
  /** @throws NetworkError EADDRINUSE, EACCES, … with the address in the message */
  listenFrames(options: {
    readonly address: Address
    readonly tls: TlsIdentity
    /** Frames larger than this close the connection. */
    readonly frameBytesMax: number
    readonly onConnection: (connection: FrameConnection) => void
  }): Promise<Listener>
  /** @throws NetworkError when the connection is not open within `timeoutMs` */
  dialFrames(options: {
    readonly address: Address
    readonly tls: TlsIdentity
    readonly frameBytesMax: number
    readonly timeoutMs: number
    readonly signal?: AbortSignal | undefined
  }): Promise<FrameConnection>
  /** `tls` undefined: plain HTTP. A client certificate is asked for, verified when given, not demanded. */
  listenHttp(options: {
    readonly address: Address
    readonly tls: TlsIdentity | undefined
    readonly handler: HttpHandler
  }): Promise<Listener>
  /** A client with its own connection pool. `tls` undefined: the client presents nothing and trusts `http:` only. */
  httpClient(options: {
    readonly tls?: Partial<TlsIdentity> | undefined
    readonly connectTimeoutMs: number
  }): HttpClient
  /** Plain TCP. */
  listenBytes(options: {
    readonly address: Address
    readonly onConnection: (connection: ByteConnection) => void
  }): Promise<Listener>
  dialBytes(options: {
    readonly address: Address
    readonly timeoutMs: number
    readonly signal?: AbortSignal | undefined
  }): Promise<ByteConnection>
}

/**
 * The simulated network of one world: hosts by name, listeners by host and port, streams over links.
 * Bytes are copied when they arrive, so no object is ever shared between two processes.
 */
import {
  type Address,
  type ByteConnection,
  formatAddress,
  type FrameConnection,
  type HttpClient,
  type Listener,
  type Network,
  NetworkError,
  type PeerIdentity,
  type TlsIdentity,
} from '../../network.ts'
import type { Random } from '../../random.ts'
import type { EventLoop, EventOwner } from '../event-loop.ts'
import { SimEnd } from './connection.ts'
import { callHttp, feedPipe, pipeOver, serveHttp, type SimHttpAnswer, type SimHttpCall } from './http.ts'
import { checkIdentity } from './identity.ts'
import { SimLinks } from './links.ts'

interface SimListener {
  readonly owner: EventOwner
  readonly authority: string | undefined
  readonly tls: TlsIdentity | undefined
  readonly accept: (
    end: SimEnd,
    peer: { identity: PeerIdentity | undefined; error: string | undefined },
    remote: Address,
  ) => void
  /** Refuses who does not prove an identity. */
  readonly demandsIdentity: boolean
}

class SimFrames implements FrameConnection {
  readonly peer: PeerIdentity | undefined
  readonly remote: Address
  onFrame: (frame: Uint8Array) => void = () => {}
  onClose: (reason: string) => void = () => {}
  readonly #end: SimEnd

  constructor(end: SimEnd, peer: PeerIdentity | undefined, remote: Address) {
    this.#end = end
    this.peer = peer
    this.remote = remote
    end.handlers = {
      onMessage: (_tag, bytes) => this.onFrame(bytes),
      onClose: (reason) => this.onClose(reason),
    }
  }

  send(frame: Uint8Array): void {
    this.#end.send('frame', frame)
  }

  bufferedBytes(): number {
    return this.#end.inFlightBytes
  }

  close(): void {
    this.#end.close('the peer closed the connection')
  }
}

export class SimNetwork {
  readonly links: SimLinks
  readonly #loop: EventLoop
  readonly #listeners = new Map<string, SimListener>()
  readonly #ends = new Set<SimEnd>()
  readonly #hostsDown = new Set<string>()
  readonly #onError: (error: unknown, owner: EventOwner) => void
  #nextPort = 30_000

  constructor(options: {
    loop: EventLoop
    random: Random
    onError: (error: unknown, owner: EventOwner) => void
  }) {
    this.#loop = options.loop
    this.links = new SimLinks(options.loop, options.random)
    this.#onError = options.onError
  }

  /** What the OS does when a process ends: its listeners vanish, its peers hear a reset through the links. */
  ownerDied(owner: EventOwner): void {
    for (const [key, listener] of this.#listeners) if (listener.owner === owner) this.#listeners.delete(key)
    for (const end of this.#ends) {
      if (end.owner !== owner) continue
      end.close('connection reset by peer')
    }
  }

  /** What a power cut does: nobody is told. */
  ownerVanished(owner: EventOwner): void {
    for (const [key, listener] of this.#listeners) if (listener.owner === owner) this.#listeners.delete(key)
    for (const end of this.#ends) if (end.owner === owner) this.#ends.delete(end)
  }

  /** Whether a host has power: while it has none, it answers nothing at all. */
  setHostUp(host: string, isUp: boolean): void {
    if (isUp) this.#hostsDown.delete(host)
    else this.#hostsDown.add(host)
  }

  /** Resets every connection between two hosts. */
  resetBetween(a: string, b: string): void {
    for (const end of this.#ends) {
      const other = this.#others.get(end)
      if (other && end.host === a && other.host === b) end.reset()
    }
  }

  /** The network as one process on one host sees it. */
  view(owner: EventOwner, host: string): Network {
    return {
      listenFrames: (options) =>
        this.#listen(owner, options.address, {
          tls: options.tls,
          demandsIdentity: true,
          accept: (end, peer, remote) => options.onConnection(new SimFrames(end, peer.identity, remote)),
        }),
      dialFrames: async (options) => {
        const { end, identity } = await this.#dial(owner, host, options)
        return new SimFrames(end, identity, options.address)
      },
      listenHttp: (options) =>
        this.#listen(owner, options.address, {
          tls: options.tls,
          demandsIdentity: false,
          accept: (end, peer, remote) =>
            serveHttp({
              end,
              handler: options.handler,
              peer: peer.identity,
              peerError: peer.error,
              remote,
              onError: (error) => this.#onError(error, owner),
            }),
        }),
      httpClient: (options) => this.#httpClient(owner, host, options.tls, options.connectTimeoutMs),
      listenBytes: (options) =>
        this.#listen(owner, options.address, {
          tls: undefined,
          demandsIdentity: false,
          accept: (end, _peer, remote) => options.onConnection(this.#pipe(end, remote)),
        }),
      dialBytes: async (options) => {
        const { end } = await this.#dial(owner, host, { ...options, tls: undefined })
        return this.#pipe(end, options.address)
      },
    }
  }

  readonly #others = new WeakMap<SimEnd, SimEnd>()

  #pipe(end: SimEnd, remote: Address): ByteConnection {
    const pipe = pipeOver(end, remote)
    feedPipe(end, pipe)
    return pipe.connection
  }

  #listen(
    owner: EventOwner,
    address: Address,
    options: Pick<SimListener, 'tls' | 'demandsIdentity' | 'accept'>,
  ): Promise<Listener> {
    const port = address.port === 0 ? this.#nextPort++ : address.port
    const key = formatAddress({ host: address.host, port })
    if (this.#listeners.has(key)) {
      return Promise.reject(
        new NetworkError({
          code: 'EADDRINUSE',
          message: `cannot listen on ${key}: address already in use`,
          maybeDelivered: false,
        }),
      )
    }
    const listener: SimListener = { owner, authority: options.tls?.certificateAuthority, ...options }
    this.#listeners.set(key, listener)
    return Promise.resolve({
      address: { host: address.host, port },
      close: () => {
        if (this.#listeners.get(key) === listener) this.#listeners.delete(key)
        return Promise.resolve()
      },
    })
  }

  #newEnd(owner: EventOwner, host: string): SimEnd {
    const end = new SimEnd({
      owner,
      host,
      links: this.links,
      trace: (fact) => this.#loop.trace(fact),
      onClosed: (closed) => this.#ends.delete(closed),
      isHostUp: (name) => !this.#hostsDown.has(name),
    })
    this.#ends.add(end)
    return end
  }

  /**
   * Joins a new pair of ends: the far one belongs to whoever listens when the first packet arrives there.
   * Until then what the near end sends is queued behind that packet, in order.
   */
  #open(options: {
    owner: EventOwner
    host: string
    address: Address
    tls: Partial<TlsIdentity> | undefined
  }): SimEnd {
    const { owner, host, address, tls } = options
    const near = this.#newEnd(owner, host)
    // The far end's owner is known only when the packet arrives: look the listener up now for the event's
    // owner (so that a paused process holds it), and again on arrival (it may be gone by then).
    const key = formatAddress(address)
    const farOwner = this.#listeners.get(key)?.owner ?? { name: key, isAlive: true, isPaused: false }
    const far = this.#newEnd(farOwner, address.host)
    SimEnd.join(near, far)
    this.#others.set(near, far)
    this.#others.set(far, near)
    far.handlers = {
      onClose: () => {},
      onMessage: (tag) => {
        if (tag !== 'connect') return
        const listener = this.#listeners.get(key)
        const peer =
          listener?.authority === undefined
            ? { identity: undefined, error: undefined }
            : checkIdentity(listener.authority, tls)
        if (listener === undefined || listener.owner !== farOwner) {
          far.close('refused')
          return
        }
        if (listener.demandsIdentity && peer.identity === undefined && listener.tls !== undefined) {
          far.close(`the certificate was refused: ${peer.error ?? 'none was presented'}`)
          return
        }
        far.send('accepted', new TextEncoder().encode(listener.tls?.certificate ?? ''))
        listener.accept(far, peer, { host, port: 0 })
      },
    }
    near.send('connect', new Uint8Array(0))
    return near
  }

  #dial(
    owner: EventOwner,
    host: string,
    options: {
      address: Address
      tls: TlsIdentity | undefined
      timeoutMs: number
      signal?: AbortSignal | undefined
    },
  ): Promise<{ end: SimEnd; identity: PeerIdentity | undefined }> {
    const { address, tls, timeoutMs, signal } = options
    return new Promise((resolve, reject) => {
      const fail = (code: string, message: string) => {
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
        end.close('the dialler gave up')
        reject(
          new NetworkError({
            code,
            message: `cannot connect to ${formatAddress(address)}: ${message}`,
            maybeDelivered: false,
          }),
        )
      }
      const onAbort = () => fail('EABORTED', 'aborted')
      const timer = this.#loop.schedule({
        delayUs: timeoutMs * 1000,
        label: 'dial timeout',
        owner,
        run: () => fail('ETIMEDOUT', `no answer within ${timeoutMs} ms`),
      })
      signal?.addEventListener('abort', onAbort, { once: true })
      const end = this.#open({ owner, host, address, tls })
      end.handlers = {
        onMessage: (tag, bytes) => {
          if (tag !== 'accepted') return
          timer.cancel()
          signal?.removeEventListener('abort', onAbort)
          const certificate = new TextDecoder().decode(bytes)
          const { identity } =
            tls && certificate !== ''
              ? checkIdentity(tls.certificateAuthority, { certificate })
              : { identity: undefined }
          resolve({ end, identity })
        },
        onClose: (reason) => fail(reason === 'refused' ? 'ECONNREFUSED' : 'ECONNRESET', reason),
      }
    })
  }

  #httpClient(
    owner: EventOwner,
    host: string,
    tls: Partial<TlsIdentity> | undefined,
    connectTimeoutMs: number,
  ): HttpClient {
    const open = new Set<SimEnd>()
    const call = async (request: SimHttpCall, isUpgrade: boolean): Promise<SimHttpAnswer> => {
      const url = new URL(request.url)
      const address = {
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
      }
      const end = this.#open({ owner, host, address, tls })
      open.add(end)
      let isConnected = false
      const timer = this.#loop.schedule({
        delayUs: connectTimeoutMs * 1000,
        label: 'connect timeout',
        owner,
        run: () => {
          if (!isConnected) end.reset()
        },
      })
      try {
        const answer = callHttp({ end, call: request, isUpgrade, address, isConnected: () => isConnected })
        const { onMessage, onClose } = end.handlers
        end.handlers = {
          onMessage: (tag, bytes) => {
            if (tag === 'accepted') isConnected = true
            else onMessage(tag, bytes)
          },
          onClose,
        }
        return await answer
      } finally {
        timer.cancel()
        open.delete(end)
      }
    }
    return {
      request: async (request) => {
        const answer = await call(request, false)
        if ('body' in answer) return answer
        throw new NetworkError({
          code: 'EPROTO',
          message: 'a plain request was upgraded',
          maybeDelivered: true,
        })
      },
      upgrade: (request) => call(request, true),
      close: () => {
        for (const end of open) end.reset()
      },
    }
  }
}

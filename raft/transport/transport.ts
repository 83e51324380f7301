/**
 * Everything between this member and its peers: one listener, one outgoing link per peer, and incoming
 * connections by channel. Between two members each direction has a connection of its own for messages, and
 * snapshots have theirs, so that a heartbeat never waits behind a snapshot's bytes.
 */
import type { FrameConnection, Listener } from '../../platform/network.ts'
import { TaskGroup } from '../../platform/tasks.ts'
import type { Message } from '../message.ts'
import type { RaftMember } from '../raft-node.ts'
import type { MemberId } from '../types.ts'
import { decodeMessages, encodeMessages, FrameError } from './codec.ts'
import type { Hello } from './handshake.ts'
import { decodeHello, encodeHello, encodeRefusal, HandshakeRefused, whyRefuse } from './handshake.ts'
import type { LinkOptions } from './peer-link.ts'
import { dialPeer, frameBytesMax, PeerLink } from './peer-link.ts'

/** A connection on which no question was answered for so long is dialled anew. */
const silenceMs = 2000
/** An incoming connection that has not said hello by then is closed. */
const helloTimeoutMs = 2000

export interface TransportOptions extends Omit<LinkOptions, 'peer' | 'onLost'> {
  readonly members: readonly RaftMember[]
  readonly listenPeer: RaftMember['peerAddress']
  /** Called with all messages of one frame. */
  readonly onMessages: (messages: readonly Message[]) => void
  /** A peer has opened a snapshot connection; set its handlers now. */
  readonly onSnapshotConnection: (from: MemberId, connection: FrameConnection) => void
  /** Messages to the peer may have been lost. */
  readonly onLost: (id: MemberId) => void
}

export class Transport {
  readonly #options: TransportOptions
  readonly #links = new Map<MemberId, PeerLink>()
  readonly #incoming = new Map<MemberId, FrameConnection>()
  readonly #connections = new Set<FrameConnection>()
  /** Why a peer was last refused. */
  readonly #refusals = new Map<MemberId, string>()
  readonly #tasks: TaskGroup
  #listener: Listener | undefined

  constructor(options: TransportOptions) {
    this.#options = options
    this.#tasks = new TaskGroup((error, name) =>
      options.log.error('raft transport task failed', { name, error }),
    )
    for (const { id, name, peerAddress } of options.members) {
      if (id === options.rules.id) continue
      this.#links.set(id, new PeerLink({ ...options, peer: { id, name, address: peerAddress } }))
    }
  }

  /** @throws NetworkError when the address cannot be listened on */
  async start(): Promise<void> {
    const { network, tls, listenPeer } = this.#options
    // Alone there is nobody to talk to, but the address still belongs to this member.
    this.#listener = await network.listenFrames({
      address: listenPeer,
      tls,
      frameBytesMax,
      onConnection: (connection) => this.#accept(connection),
    })
    for (const [id, link] of this.#links) this.#tasks.run(`link ${id}`, (signal) => link.run(signal))
  }

  /** Sends messages that are all for `to`, as one frame. */
  send(to: MemberId, messages: readonly Message[]): void {
    if (!this.#links.get(to)?.send(encodeMessages(messages))) this.#options.onLost(to)
  }

  isConnected(id: MemberId): boolean {
    return this.#links.get(id)?.isConnected ?? false
  }

  /** To be called now and then. */
  tick(): void {
    for (const link of this.#links.values()) link.dropIfSilent(silenceMs)
  }

  /** Opens a connection for a snapshot. @throws like `dialPeer` */
  dialSnapshot(to: MemberId, signal: AbortSignal): Promise<FrameConnection> {
    const member = this.#options.members.find(({ id }) => id === to)
    if (!member) return Promise.reject(new HandshakeRefused(`member ${to} has no known address`))
    const peer = { id: to, name: member.name, address: member.peerAddress }
    return dialPeer({ ...this.#options, peer }, { channel: 'snapshot', signal })
  }

  /** Idempotent. */
  async close(): Promise<void> {
    const tasks = this.#tasks.close()
    for (const connection of this.#connections) connection.close()
    this.#connections.clear()
    await this.#listener?.close()
    await tasks
  }

  #accept(connection: FrameConnection): void {
    this.#connections.add(connection)
    const timer = this.#options.clock.setTimer(helloTimeoutMs, () => this.#drop(connection))
    connection.onClose = () => {
      timer.cancel()
      this.#connections.delete(connection)
    }
    connection.onFrame = (frame) => {
      timer.cancel()
      this.#welcome(connection, frame)
    }
  }

  #welcome(connection: FrameConnection, frame: Uint8Array): void {
    const { rules } = this.#options
    const hello = this.#readHello(connection, frame)
    if (!hello) return
    const refusal = whyRefuse(rules, hello)
    if (refusal !== undefined) {
      this.#noteRefusal(hello.from, refusal)
      connection.send(encodeRefusal(refusal))
      connection.onFrame = () => {}
      return
    }
    const { clusterId, id, storeUuid } = rules
    connection.send(encodeHello({ clusterId, from: id, to: hello.from, storeUuid, channel: hello.channel }))
    this.#refusals.delete(hello.from)
    if (hello.channel === 'snapshot') {
      this.#options.onSnapshotConnection(hello.from, connection)
      return
    }
    const previous = this.#incoming.get(hello.from)
    if (previous) this.#drop(previous)
    this.#incoming.set(hello.from, connection)
    connection.onFrame = (next) => this.#receive(connection, hello.from, next)
  }

  /** A refused peer dials ten times a second; one line says it. */
  #noteRefusal(peer: MemberId, reason: string): void {
    if (this.#refusals.get(peer) === reason) return
    this.#refusals.set(peer, reason)
    this.#options.log.error('raft peer refused', { peer, reason })
  }

  #readHello(connection: FrameConnection, frame: Uint8Array): Hello | undefined {
    try {
      return decodeHello(frame)
    } catch (error) {
      const isKnown = error instanceof HandshakeRefused || error instanceof FrameError
      if (!isKnown) throw error
      connection.send(encodeRefusal(error.message))
      connection.onFrame = () => {}
      return undefined
    }
  }

  #receive(connection: FrameConnection, from: MemberId, frame: Uint8Array): void {
    const { rules, log, onMessages } = this.#options
    this.#links.get(from)?.heard()
    let messages: readonly Message[]
    try {
      messages = decodeMessages(frame, { from, to: rules.id })
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      log.error('raft connection closed: unreadable frame', { peer: from, error: error.message })
      this.#drop(connection)
      return
    }
    onMessages(messages)
  }

  #drop(connection: FrameConnection): void {
    this.#connections.delete(connection)
    connection.onFrame = () => {}
    connection.close()
  }
}

/**
 * The outgoing connection to one peer: dials, shakes hands, and dials again when it is closed, for ever.
 * Sending never waits: without a connection, or when too much lies unsent in front, the frame is dropped.
 * Raft bears the loss; what it cannot bear is to wait.
 *
 *   dial ─▶ handshake ─▶ connected ─▶ closed ─▶ pause 10 … 100 ms ─▶ dial
 */
import type { Clock } from '../../platform/clock.ts'
import { sleep, withDeadline } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { Address, FrameConnection, Network, TlsIdentity } from '../../platform/network.ts'
import { formatAddress, NetworkError } from '../../platform/network.ts'
import type { Random } from '../../platform/random.ts'
import { jitter } from '../../platform/random.ts'
import type { MemberId } from '../types.ts'
import type { Channel, HandshakeRules } from './handshake.ts'
import { decodeAnswer, encodeHello, HandshakeRefused, whyRefuse } from './handshake.ts'

/** Frames beyond this close the connection; the largest append is far below. */
export const frameBytesMax = 64 * 1024 * 1024
/** With more unsent than this the peer is too slow: frames to it are dropped. */
const bufferedBytesMax = 16 * 1024 * 1024
const pauseMinMs = 10
const pauseMaxMs = 100
const connectTimeoutMs = 1000

export interface LinkOptions {
  readonly clock: Clock
  readonly random: Random
  readonly network: Network
  readonly log: Log
  readonly tls: TlsIdentity
  readonly rules: HandshakeRules
  readonly peer: { readonly id: MemberId; readonly name: string; readonly address: Address }
  /** A connection that stood is gone, and its port now refuses: the process has ended. */
  readonly onGone: (id: MemberId) => void
  /** Frames to the peer may have been lost. */
  readonly onLost: (id: MemberId) => void
}

export class PeerLink {
  readonly #options: LinkOptions
  #connection: FrameConnection | undefined
  /** When the oldest frame was sent since the peer was last heard; undefined when it answered since. */
  #unansweredSinceMs: number | undefined
  #lastProblem = ''
  /** Ends the current connection's service. */
  #closed: (() => void) | undefined

  constructor(options: LinkOptions) {
    this.#options = options
  }

  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  /** False when the frame was dropped. */
  send(frame: Uint8Array): boolean {
    const connection = this.#connection
    if (!connection || connection.bufferedBytes() > bufferedBytesMax) return false
    this.#unansweredSinceMs ??= this.#options.clock.monotonicMs()
    connection.send(frame)
    return true
  }

  /** Something arrived from the peer. */
  heard(): void {
    this.#unansweredSinceMs = undefined
  }

  /**
   * Gives up a connection on which nothing has been answered for `silenceMs`: after a cut a fresh connection
   * works at once, while the old one waits for TCP's next retransmission.
   */
  dropIfSilent(silenceMs: number): void {
    const since = this.#unansweredSinceMs
    if (!this.#connection || since === undefined) return
    if (this.#options.clock.monotonicMs() - since < silenceMs) return
    this.#connection.close()
    this.#closed?.()
  }

  /** Keeps the link up until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, peer } = this.#options
    let pauseMs = pauseMinMs
    while (!signal.aborted) {
      const stoodBefore = this.#lastProblem === ''
      try {
        const connection = await dialPeer(this.#options, { channel: 'raft', signal })
        this.#noteProblem('')
        pauseMs = pauseMinMs
        await this.#serve(connection, signal)
        this.#options.onLost(peer.id)
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof HandshakeRefused) pauseMs = pauseMaxMs
        if (stoodBefore && error instanceof NetworkError && error.code === 'ECONNREFUSED')
          this.#options.onGone(peer.id)
        this.#noteProblem(error instanceof Error ? error.message : String(error))
      }
      await sleep(clock, jitter(random, pauseMs, 0.5), signal)
      pauseMs = Math.min(pauseMs * 2, pauseMaxMs)
    }
  }

  /** Resolves when the connection is closed by either side. */
  async #serve(connection: FrameConnection, signal: AbortSignal): Promise<void> {
    this.#connection = connection
    this.#unansweredSinceMs = undefined
    await new Promise<void>((resolve) => {
      const end = () => {
        signal.removeEventListener('abort', end)
        resolve()
      }
      this.#closed = end
      connection.onClose = end
      // Nothing comes back on this connection but its end.
      connection.onFrame = () => {}
      signal.addEventListener('abort', end, { once: true })
    })
    this.#connection = undefined
    this.#closed = undefined
    connection.close()
  }

  /** Logs a problem when it is new, not at each of ten tries a second. */
  #noteProblem(problem: string): void {
    const { log, peer } = this.#options
    if (problem === this.#lastProblem) return
    this.#lastProblem = problem
    const fields = { peer: peer.name, address: formatAddress(peer.address) }
    if (problem === '') log.info('raft peer connected', fields)
    else log.warn('raft peer not reachable', { ...fields, problem })
  }
}

/**
 * Dials a peer and shakes hands.
 * @throws NetworkError, HandshakeRefused, FrameError, or the signal's reason
 */
export async function dialPeer(
  options: Pick<LinkOptions, 'clock' | 'network' | 'tls' | 'rules' | 'peer'>,
  call: { readonly channel: Channel; readonly signal: AbortSignal },
): Promise<FrameConnection> {
  const { clock, network, tls, rules, peer } = options
  const { channel, signal } = call
  const { clusterId, id: from, storeUuid } = rules
  const address = peer.address
  const connection = await network.dialFrames({
    address,
    tls,
    frameBytesMax,
    timeoutMs: connectTimeoutMs,
    signal,
  })
  try {
    const attempted = `raft handshake with ${peer.name} at ${formatAddress(address)}`
    const answer = await withDeadline(
      { clock, timeoutMs: connectTimeoutMs, attempted, parent: signal },
      (deadline) => {
        const frame = nextFrame(connection, deadline)
        connection.send(encodeHello({ clusterId, from, to: peer.id, storeUuid, channel }))
        return frame
      },
    )
    const hello = decodeAnswer(answer)
    if (hello.from !== peer.id)
      throw new HandshakeRefused(`${peer.name} answers as ${hello.from}, expected ${peer.id}`)
    const refusal = whyRefuse(rules, hello)
    if (refusal !== undefined) throw new HandshakeRefused(refusal)
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

function nextFrame(connection: FrameConnection, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    connection.onFrame = (frame) => {
      connection.onFrame = () => {}
      resolve(frame)
    }
    connection.onClose = (reason) =>
      reject(
        new NetworkError({
          code: 'ECONNRESET',
          message: `closed during the handshake: ${reason}`,
          maybeDelivered: true,
        }),
      )
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

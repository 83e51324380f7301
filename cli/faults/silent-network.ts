/**
 * A network whose links can be cut so that bytes vanish silently: `skedia cut`. Sockets stay open, what is
 * sent is swallowed, what arrives is not read out, new connections open and then say nothing, and dials
 * wait until their time is over. That is what a firewall that drops looks like to raft and to clients; it
 * needs no root, touches no kernel table, and ends with the process.
 *
 * Framed connections only: they are all that a store member has (peers and clients alike).
 */
import type { Clock } from '../../platform/clock.ts'
import { type FrameConnection, formatAddress, type Network, NetworkError } from '../../platform/network.ts'

/** A network together with the switch that cuts it. */
export interface SilentNetwork {
  readonly network: Network
  cut(): void
  heal(): void
  isCut(): boolean
}

interface LinkState {
  isCut: boolean
  readonly open: Set<SilentConnection>
}

/** Wraps `network`. */
export function createSilentNetwork(network: Network, clock: Clock): SilentNetwork {
  const state: LinkState = { isCut: false, open: new Set() }
  return {
    cut: () => {
      state.isCut = true
    },
    heal: () => {
      state.isCut = false
      for (const connection of [...state.open]) connection.breakOnGap()
    },
    isCut: () => state.isCut,
    network: {
      ...network,
      listenFrames: (options) =>
        network.listenFrames({
          ...options,
          onConnection: (connection) => options.onConnection(new SilentConnection(connection, state)),
        }),
      dialFrames: async (options) => {
        if (state.isCut) return silence(clock, options)
        return new SilentConnection(await network.dialFrames(options), state)
      },
    },
  }
}

/** A dial that meets nobody: it fails when its time is over. */
function silence(clock: Clock, options: Parameters<Network['dialFrames']>[0]): Promise<FrameConnection> {
  return new Promise((_, reject) => {
    const fail = (code: string, message: string) => {
      timer.cancel()
      options.signal?.removeEventListener('abort', onAbort)
      reject(
        new NetworkError({
          code,
          message: `cannot connect to ${formatAddress(options.address)}: ${message}`,
          maybeDelivered: false,
        }),
      )
    }
    const onAbort = () => fail('EABORTED', 'aborted')
    const timer = clock.setTimer(options.timeoutMs, () =>
      fail('ETIMEDOUT', `no answer within ${options.timeoutMs} ms`),
    )
    options.signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/**
 * A connection that may fall silent. A frame lost in silence is lost for good, and an ordered stream must
 * not go on behind a gap: a connection that swallowed one is closed when the links are healed, as TCP
 * would have reset it. A close of the other side is not seen either until then.
 */
class SilentConnection implements FrameConnection {
  onFrame: (frame: Uint8Array) => void = () => {}
  onClose: (reason: string) => void = () => {}
  readonly #inner: FrameConnection
  readonly #state: LinkState
  #hasGap = false

  constructor(inner: FrameConnection, state: LinkState) {
    this.#inner = inner
    this.#state = state
    state.open.add(this)
    inner.onFrame = (frame) => {
      if (state.isCut) this.#hasGap = true
      else this.onFrame(frame)
    }
    inner.onClose = (reason) => {
      if (state.isCut) this.#hasGap = true
      else if (state.open.delete(this)) this.onClose(reason)
    }
  }

  get peer() {
    return this.#inner.peer
  }

  get remote() {
    return this.#inner.remote
  }

  send(frame: Uint8Array): void {
    if (this.#state.isCut) this.#hasGap = true
    else this.#inner.send(frame)
  }

  bufferedBytes(): number {
    return this.#inner.bufferedBytes()
  }

  close(): void {
    this.#state.open.delete(this)
    this.#inner.close()
  }

  /** Closes the connection if anything was lost on it; no-op else. */
  breakOnGap(): void {
    if (!this.#hasGap || !this.#state.open.delete(this)) return
    this.#inner.close()
    this.onClose('frames were lost while the links were cut')
  }
}

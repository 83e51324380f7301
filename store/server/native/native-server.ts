/** Listens for clients of the native protocol and fans leadership news and flushes out to their sessions. */
import type { Address, Listener, Network, TlsIdentity } from '../../../platform/network.ts'
import { type MemberHello, requestFrameBytesMax } from '../../native-protocol.ts'
import type { StoreService } from '../service.ts'
import { Session } from './session.ts'

/** Connections at most; further ones are closed at once. */
const sessionsMax = 10_000

export interface NativeServerOptions {
  readonly address: Address
  readonly tls: TlsIdentity
  readonly service: StoreService
  readonly hello: MemberHello
  readonly onWatch: () => void
}

export interface NativeServer {
  readonly address: Address
  /** Tells every client who leads. */
  tellLeader(): void
  /** Sends what has gathered in the sessions. */
  flush(): void
  close(): Promise<void>
}

/** @throws NetworkError when the address cannot be listened on */
export async function startNativeServer(
  network: Network,
  options: NativeServerOptions,
): Promise<NativeServer> {
  const { service, hello, onWatch } = options
  const sessions = new Set<Session>()
  let dirty: Session[] = []
  const host = {
    service,
    hello,
    onWatch,
    onDirty: (session: Session) => {
      dirty.push(session)
    },
    onEnd: (session: Session) => {
      sessions.delete(session)
    },
  }
  const listener: Listener = await network.listenFrames({
    address: options.address,
    tls: options.tls,
    frameBytesMax: requestFrameBytesMax,
    onConnection: (connection) => {
      if (sessions.size >= sessionsMax) connection.close()
      else sessions.add(new Session(connection, host))
    },
  })
  const flush = () => {
    const ready = dirty
    dirty = []
    for (const session of ready) session.flush()
  }
  return {
    address: listener.address,
    tellLeader: () => {
      const hint = service.leaderHint()
      for (const session of sessions) session.tellLeader(hint)
      flush()
    },
    flush,
    close: async () => {
      flush()
      for (const session of [...sessions]) session.end()
      await listener.close()
    },
  }
}

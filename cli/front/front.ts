/**
 * The stable address before several apiservers: a TCP proxy that passes TLS through, so clients see the
 * apiservers' certificates and apiservers see the clients'. Each new connection goes to the ready backend
 * with the fewest. A backend that refuses loses its connections at once, and one that stays silent soon, so
 * that clients come back and find another; one that answers "not ready" only gets no new ones while another
 * is ready.
 *
 * How it fails: with no backend alive a new connection waits up to `dialWindowMs` for one and is then
 * closed, which clients see as a refused server and try again.
 */
import { messageOf } from '../../platform/assert.ts'
import { sleep } from '../../platform/clock.ts'
import { type Address, type ByteConnection, formatAddress, type TlsIdentity } from '../../platform/network.ts'
import type { Component, Powers } from '../../platform/powers.ts'
import { TaskGroup } from '../../platform/tasks.ts'
import { type Backend, BackendPool } from './backend-pool.ts'
import { watchBackend } from './backend-watch.ts'

export interface FrontConfig {
  readonly listen: Address
  /** The apiservers. */
  readonly backends: readonly Address[]
  /** For health checks only: whom to trust, and who asks. */
  readonly tls: TlsIdentity
}

export interface Front extends Component {
  readonly address: Address
  /** Whether a backend is ready. */
  isReady(): boolean
  describe(): readonly { readonly backend: string; readonly state: string; readonly connections: number }[]
}

type FrontPowers = Pick<Powers, 'clock' | 'network' | 'log' | 'metrics'>

/** How long a new connection waits for a backend that takes it. */
export const dialWindowMs = 5_000
const dialTimeoutMs = 1_000
const retryMs = 25

/** Listens and begins to watch the backends. @throws NetworkError EADDRINUSE */
export async function startFront(powers: FrontPowers, config: FrontConfig): Promise<Front> {
  const tasks = new TaskGroup((error, name) => powers.log.warn(`front: ${name} ended`, { error }))
  const pool = new BackendPool(config.backends)
  const health = powers.network.httpClient({ tls: config.tls, connectTimeoutMs: dialTimeoutMs })
  const connections = powers.metrics.counter({
    name: 'skedia_front_connections_total',
    help: 'Connections passed to each apiserver.',
    labels: ['backend'],
  })
  const listener = await powers.network.listenBytes({
    address: config.listen,
    onConnection: (client) =>
      tasks.run('connection', async (signal) => {
        const backend = await pass(powers, pool, client, signal)
        if (backend) connections.add(1, { backend: backend.name })
      }),
  })
  for (const backend of pool.backends) {
    tasks.run(`watch of ${backend.name}`, (signal) => watchBackend(powers, health, backend, signal))
  }
  powers.log.info('front listens', { address: formatAddress(listener.address) })
  return {
    address: listener.address,
    isReady: () => pool.backends.some((backend) => backend.state === 'ready'),
    describe: () =>
      pool.backends.map((backend) => ({
        backend: backend.name,
        state: backend.state,
        connections: backend.connections.size,
      })),
    close: async () => {
      await listener.close()
      for (const backend of pool.backends) backend.drop()
      await tasks.close()
      health.close()
    },
  }
}

/** Carries one connection from its beginning to its end; gives the backend that took it. */
async function pass(
  powers: FrontPowers,
  pool: BackendPool,
  client: ByteConnection,
  signal: AbortSignal,
): Promise<Backend | undefined> {
  const dialled = await dial(powers, pool, signal)
  if (dialled === undefined) {
    client.cancel()
    return undefined
  }
  const { backend, upstream } = dialled
  const close = () => {
    client.cancel()
    upstream.cancel()
  }
  backend.connections.add(close)
  signal.addEventListener('abort', close, { once: true })
  try {
    await Promise.all([copy(client, upstream, close), copy(upstream, client, close)])
  } finally {
    signal.removeEventListener('abort', close)
    backend.connections.delete(close)
    close()
  }
  return backend
}

async function dial(
  powers: FrontPowers,
  pool: BackendPool,
  signal: AbortSignal,
): Promise<{ backend: Backend; upstream: ByteConnection } | undefined> {
  const deadlineMs = powers.clock.monotonicMs() + dialWindowMs
  while (!signal.aborted && powers.clock.monotonicMs() < deadlineMs) {
    for (const backend of pool.candidates()) {
      try {
        const upstream = await powers.network.dialBytes({
          address: backend.address,
          timeoutMs: dialTimeoutMs,
          signal,
        })
        return { backend, upstream }
      } catch (error) {
        backend.markDead(messageOf(error))
      }
    }
    try {
      await sleep(powers.clock, retryMs, signal)
    } catch {
      return undefined // the front closes
    }
  }
  return undefined
}

/** Copies until the end of one direction; an error ends both. */
async function copy(from: ByteConnection, to: ByteConnection, onError: () => void): Promise<void> {
  try {
    for (let chunk = await from.read(); chunk !== undefined; chunk = await from.read()) await to.write(chunk)
    to.end()
  } catch {
    onError() // a reset or a closed side: the other learns it by its socket being closed
  }
}

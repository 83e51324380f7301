/**
 * Asks one apiserver's `/readyz` over and over. Ready means that its store answers, which without a quorum takes
 * longer than the front waits; so an apiserver that says nothing is asked `/livez` as well. One that answers that
 * lives, and knows better than a closed socket what to tell its clients (503 or 504, with the reason).
 */
import { messageOf } from '../../platform/assert.ts'
import { DeadlineExceeded, sleep } from '../../platform/clock.ts'
import { formatAddress, type HttpClient } from '../../platform/network.ts'
import type { Powers } from '../../platform/powers.ts'
import { fetchText } from '../health/http-text.ts'
import type { Backend } from './backend-pool.ts'

/** Between two questions to a backend that is ready. */
export const checkMs = 250
/** Between two questions to one that is not: its return should be seen soon. */
export const checkUnreadyMs = 50
/** Silence of this long earns no new connections: a paused apiserver still takes them. */
export const checkTimeoutMs = 600
/** Runs until `signal` aborts. */
export async function watchBackend(
  powers: Pick<Powers, 'clock' | 'log'>,
  client: HttpClient,
  backend: Backend,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const before = backend.state
    await judge(powers, client, backend, signal)
    if (signal.aborted) return
    if (backend.state !== before) {
      powers.log.info(`${backend.name} is ${backend.state}`, backend.reason ? { reason: backend.reason } : {})
    }
    try {
      await sleep(powers.clock, backend.state === 'ready' ? checkMs : checkUnreadyMs, signal)
    } catch {
      return // the front closes
    }
  }
}

/** One round. Silence to both questions is death; to one it may be a busy machine, and to drop every watch for that is worse. */
async function judge(
  powers: Pick<Powers, 'clock'>,
  client: HttpClient,
  backend: Backend,
  signal: AbortSignal,
): Promise<void> {
  const statusOf = async (path: string): Promise<number> => {
    const url = `https://${formatAddress(backend.address)}${path}`
    return (await fetchText(powers, client, { url, timeoutMs: checkTimeoutMs, signal })).status
  }
  try {
    backend.markAnswered((await statusOf('/readyz')) === 200)
  } catch (error) {
    if (signal.aborted) return
    if (!(error instanceof DeadlineExceeded)) return backend.markDead(messageOf(error))
    if (backend.state !== 'dead') backend.markAnswered(false)
    try {
      await statusOf('/livez')
      backend.markAnswered(false)
    } catch {
      if (!signal.aborted) backend.markDead(messageOf(error))
    }
  }
}

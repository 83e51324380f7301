/** Asks one apiserver's `/readyz` over and over. */
import { messageOf } from '../../platform/assert.ts'
import { sleep } from '../../platform/clock.ts'
import { formatAddress, type HttpClient } from '../../platform/network.ts'
import type { Powers } from '../../platform/powers.ts'
import { fetchText } from '../health/http-text.ts'
import type { Backend } from './backend-pool.ts'

/** Between two questions to a backend that is ready. */
export const checkMs = 250
/** Between two questions to one that is not: its return should be seen soon. */
export const checkUnreadyMs = 50
/** Silence of this long is death: a paused apiserver still takes connections. */
export const checkTimeoutMs = 600

/** Runs until `signal` aborts. */
export async function watchBackend(
  powers: Pick<Powers, 'clock' | 'log'>,
  client: HttpClient,
  backend: Backend,
  signal: AbortSignal,
): Promise<void> {
  const url = `https://${formatAddress(backend.address)}/readyz`
  while (!signal.aborted) {
    const before = backend.state
    try {
      const { status } = await fetchText(powers, client, { url, timeoutMs: checkTimeoutMs, signal })
      backend.markAnswered(status === 200)
    } catch (error) {
      if (signal.aborted) return
      backend.markDead(messageOf(error))
    }
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

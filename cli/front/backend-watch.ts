/** Asks one apiserver's `/readyz` over and over. */
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
/** So often in a row silence is death; once may be a busy machine, and to drop every watch for that is worse. */
export const silencesMax = 2

/** Runs until `signal` aborts. */
export async function watchBackend(
  powers: Pick<Powers, 'clock' | 'log'>,
  client: HttpClient,
  backend: Backend,
  signal: AbortSignal,
): Promise<void> {
  const url = `https://${formatAddress(backend.address)}/readyz`
  let silences = 0
  while (!signal.aborted) {
    const before = backend.state
    try {
      const { status } = await fetchText(powers, client, { url, timeoutMs: checkTimeoutMs, signal })
      silences = 0
      backend.markAnswered(status === 200)
    } catch (error) {
      if (signal.aborted) return
      silences = error instanceof DeadlineExceeded ? silences + 1 : silencesMax
      if (silences >= silencesMax) backend.markDead(messageOf(error))
      else backend.markAnswered(false)
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

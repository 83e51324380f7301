import t from 'tap'
import { type Backoff, backoffAfterRestarts, crashBackoffLimits, nextBackoff, retryAtMs } from './backoff.ts'

t.test('the wait doubles from 10 s to 300 s and stays there', async (t) => {
  let backoff: Backoff | undefined
  const delays: number[] = []
  for (let tries = 0; tries < 8; tries += 1) {
    backoff = nextBackoff(backoff, tries * 1000)
    delays.push(backoff.delayMs / 1000)
  }
  t.same(delays, [10, 20, 40, 80, 160, 300, 300, 300])
})

t.test('the first failure is tried again at once', async (t) => {
  t.equal(retryAtMs(undefined, 5000), 5000)
})

t.test('later ones wait from the failure on', async (t) => {
  t.equal(retryAtMs({ delayMs: 20_000, sinceMs: 0 }, 5000), 25_000)
})

t.test('a kubelet that did not see the crashes goes on where they led', async (t) => {
  t.equal(backoffAfterRestarts(0, 5), undefined)
  t.same(
    [1, 2, 5, 6, 50].map((restarts) => (backoffAfterRestarts(restarts, 5)?.delayMs ?? 0) / 1000),
    [10, 20, 160, 300, 300],
  )
})

t.test('what ran for ten minutes starts anew', async (t) => {
  const old = { delayMs: 160_000, sinceMs: 0 }
  t.equal(retryAtMs(old, crashBackoffLimits.forgetAfterMs + 1), crashBackoffLimits.forgetAfterMs + 1)
  t.equal(nextBackoff(old, crashBackoffLimits.forgetAfterMs + 1).delayMs, 10_000)
  t.equal(nextBackoff(old, crashBackoffLimits.forgetAfterMs).delayMs, 300_000)
})

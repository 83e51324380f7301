/**
 * Breaks something while two clients write, and says what they saw: one through the store's own protocol,
 * one through kubectl's address. Afterwards every acknowledged write is read back.
 */
import { sleep } from '../../platform/clock.ts'
import type { Powers } from '../../platform/powers.ts'
import { CliError } from '../cli-error.ts'
import type { FoundCluster } from '../cluster/location.ts'
import type { Acted } from '../supervisor/supervisor.ts'
import { apiTarget, type ProbeTarget, storeTarget } from './probe-targets.ts'
import { WriteProbe } from './write-probe.ts'
import { compareWithStored, type FaultFigures, figuresOf, isFlowing } from './write-record.ts'

/** What `kill leader --json` prints, besides who was hit. */
export interface FaultReport {
  readonly acted: Acted
  readonly failoverMs: number | null
  readonly apiFailoverMs: number | null
  readonly delayed: number
  readonly lost: number
  readonly duplicated: number
  readonly acknowledged: number
  /** Writes flowed again before the time was over. */
  readonly recovered: boolean
}

/** Acknowledged writes before the fault is injected, and again after it. */
const flowingCount = 15
const warmUpTimeoutMs = 8_000
const recoveryTimeoutMs = 20_000
const pollMs = 10

interface Track {
  readonly target: ProbeTarget
  readonly probe: WriteProbe
}

/** @throws CliError E_NO_QUORUM when writes do not even flow before the fault */
export async function measureFault(
  powers: Powers,
  found: FoundCluster,
  inject: () => Promise<Acted>,
): Promise<FaultReport> {
  const run = Array.from(powers.random.bytes(4), (byte) => byte.toString(16).padStart(2, '0')).join('')
  const track = (target: ProbeTarget): Track => ({
    target,
    probe: new WriteProbe(powers.clock, (sequence, signal) => target.write(sequence, signal)),
  })
  const store = track(storeTarget(powers, found, run))
  const api = track(apiTarget(powers, found, run))
  const both = [store, api]
  try {
    for (const one of both) one.probe.start()
    await warmUp(powers, both)
    const acted = await inject()
    // Both clocks are this machine's: the supervisor's stamp is brought onto this process's monotonic clock.
    const faultMs = powers.clock.monotonicMs() - (powers.clock.wallMs() - acted.atMs)
    const hasRecovered = await untilFlowing(powers, both, faultMs, recoveryTimeoutMs)
    await Promise.all(both.map((one) => one.probe.finish(hasRecovered ? 3_000 : 500)))
    return await report({ acted, store, api, faultMs, hasRecovered })
  } finally {
    await Promise.all(both.map((one) => one.probe.finish(0)))
    await Promise.allSettled(both.map((one) => one.target.close()))
  }
}

async function warmUp(powers: Powers, tracks: readonly Track[]): Promise<void> {
  if (await untilFlowing(powers, tracks, powers.clock.monotonicMs(), warmUpTimeoutMs)) return
  const reason = tracks.flatMap((one) => one.probe.records().flatMap((record) => record.error ?? [])).at(-1)
  throw new CliError({
    code: 'E_NO_QUORUM',
    message: 'writes do not flow, so there is nothing to measure',
    found: reason ?? `no steady acknowledgements within ${warmUpTimeoutMs / 1000} s`,
    fixes: [
      { command: 'skedia status', why: 'who is missing' },
      { command: 'skedia kill m1 --no-measure', why: 'break it all the same' },
    ],
  })
}

async function untilFlowing(
  powers: Powers,
  tracks: readonly Track[],
  sinceMs: number,
  timeoutMs: number,
): Promise<boolean> {
  const deadlineMs = powers.clock.monotonicMs() + timeoutMs
  for (;;) {
    const nowMs = powers.clock.monotonicMs()
    if (
      tracks.every((one) => isFlowing(one.probe.records(), { faultMs: sinceMs, nowMs, count: flowingCount }))
    )
      return true
    if (nowMs > deadlineMs) return false
    await sleep(powers.clock, pollMs)
  }
}

async function report(input: {
  readonly acted: Acted
  readonly store: Track
  readonly api: Track
  readonly faultMs: number
  readonly hasRecovered: boolean
}): Promise<FaultReport> {
  const { acted, store, api, faultMs, hasRecovered } = input
  const figures = figuresOf(store.probe.records(), faultMs)
  const apiFigures = figuresOf(api.probe.records(), faultMs)
  const verdicts = hasRecovered
    ? await Promise.all(
        [store, api].map(async (one) => compareWithStored(one.probe.records(), await one.target.readBack())),
      )
    : []
  return {
    acted,
    // Acknowledgements that were under way at the fault end no failover: without recovery there is no figure.
    failoverMs: hasRecovered ? rounded(figures) : null,
    apiFailoverMs: hasRecovered ? rounded(apiFigures) : null,
    delayed: figures.delayed,
    lost: sum(verdicts.map((verdict) => verdict.lost.length)),
    duplicated: sum(verdicts.map((verdict) => verdict.duplicated.length)),
    acknowledged: figures.acknowledged + apiFigures.acknowledged,
    recovered: hasRecovered,
  }
}

function rounded(figures: FaultFigures): number | null {
  return figures.failoverMs === undefined ? null : Math.round(figures.failoverMs)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/**
 * What the simulated cluster is asked to do while it is being broken: plain writes to the store, objects
 * through the API, and a Deployment that is created, scaled and rolled over. Every acknowledged write is
 * remembered, to be read back at the end.
 */
import { deployments } from '../../api/apps/deployment.ts'
import { configMaps } from '../../api/core/config-map.ts'
import { isAlreadyExists, isConflict } from '../../api/meta/status.ts'
import type { ConfigMap, Deployment } from '../../api/types.ts'
import type { ApiClient } from '../../client/index.ts'
import { sleep } from '../../platform/clock.ts'
import type { Powers } from '../../platform/powers.ts'
import type { StoreClient } from '../../store/client/index.ts'

export interface AcknowledgedWrite {
  readonly key: string
  readonly value: string
  readonly revision: number
}

export interface WorkloadHistory {
  /** Store writes that were acknowledged, in order of acknowledgement. */
  readonly storeWrites: AcknowledgedWrite[]
  /** Names of ConfigMaps whose creation was acknowledged. */
  readonly configMaps: string[]
  /** Compare-and-swap increments of one counter that were acknowledged, and those whose outcome is unknown. */
  readonly counter: { acknowledged: number; unknown: number }
  /** What the rollout has been asked to end as, once acknowledged. */
  readonly wanted: { replicas: number; image: string }
}

const text = new TextEncoder()
export const counterKey = '/sim/counter'
const writeEveryMs = 50
const configMapEveryMs = 400

/** Writes distinct keys one after the other; a write of unknown outcome is neither counted nor retried. */
export async function writeToStore(
  powers: Powers,
  store: StoreClient,
  history: WorkloadHistory,
  untilMs: number,
): Promise<void> {
  for (let number = 0; powers.clock.monotonicMs() < untilMs; number += 1) {
    const key = `/sim/write/${String(number).padStart(6, '0')}`
    const value = `value ${number}`
    try {
      const { revision, succeeded } = await store.txn(
        {
          compare: [{ key: text.encode(key), target: 'create', operator: '=', value: 0 }],
          success: [{ type: 'put', key: text.encode(key), value: text.encode(value) }],
          failure: [],
        },
        { timeoutMs: 2000 },
      )
      if (!succeeded) throw new WorkloadViolation(`the key ${key} existed before it was ever written`)
      history.storeWrites.push({ key, value, revision })
    } catch (error) {
      if (error instanceof WorkloadViolation) throw error
      // A failed or unknown write promises nothing: only acknowledged ones are read back.
      powers.log.debug('a store write failed', { key, error })
    }
    await sleep(powers.clock, writeEveryMs)
  }
}

/**
 * Counts up one key by compare-and-swap: its final value must lie between acknowledged and acknowledged +
 * unknown, and no linearizable read may show less than what was acknowledged before it was asked.
 */
export async function countUp(
  powers: Powers,
  store: StoreClient,
  history: WorkloadHistory,
  untilMs: number,
): Promise<void> {
  const key = text.encode(counterKey)
  let acknowledgedValue = 0
  while (powers.clock.monotonicMs() < untilMs) {
    let isSent = false
    try {
      const { kvs } = await store.range({ key }, { timeoutMs: 1000 })
      const current = kvs[0]
      const found = current === undefined ? 0 : Number(new TextDecoder().decode(current.value))
      if (found < acknowledgedValue) {
        throw new WorkloadViolation(
          `a stale read: the counter reads ${found} after ${acknowledgedValue} was acknowledged`,
        )
      }
      const next = found + 1
      isSent = true
      const { succeeded } = await store.txn(
        {
          compare: [{ key, target: 'mod', operator: '=', value: current?.modRevision ?? 0 }],
          success: [{ type: 'put', key, value: text.encode(String(next)) }],
          failure: [],
        },
        { timeoutMs: 1000 },
      )
      if (!succeeded) continue
      history.counter.acknowledged += 1
      acknowledgedValue = next
    } catch (error) {
      if (error instanceof WorkloadViolation) throw error
      if (isSent) history.counter.unknown += 1
      powers.log.debug('a counter step failed', { error })
    } finally {
      await sleep(powers.clock, writeEveryMs)
    }
  }
}

/** Creates ConfigMaps through the API. */
export async function createConfigMaps(
  powers: Powers,
  api: ApiClient,
  history: WorkloadHistory,
  untilMs: number,
): Promise<void> {
  for (let number = 0; powers.clock.monotonicMs() < untilMs; number += 1) {
    const name = `sim-${number}`
    const object: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'default' },
      data: { number: String(number) },
    }
    try {
      await api.resource(configMaps, 'default').create(object)
      history.configMaps.push(name)
    } catch (error) {
      if (isAlreadyExists(error)) history.configMaps.push(name) // an earlier attempt of the client's own got through
      powers.log.debug('a ConfigMap was not created', { name, error })
    }
    await sleep(powers.clock, configMapEveryMs)
  }
}

function webDeployment(replicas: number, image: string): Deployment {
  const labels = { app: 'web' }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image }] } },
    },
  }
}

/** Repeats `attempt` until it succeeds: what a person at a terminal does. */
async function insist(powers: Powers, what: string, attempt: () => Promise<unknown>): Promise<void> {
  while (true) {
    try {
      await attempt()
      return
    } catch (error) {
      if (isAlreadyExists(error)) return
      if (!isConflict(error)) powers.log.debug(`could not ${what}, trying again`, { error })
      await sleep(powers.clock, 250)
    }
  }
}

export interface RolloutTimes {
  readonly createAtMs: number
  readonly scaleAtMs: number
  readonly updateAtMs: number
}

/** Creates the Deployment `web`, scales it, then rolls it over to another image. */
export async function rollOut(
  powers: Powers,
  api: ApiClient,
  history: WorkloadHistory,
  times: RolloutTimes,
): Promise<void> {
  const { clock } = powers
  const client = api.resource(deployments, 'default')
  await sleep(clock, Math.max(0, times.createAtMs - clock.monotonicMs()))
  await insist(powers, 'create the Deployment', () => client.create(webDeployment(3, 'skedia.local/web:1')))
  await sleep(clock, Math.max(0, times.scaleAtMs - clock.monotonicMs()))
  await insist(powers, 'scale the Deployment', () =>
    client.patch('web', { spec: { replicas: 5 } }, { type: 'merge' }),
  )
  history.wanted.replicas = 5
  await sleep(clock, Math.max(0, times.updateAtMs - clock.monotonicMs()))
  const template = { spec: { containers: [{ name: 'web', image: 'skedia.local/web:2' }] } }
  await insist(powers, 'update the Deployment', () =>
    client.patch('web', { spec: { template } }, { type: 'strategic' }),
  )
  history.wanted.image = 'skedia.local/web:2'
}

/** The workload itself saw something that must not be. */
export class WorkloadViolation extends Error {
  readonly code = 'E_VIOLATION'
  constructor(message: string) {
    super(message)
    this.name = 'WorkloadViolation'
  }
}

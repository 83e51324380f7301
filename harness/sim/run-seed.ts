/**
 * One seed, from an empty cluster to a verdict:
 *
 *     0 s          3 s                      15 s                    ≥ 20 s
 *     start ───────┬── faults ──────────────┬── all healed ── rest ─┬── final checks
 *                  └ rollout created, scaled, updated meanwhile     └ converged within 60 s, or violated
 */
import type { ApiClient } from '../../client/index.ts'
import { messageOf } from '../../platform/assert.ts'
import { type SimProcess, SimWorld } from '../../platform/sim/index.ts'
import { SimCluster } from './cluster.ts'
import { carryOut, drawFaults, type Fault } from './faults.ts'
import { findDivergence, findLostWrites, findWatchGaps, readRollout } from './final-checks.ts'
import { Observer } from './observer.ts'
import { countUp, createConfigMaps, rollOut, type WorkloadHistory, writeToStore } from './workload.ts'

const faultWindow = { startMs: 3000, endMs: 15_000, countMax: 10 }
const leastVirtualMs = 20_000
const convergeWithinMs = 90_000
const finalChecksWithinMs = 30_000

export interface SeedResult {
  readonly seed: string
  /** Empty: held. */
  readonly violations: readonly string[]
  readonly traceHash: string
  readonly events: number
  readonly virtualMs: number
  readonly faults: readonly Fault[]
  readonly acknowledgedWrites: number
  /** The last log lines, kept for a violated run or on request. */
  readonly log: readonly string[]
}

class SeedRun {
  readonly world: SimWorld
  readonly cluster: SimCluster
  readonly history: WorkloadHistory = {
    storeWrites: [],
    configMaps: [],
    counter: { acknowledged: 0, unknown: 0 },
    wanted: { replicas: 3, image: 'skedia.local/web:1' },
  }
  readonly faults: readonly Fault[]
  readonly #outside: SimProcess
  readonly #api: ApiClient
  readonly #observer: Observer

  constructor(seed: bigint) {
    this.world = new SimWorld(seed)
    this.cluster = new SimCluster(this.world)
    const names = { members: this.cluster.members, all: this.cluster.names }
    this.faults = drawFaults(this.world.random.fork('faults'), names, faultWindow)
    this.#outside = this.world.startProcess({ name: 'outside', machine: this.world.machine('outside') })
    this.#api = this.cluster.apiClient(this.#outside.powers, this.cluster.adminIdentity(), 'outside')
    this.#observer = new Observer(this.world, this.cluster.storeClient(this.#outside.powers))
  }

  async run(): Promise<void> {
    const { world, cluster, history } = this
    cluster.startAll()
    for (const fault of this.faults) {
      world.loop.schedule({
        delayUs: fault.atMs * 1000,
        label: `fault ${fault.kind}`,
        run: () => carryOut(cluster, fault),
      })
    }
    const { powers } = this.#outside
    const store = cluster.storeClient(powers)
    let isRolledOut = false
    this.#background('observer', this.#observer.run())
    this.#background('store writes', writeToStore(powers, store, history, faultWindow.endMs + 2000))
    this.#background('counter', countUp(powers, store, history, faultWindow.endMs + 2000))
    this.#background('ConfigMaps', createConfigMaps(powers, this.#api, history, faultWindow.endMs))
    const times = { createAtMs: 2000, scaleAtMs: 6000, updateAtMs: 9500 }
    this.#background(
      'rollout',
      rollOut(powers, this.#api, history, times).then(() => {
        isRolledOut = true
      }),
    )
    await world.run(leastVirtualMs)
    if (
      !(await this.#until(convergeWithinMs, 'the rollout', async () =>
        isRolledOut ? readRollout(this.#api, history.wanted) : 'the rollout was never accepted',
      ))
    )
      return
    if (history.storeWrites.length === 0 || history.configMaps.length === 0)
      world.violate('nothing was ever acknowledged: the run proves nothing')
    await this.#checkEnd()
  }

  /** Repeats `problem` in virtual time until it finds none. */
  async #until(withinMs: number, what: string, problem: () => Promise<string | undefined>): Promise<boolean> {
    const { world } = this
    let last: string | undefined = 'never asked'
    let isAsking = false
    const ask = (): void => {
      isAsking = true
      problem().then(
        (found) => {
          last = found
          isAsking = false
        },
        (error: unknown) => {
          last = messageOf(error)
          isAsking = false
        },
      )
    }
    const deadlineMs = world.nowMs + withinMs
    while (world.violations.length === 0) {
      if (!isAsking) ask()
      await world.run(100)
      if (last === undefined) return true
      if (world.nowMs >= deadlineMs) {
        world.violate(
          `${what} did not come to rest within ${withinMs / 1000} s after the last fault: ${last}`,
        )
      }
    }
    return false
  }

  async #checkEnd(): Promise<void> {
    const { world, cluster, history } = this
    const { powers } = this.#outside
    const store = cluster.storeClient(powers)
    const members = cluster.members.map((name) => ({ name, store: cluster.storeClient(powers, [name]) }))
    const check = async (): Promise<readonly string[]> => [
      ...(await findLostWrites(store, this.#api, history)),
      ...(await findDivergence(members, this.#observer.revision)),
      ...(await findWatchGaps(store, this.#observer)),
    ]
    let problems: readonly string[] = []
    const checked = await this.#until(finalChecksWithinMs, 'the final checks', async () => {
      problems = await check()
      return undefined
    })
    if (checked) for (const problem of problems.slice(0, 10)) world.violate(problem)
  }

  #background(name: string, task: Promise<void>): void {
    task.catch((error: unknown) => this.world.violate(`${name}: ${messageOf(error)}`))
  }
}

/** Runs one seed to its verdict. `onUnhandled` receives a function that reports an unhandled rejection of this run. */
export async function runSeed(
  seed: bigint,
  options: { readonly keepLog?: boolean; readonly onStart?: (report: (error: unknown) => void) => void } = {},
): Promise<SeedResult> {
  const run = new SeedRun(seed)
  options.onStart?.((error) =>
    run.world.violate(
      `unhandled rejection: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    ),
  )
  await run.run()
  const { world } = run
  const isViolated = world.violations.length > 0
  return {
    seed: seed.toString(),
    violations: world.violations.map(({ atMs, message }) => `at ${(atMs / 1000).toFixed(3)} s: ${message}`),
    traceHash: world.loop.traceHash,
    events: world.loop.eventCount,
    virtualMs: Math.round(world.nowMs),
    faults: run.faults,
    acknowledgedWrites:
      run.history.storeWrites.length + run.history.configMaps.length + run.history.counter.acknowledged,
    log: isViolated || options.keepLog ? world.logLines : [],
  }
}

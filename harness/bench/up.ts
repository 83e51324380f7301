/**
 * How long until a cluster is Ready, until a pod runs, until writes flow again after the leader is lost by
 * kill, pause and cut; how much memory each process holds; and whether load alone ever caused an election.
 */
import { writeFileSync } from 'node:fs'
import { configMaps } from '../../api/core/config-map.ts'
import { pods } from '../../api/core/pod.ts'
import { sleep } from '../../platform/clock.ts'
import { E2eCluster, parsed } from '../e2e/cluster.ts'
import { User } from '../e2e/user.ts'
import { memoryOf } from './memory.ts'
import { spread } from './statistics.ts'

export interface BenchUpOptions {
  readonly runs: number
  readonly minutes: number
  readonly outFile: string | undefined
}

type Fault = 'kill' | 'pause' | 'cut'

interface Samples {
  readonly readyMs: number[]
  readonly runningMs: number[]
  readonly failoverMs: Record<Fault, number[]>
  readonly apiFailoverMs: Record<Fault, number[]>
}

const mend: Readonly<Record<Fault, string>> = { kill: 'start', pause: 'resume', cut: 'heal' }
const faults: readonly Fault[] = ['kill', 'pause', 'cut']
/** Processes that the memory goal is stated for: m*, a*, c*, s*. */
const controlPlane = /^[macs]\d+$/
const loadEveryMs = 20

/** Runs everything and prints the report. */
export async function benchUp(options: BenchUpOptions): Promise<void> {
  const cluster = new E2eCluster('bench', 22000)
  const user = new User(cluster)
  const samples: Samples = {
    readyMs: [],
    runningMs: [],
    failoverMs: { kill: [], pause: [], cut: [] },
    apiFailoverMs: { kill: [], pause: [], cut: [] },
  }
  try {
    const cold = await cluster.create()
    say(`first start, certificates and all: Ready after ${cold.readyMs} ms`)
    for (let run = 1; run <= options.runs; run += 1) {
      await cluster.mustSkedia('down')
      samples.readyMs.push((await cluster.up()).readyMs)
      samples.runningMs.push(await deployToRunning(cluster, user, run))
      for (const fault of faults) await breakLeader(cluster, fault, samples)
      say(`run ${run} of ${options.runs}: ${JSON.stringify(latest(samples))}`)
    }
    const load = await loadFor(cluster, user, options.minutes)
    const memory = await memoryOfEach(cluster)
    report(options, { samples, memory, load, coldReadyMs: cold.readyMs, runtime: cluster.file.runtime.kind })
  } finally {
    user.close()
    await cluster.purge()
  }
}

/** From the command to the first pod that runs, as a watch of the API shows it. */
async function deployToRunning(cluster: E2eCluster, user: User, run: number): Promise<number> {
  const name = `bench-${run}`
  const { clock } = cluster.powers
  const { resourceVersion } = await user.client.resource(pods, 'default').list()
  const watch = await user.client
    .resource(pods, 'default')
    .watch({ resourceVersion, labelSelector: `app=${name}` })
  const startMs = clock.monotonicMs()
  const created = user.createDeployment(name, 'skedia.local/web:1', 1)
  for (;;) {
    const event = await watch.read()
    if (event === undefined) throw new Error(`the watch for ${name} ended before its pod ran`)
    if (event.type === 'MODIFIED' && event.object.status?.phase === 'Running') break
  }
  const ms = clock.monotonicMs() - startMs
  watch.cancel()
  await created
  return ms
}

async function breakLeader(cluster: E2eCluster, fault: Fault, samples: Samples): Promise<void> {
  await cluster.waitFor('all members', 20_000, async () => (await cluster.status()).toleratesLosing === 1)
  const measured: {
    name: string
    failoverMs: number
    apiFailoverMs: number
    lost: number
    duplicated: number
  } = parsed(await cluster.mustSkedia(fault, 'leader', '--json'))
  if (measured.lost + measured.duplicated > 0) throw new Error(`${fault}: ${JSON.stringify(measured)}`)
  samples.failoverMs[fault].push(measured.failoverMs)
  samples.apiFailoverMs[fault].push(measured.apiFailoverMs)
  await cluster.mustSkedia(mend[fault], measured.name)
}

function latest(samples: Samples) {
  return {
    readyMs: samples.readyMs.at(-1),
    runningMs: Math.round(samples.runningMs.at(-1) ?? 0),
    killMs: samples.failoverMs.kill.at(-1),
    pauseMs: samples.failoverMs.pause.at(-1),
    cutMs: samples.failoverMs.cut.at(-1),
  }
}

interface LoadResult {
  readonly minutes: number
  readonly writes: number
  readonly failed: number
  /** Elections that nobody asked for: how far the term moved under load. */
  readonly elections: number
}

/** Writes through kubectl's address every 20 ms. */
async function loadFor(cluster: E2eCluster, user: User, minutes: number): Promise<LoadResult> {
  const { clock } = cluster.powers
  const termOf = async () => Math.max(...(await cluster.status()).members.map((row) => row.term ?? 0))
  const before = await termOf()
  const target = user.client.resource(configMaps, 'default')
  await target.create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'bench-load', namespace: 'default' },
  })
  const endMs = clock.monotonicMs() + minutes * 60_000
  let writes = 0
  let failed = 0
  while (clock.monotonicMs() < endMs) {
    const nextMs = clock.monotonicMs() + loadEveryMs
    try {
      await target.patch('bench-load', { data: { n: `${writes}` } }, { type: 'merge' })
      writes += 1
    } catch {
      failed += 1 // counted and shown
    }
    await sleep(clock, Math.max(0, nextMs - clock.monotonicMs()))
  }
  return { minutes, writes, failed, elections: (await termOf()) - before }
}

type MemoryRow = { readonly name: string; readonly pssMb: number; readonly rssMb: number }

async function memoryOfEach(cluster: E2eCluster): Promise<readonly MemoryRow[]> {
  const { members, processes } = await cluster.status()
  return [...members, ...processes].flatMap(({ name, pid }) =>
    pid === null ? [] : [{ name, ...memoryOf(pid) }],
  )
}

interface Report {
  readonly samples: Samples
  readonly memory: readonly MemoryRow[]
  readonly load: LoadResult
  readonly coldReadyMs: number
  readonly runtime: string
}

function report(options: BenchUpOptions, found: Report): void {
  const { samples, memory, load } = found
  const perFault = (values: Record<Fault, number[]>) => ({
    kill: spread(values.kill),
    pause: spread(values.pause),
    cut: spread(values.cut),
  })
  const controlPlanePssMb = Math.round(
    memory.filter((row) => controlPlane.test(row.name)).reduce((sum, row) => sum + row.pssMb, 0),
  )
  const result = {
    v: 1,
    runs: options.runs,
    runtime: found.runtime,
    node: process.versions.node,
    coldReadyMs: found.coldReadyMs,
    readyMs: spread(samples.readyMs),
    deployToRunningMs: spread(samples.runningMs),
    failoverMs: perFault(samples.failoverMs),
    apiFailoverMs: perFault(samples.apiFailoverMs),
    load,
    controlPlanePssMb,
    memory: memory.map(({ name, pssMb, rssMb }) => ({
      name,
      pssMb: Math.round(pssMb),
      rssMb: Math.round(rssMb),
    })),
  }
  const row = (what: string, value: { min: number; median: number; max: number }, goal: string) =>
    `${what.padEnd(44)}${`${value.median}`.padStart(8)}${`${value.min}–${value.max}`.padStart(14)}   ${goal}`
  say('')
  say(`${''.padEnd(44)}${'median'.padStart(8)}${'spread'.padStart(14)}   goal (ms)`)
  say(row('up to Ready, warm', result.readyMs, '≤ 3000'))
  say(row('kubectl create deployment to Running', result.deployToRunningMs, '≤ 500'))
  for (const fault of faults) say(row(`${fault} leader to the next write`, result.failoverMs[fault], '≤ 500'))
  for (const fault of faults)
    say(row(`${fault} leader, through kubectl's address`, result.apiFailoverMs[fault], ''))
  say('')
  say(
    `load: ${load.writes} writes in ${load.minutes} minutes, ${load.failed} failed, ${load.elections} elections (goal 0)`,
  )
  say(`control plane: ${controlPlanePssMb} MB of proportional set size (goal ≤ 700)`)
  for (const { name, pssMb, rssMb } of result.memory)
    say(`  ${name.padEnd(6)}${`${pssMb}`.padStart(6)} MB PSS${`${rssMb}`.padStart(6)} MB RSS`)
  say('')
  say(JSON.stringify(result))
  if (options.outFile !== undefined)
    writeFileSync(options.outFile, `${JSON.stringify(result, undefined, 2)}\n`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

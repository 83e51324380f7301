/**
 * The simulation's command:
 *
 *     npm run sim -- --seeds N [--base B] [--jobs J] [--log]
 *
 * Runs seeds B … B+N-1, spread over J worker processes, and every one of them a second time in another process, to
 * compare the trace hashes.
 * Exit 0: all held. 1: violated; the seed and the command that replays it are printed. 64: usage.
 */
import { createNodePowers } from '../../platform/node/powers.ts'
import type { ChildProcess, Processes } from '../../platform/processes.ts'
import type { SeedResult } from './run-seed.ts'

interface Options {
  readonly seeds: number
  readonly base: bigint
  readonly jobs: number
  readonly keepLog: boolean
}

type TimedResult = SeedResult & { readonly wallMs: number }

const usage = 'usage: npm run sim -- --seeds N [--base B] [--jobs J] [--log]\n'

function parseOptions(args: readonly string[]): Options | string {
  const options = { seeds: 100, base: 1n, jobs: 2, keepLog: false }
  for (let index = 0; index < args.length; index += 1) {
    const flag = args[index]
    if (flag === '--log') {
      options.keepLog = true
      continue
    }
    const value = args[(index += 1)] ?? ''
    if (!/^\d+$/.test(value)) return `${flag ?? ''} needs a whole number, found "${value}"`
    if (flag === '--seeds') options.seeds = Number(value)
    else if (flag === '--base') options.base = BigInt(value)
    else if (flag === '--jobs') options.jobs = Math.max(1, Number(value))
    else return `unknown flag ${flag ?? ''}`
  }
  return options
}

/** Seeds that one worker process runs, one after the other: starting a process costs as much as a short run. */
const seedsPerWorker = 10

function chunksOf<T>(items: readonly T[], length: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / length) }, (_, index) =>
    items.slice(index * length, (index + 1) * length),
  )
}

/** Runs seeds in a process of their own. */
function runWorker(
  processes: Processes,
  seeds: readonly bigint[],
  keepLog: boolean,
  onResult: (result: TimedResult) => void,
): Promise<void> {
  const worker = new URL('./worker.js', import.meta.url).pathname
  const args = ['--max-old-space-size=2048', worker, ...(keepLog ? ['--log'] : []), ...seeds.map(String)]
  return processes.spawn({ command: process.execPath, args }).then(async (child: ChildProcess) => {
    let stderr = ''
    child.onLine = (line, stream) => {
      if (stream === 'stdout' && line.startsWith('{'))
        onResult(JSON.parse(line) as TimedResult) // unsafe: the worker's own line
      else stderr += `${line}\n`
    }
    const exit = await child.exited
    if (exit.code !== 0)
      throw new Error(
        `the worker for seeds ${seeds.join(', ')} ended with ${exit.code ?? exit.signal}:\n${stderr}`,
      )
  })
}

function describeHeld(result: TimedResult): string {
  const { seed, traceHash, events, virtualMs, wallMs, faults, acknowledgedWrites } = result
  return `seed ${seed.padStart(6)}  held  trace ${traceHash}  ${String(events).padStart(7)} events  ${(virtualMs / 1000).toFixed(1).padStart(5)} s virtual  ${(wallMs / 1000).toFixed(1).padStart(5)} s  ${String(faults.length).padStart(2)} faults  ${acknowledgedWrites} writes\n`
}

function describeViolated(result: TimedResult): string {
  const log = result.log.slice(-40).map((line) => `    ${line}\n`)
  const faults = result.faults.map((fault) => `    ${JSON.stringify(fault)}\n`)
  return [
    `✗ seed ${result.seed} violated\n`,
    ...result.violations.map((violation) => `  ${violation}\n`),
    '  faults\n',
    ...faults,
    '  last lines of the log\n',
    ...log,
    `  replay  npm run sim -- --seeds 1 --base ${result.seed} --log\n`,
  ].join('')
}

async function run(options: Options): Promise<number> {
  const { processes } = createNodePowers({ component: 'sim', logLevel: 'error' })
  const first = new Map<string, TimedResult>()
  const second = new Map<string, TimedResult>()
  const seeds = Array.from({ length: options.seeds }, (_, index) => options.base + BigInt(index))
  const queue = [
    ...chunksOf(seeds, seedsPerWorker).map((chunk) => ({ chunk, isSecond: false })),
    // Backwards: whatever one run left behind in its process, the second one meets something else.
    ...chunksOf(seeds.toReversed(), seedsPerWorker).map((chunk) => ({ chunk, isSecond: true })),
  ]
  const work = async (): Promise<void> => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) {
      const results = job.isSecond ? second : first
      await runWorker(processes, job.chunk, options.keepLog, (result) => {
        results.set(result.seed, result)
        if (job?.isSecond) return
        process.stdout.write(result.violations.length === 0 ? describeHeld(result) : describeViolated(result))
        if (options.keepLog) process.stdout.write(`${result.log.join('\n')}\n`)
      })
    }
  }
  await Promise.all(Array.from({ length: options.jobs }, work))
  const violated = [...first.values()].filter((result) => result.violations.length > 0)
  const different = [...second.values()].filter(
    (result) => first.get(result.seed)?.traceHash !== result.traceHash,
  )
  for (const result of different) {
    process.stdout.write(
      `✗ seed ${result.seed} is not deterministic: trace ${first.get(result.seed)?.traceHash} in one process, ${result.traceHash} in another\n`,
    )
  }
  const held = first.size - new Set([...violated, ...different].map((result) => result.seed)).size
  process.stdout.write(
    `${held} of ${options.seeds} seeds held; ${second.size} ran in a second process with ${different.length === 0 ? 'the same trace' : `${different.length} different traces`}\n`,
  )
  if (violated.length > 0)
    process.stdout.write(
      `violated: ${violated.map((result) => `npm run sim -- --seeds 1 --base ${result.seed}`).join('; ')}\n`,
    )
  return held === options.seeds ? 0 : 1
}

const options = parseOptions(process.argv.slice(2))
if (typeof options === 'string') {
  process.stderr.write(`${options}\n${usage}`)
  process.exitCode = 64
} else {
  process.exitCode = await run(options)
}

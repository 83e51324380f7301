/**
 * Runs seeds one after the other in this process and prints one JSON line each.
 *
 *     node dist/harness/sim/worker.js <seed>…
 */
import { runSeed } from './run-seed.ts'

async function main(): Promise<void> {
  let report: (error: unknown) => void = (error) => {
    throw error
  }
  process.on('unhandledRejection', (error) => report(error))
  const [flag, ...rest] = process.argv.slice(2)
  const keepLog = flag === '--log'
  for (const seed of keepLog ? rest : process.argv.slice(2)) {
    const startedMs = performance.now()
    const result = await runSeed(BigInt(seed), {
      keepLog,
      onStart: (reportHere) => {
        report = reportHere
      },
    })
    process.stdout.write(
      `${JSON.stringify({ ...result, wallMs: Math.round(performance.now() - startedMs) })}\n`,
    )
  }
}

await main()

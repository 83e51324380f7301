/**
 * `npm run bench -- up [--runs N] [--minutes M] [--out FILE]`: measures on real processes and prints a table and,
 * as the last line, one JSON object. Numbers are what was measured, also where they fall short of the goals.
 */
import { benchUp } from './up.ts'

const usage = `usage: npm run bench -- up [flags]
  --runs N       how often to start, deploy and break (default 5)
  --minutes M    minutes of load before memory is read (default 0; the goal is stated for 10)
  --out FILE     also write the JSON there
`

/** The value after a flag. */
function flag(name: string): string | undefined {
  const at = process.argv.indexOf(name)
  return at < 0 ? undefined : process.argv[at + 1]
}

function numberFlag(name: string, fallback: number): number {
  const text = flag(name)
  if (text === undefined) return fallback
  const number = Number(text)
  if (Number.isFinite(number) && number >= 0) return number
  throw new Error(`${name} needs a number, found ${text}`)
}

async function main(): Promise<number> {
  if (process.argv[2] !== 'up') {
    process.stderr.write(usage)
    return 64
  }
  await benchUp({
    runs: numberFlag('--runs', 5),
    minutes: numberFlag('--minutes', 0),
    outFile: flag('--out'),
  })
  return 0
}

process.exitCode = await main()

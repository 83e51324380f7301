/** `skedia logs [-f] [process]`: what the processes said, in the order of time. */
import { sleep } from '../../platform/clock.ts'
import type { Powers } from '../../platform/powers.ts'
import { exitCodes } from '../cli-error.ts'
import { clusterPaths, processNamed } from '../cluster/cluster-file.ts'
import type { FoundCluster } from '../cluster/location.ts'
import { outputForm, paint } from '../output/steps.ts'
import type { Shell } from '../shell.ts'
import { lastLines, parseLogLine, renderLogLine } from '../supervisor/log-files.ts'
import type { Verb } from '../verb.ts'
import { addClusterFlags, type ClusterFlags, openCluster } from './cluster-flags.ts'

interface LogsFlags extends ClusterFlags {
  readonly follow?: boolean
  readonly tail: string
  readonly plain?: boolean
  readonly raw?: boolean
}

const pollMs = 200
const colours = ['cyan', 'green', 'yellow', 'red', 'bold', 'dim'] as const

/** The verb. */
export const logs: Verb = {
  define: (command, choose) => {
    addClusterFlags(command)
      .argument('[process]', 'one process only: m1, a1, c1, s1, n1, p1, f1, supervisor')
      .option('-f, --follow', 'go on with what they say next')
      .option('--tail <lines>', 'how many lines per process to begin with', '100')
      .option('--plain', 'no colours')
      .option('--raw', 'the JSON lines as they are')
      .action((process: string | undefined) =>
        choose((shell) => runLogs(shell, command.opts<LogsFlags>(), process)),
      )
  },
}

async function runLogs(shell: Shell, flags: LogsFlags, process: string | undefined): Promise<number> {
  const { powers, found } = openCluster(shell, flags)
  const names = namesOf(found, process)
  const show = painter(shell, flags, names)
  const tail = Number(flags.tail) || 0
  const positions = new Map<string, number>()
  const first = names.flatMap((name) => {
    const path = pathOf(found, name)
    positions.set(name, powers.files.stat(path)?.sizeBytes ?? 0)
    return lastLines(powers.files, path, tail).map((line) => ({ name, line }))
  })
  for (const { name, line } of inOrder(first)) shell.stdout.write(show(name, line))
  if (!flags.follow) return exitCodes.ok
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) shell.onSignal(signal, () => stopping.abort())
  while (!stopping.signal.aborted) {
    const fresh = names.flatMap((name) =>
      readOn(powers, found, name, positions).map((line) => ({ name, line })),
    )
    for (const { name, line } of inOrder(fresh)) shell.stdout.write(show(name, line))
    await sleep(powers.clock, pollMs, stopping.signal).catch(() => {}) // Ctrl-C ends the following
  }
  return exitCodes.ok
}

function namesOf(found: FoundCluster, process: string | undefined): readonly string[] {
  if (process === 'supervisor') return ['supervisor']
  if (process !== undefined) return [processNamed(found.cluster, process).name]
  return found.cluster.processes.map((spec) => spec.name)
}

function pathOf(found: FoundCluster, name: string): string {
  return `${clusterPaths(found.dir).logs}/${name}.log`
}

/** Whole lines that came since the last look. */
function readOn(
  powers: Powers,
  found: FoundCluster,
  name: string,
  positions: Map<string, number>,
): readonly string[] {
  const path = pathOf(found, name)
  const size = powers.files.stat(path)?.sizeBytes ?? 0
  const known = positions.get(name) ?? 0
  const from = size < known ? 0 : known // a new file took the place of one that had grown too large
  if (size === from) return []
  const bytes = powers.files.readBytes(path, { position: from, length: size - from })
  const end = bytes.lastIndexOf(10) + 1
  positions.set(name, from + end)
  return new TextDecoder()
    .decode(bytes.subarray(0, end))
    .split('\n')
    .filter((line) => line !== '')
}

/** By their time stamps; a line without one stays behind the line before it. */
function inOrder(lines: readonly { readonly name: string; readonly line: string }[]) {
  let last = ''
  return lines
    .map((entry, index) => {
      last = parseLogLine(entry.line)?.time || last
      return { ...entry, time: last, index }
    })
    .sort((one, other) => (one.time < other.time ? -1 : one.time > other.time ? 1 : one.index - other.index))
}

function painter(
  shell: Shell,
  flags: LogsFlags,
  names: readonly string[],
): (name: string, line: string) => string {
  if (flags.raw) return (_, line) => `${line}\n`
  const width = Math.max(...names.map((name) => name.length))
  const isColour = outputForm(shell, flags) === 'colour'
  return (name, line) => {
    const label = name.padEnd(width)
    const colour = colours[names.indexOf(name) % colours.length] ?? 'dim'
    return `${isColour ? paint(colour, label) : label}  ${renderLogLine(line)}\n`
  }
}

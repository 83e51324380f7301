/**
 * `skedia up --detach`: starts the supervisor as a process of its own session and passes on what it says
 * until the cluster is Ready. The supervisor writes its steps as JSON lines into `logs/supervisor.log`;
 * this side follows that file, so that nothing is lost and nothing ties the two together afterwards.
 */
import { sleep } from '../../platform/clock.ts'
import { createNodePowers } from '../../platform/node/powers.ts'
import type { Powers } from '../../platform/powers.ts'
import type { ProcessExit } from '../../platform/processes.ts'
import { CliError, type ErrorCode, exitCodes, type Fix } from '../cli-error.ts'
import { clusterPaths } from '../cluster/cluster-file.ts'
import { lockDirectory, prepareDirectory } from '../cluster/directory.ts'
import { renderNote, renderStep, type OutputForm, type Step } from '../output/steps.ts'
import { type ReadyEvent, renderBanner } from '../output/banner.ts'
import type { Shell } from '../shell.ts'
import { version } from '../version.ts'

const pollMs = 15

export interface DetachOptions {
  readonly dir: string
  readonly name: string
  readonly form: OutputForm
  readonly isQuiet: boolean
}

/** @returns the exit code of the whole */
export async function detach(shell: Shell, options: DetachOptions): Promise<number> {
  const powers = createNodePowers({ component: 'cli', logLevel: 'silent' })
  const existing = prepareDirectory(powers.files, options.dir)
  lockDirectory(powers, { dir: options.dir, name: existing?.name ?? options.name }).release()
  const log = `${clusterPaths(options.dir).logs}/supervisor.log`
  const from = powers.files.stat(log)?.sizeBytes ?? 0
  if (options.form !== 'json' && !options.isQuiet) {
    shell.stdout.write(`skedia ${version} · node ${shell.nodeVersion} · ${shell.platform}\n\n`)
  }
  const child = await powers.processes.spawn({
    command: shell.nodePath,
    args: [shell.entry, ...shell.args.filter((arg) => !ownFlags.has(arg)), '--json'],
    dieWithParent: false,
    output: { file: log },
  })
  return follow(shell, powers, options, { path: log, from, exited: child.exited })
}

/** Flags of this side only. */
const ownFlags = new Set(['--detach', '--json', '--plain', '--no-color', '-q', '--quiet'])

async function follow(
  shell: Shell,
  powers: Powers,
  options: DetachOptions,
  log: { readonly path: string; readonly from: number; readonly exited: Promise<ProcessExit> },
): Promise<number> {
  let position = log.from
  let hasEnded = false
  void log.exited.then(() => {
    hasEnded = true
  })
  let rest = ''
  for (;;) {
    const isLast = hasEnded
    const size = powers.files.stat(log.path)?.sizeBytes ?? 0
    if (size > position) {
      rest += new TextDecoder().decode(
        powers.files.readBytes(log.path, { position, length: size - position }),
      )
      position = size
    }
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const code = pass(shell, options, line)
      if (code !== undefined) return code
    }
    if (isLast) throw supervisorEnded(options, log.path)
    await sleep(powers.clock, pollMs)
  }
}

/** What the supervisor writes, line by line. */
type SupervisorEvent =
  | ({ readonly type: 'step' } & Step)
  | { readonly type: 'note'; readonly note: string }
  | ReadyEvent
  | {
      readonly type: 'error'
      readonly code: ErrorCode
      readonly message: string
      readonly found?: string
      readonly fix: readonly Fix[]
    }
  | { readonly type: 'stopped' }

/** Shows one line of the supervisor; gives the exit code when it was the last one. */
function pass(shell: Shell, options: DetachOptions, line: string): number | undefined {
  const event = parse(line)
  if (event === undefined) {
    shell.stderr.write(`${line}\n`)
    return undefined
  }
  const write = (text: string) => {
    if (!options.isQuiet) shell.stdout.write(options.form === 'json' ? `${line}\n` : text)
  }
  switch (event.type) {
    case 'step':
      write(renderStep(options.form, event))
      return undefined
    case 'note':
      write(renderNote(options.form, event.note))
      return undefined
    case 'ready':
    case 'degraded':
      shell.stdout.write(renderBanner(options.form, event))
      return event.type === 'ready' ? exitCodes.ok : event.timedOut ? exitCodes.timedOut : exitCodes.failed
    case 'error':
      throw new CliError({ code: event.code, message: event.message, found: event.found, fixes: event.fix })
    case 'stopped':
      return undefined
  }
}

/** The line as an event; undefined for any other text. The writer is this same program: a known type is trusted. */
function parse(line: string): SupervisorEvent | undefined {
  try {
    const parsed: unknown = JSON.parse(line)
    if (typeof parsed !== 'object' || parsed === null || !('type' in parsed)) return undefined
    return parsed as SupervisorEvent
  } catch {
    return undefined
  }
}

function supervisorEnded(options: DetachOptions, log: string): CliError {
  return new CliError({
    code: 'E_NOT_READY',
    message: `cluster ${options.name} did not start`,
    found: 'its supervisor ended before it was Ready',
    fixes: [{ command: `tail ${log}`, why: 'its last words' }],
  })
}

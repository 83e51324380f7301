/**
 * `skedia up`: starts a cluster and stays, as its supervisor, until Ctrl-C; with `--detach` the supervisor is a
 * process of its own and the verb returns when the cluster is Ready.
 *
 * Ctrl-C, SIGTERM and `skedia down` stop the same way: processes in order, then the pods. Data, certificates
 * and the pods' records stay, and the next `up` starts all of it again. A second Ctrl-C kills at once.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { createNodePowers, installFatalHandlers } from '../../platform/node/powers.ts'
import { CliError, exitCodes } from '../cli-error.ts'
import { apiserversMax, fakeNodesMax, nodesMax } from '../cluster/cluster-plan.ts'
import { clusterDir, defaultName } from '../cluster/location.ts'
import { readyEvent, renderBanner } from '../output/banner.ts'
import { outputForm, type OutputForm, renderNote, renderStep } from '../output/steps.ts'
import type { Shell } from '../shell.ts'
import { bringUp, type RunningCluster } from '../supervisor/bring-up.ts'
import { detach } from '../supervisor/detach.ts'
import type { Verb } from '../verb.ts'
import { version } from '../version.ts'

interface UpFlags {
  readonly name?: string
  readonly dir?: string
  readonly members?: number
  readonly apiservers?: number
  readonly nodes?: number
  readonly fakeNodes?: number
  readonly basePort?: number
  readonly runtime?: string
  readonly timeout: number
  readonly detach?: boolean
  readonly json?: boolean
  readonly plain?: boolean
  readonly color?: boolean
  readonly quiet?: boolean
}

/** The verb. */
export const up: Verb = {
  define: (command: Command, choose) => {
    command
      .option('--name <name>', `the cluster's name (default: ${defaultName})`)
      .option('--dir <path>', 'its directory (default: $XDG_STATE_HOME/skedia/<name>)')
      .addOption(
        new Option('--members <n>', 'store members: 1, 3 or 5 (default: 3)').argParser(membersNumber),
      )
      .option('--apiservers <n>', 'apiservers (default: 2)', wholeNumber(1, apiserversMax))
      .option(
        '--nodes <n>',
        'nodes, each a network namespace with runc (default: 1)',
        wholeNumber(0, nodesMax),
      )
      .option(
        '--fake-nodes <n>',
        'more nodes whose pods only pretend to run (default: 0)',
        wholeNumber(0, fakeNodesMax),
      )
      .option('--base-port <port>', 'first of 120 ports; busy ones are then an error', wholeNumber(1, 65_415))
      .addOption(
        new Option('--runtime <kind>', 'how pods run (default: as before, or auto)').choices([
          'auto',
          'runc',
          'fake',
        ]),
      )
      .option('--timeout <seconds>', 'how long to wait for Ready', wholeNumber(1, 3600), 60)
      .option('--detach', 'return when Ready; the cluster goes on in the background')
      .option('--json', 'one JSON object per step')
      .option('--plain', 'no colours')
      .option('--no-color', 'no colours')
      .option('-q, --quiet', 'only errors and the last line')
      .action(() => choose((shell) => runUp(shell, command.opts<UpFlags>())))
  },
}

function membersNumber(text: string): number {
  if (text === '1' || text === '3' || text === '5') return Number(text)
  throw new InvalidArgumentError(
    'a cluster has 1, 3 or 5 members; an even number would tolerate no more losses than one fewer.',
  )
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= min && number <= max) return number
    throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}.`)
  }
}

async function runUp(shell: Shell, flags: UpFlags): Promise<number> {
  const dir = clusterDir(shell, flags)
  const form = outputForm(shell, flags)
  if (flags.detach)
    return detach(shell, { dir, form, name: flags.name ?? defaultName, isQuiet: flags.quiet === true })
  return stayInForeground(shell, flags, dir, form)
}

async function stayInForeground(
  shell: Shell,
  flags: UpFlags,
  dir: string,
  form: OutputForm,
): Promise<number> {
  const write = (text: string) => {
    if (!flags.quiet) shell.stdout.write(text)
  }
  const powers = createNodePowers({ component: 'supervisor', logLevel: 'silent' })
  installFatalHandlers((error) => {
    shell.stderr.write(`skedia up: ${error.stack ?? error.message}\n`)
    shell.exit(exitCodes.bug)
  })
  const stopping = new AbortController()
  const asked = new Promise<void>((resolve) =>
    stopping.signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  const started: { cluster?: RunningCluster } = {}
  const ask = () => {
    if (stopping.signal.aborted) {
      shell.stderr.write('killing everything now\n')
      void (started.cluster?.stopNow() ?? Promise.resolve()).finally(() => shell.exit(exitCodes.interrupted))
    }
    stopping.abort(interrupted())
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) shell.onSignal(signal, ask)

  if (form !== 'json') write(`skedia ${version} · node ${shell.nodeVersion} · ${shell.platform}\n\n`)
  const running = await bringUp({
    shell,
    powers,
    dir,
    wish: { ...flags, name: flags.name ?? defaultName },
    runtime: flags.runtime,
    timeoutMs: flags.timeout * 1000,
    onStep: (step) => write(renderStep(form, step)),
    onNote: (note) => write(renderNote(form, note)),
    onStop: () => stopping.abort(interrupted()),
    signal: stopping.signal,
  })
  started.cluster = running
  const code = announce(shell, running, form)
  await asked
  if (form !== 'json') write('\nstopping: processes, then pods (Ctrl-C again kills at once)\n')
  const startMs = powers.clock.monotonicMs()
  await running.stop()
  const stopMs = Math.round(powers.clock.monotonicMs() - startMs)
  write(
    form === 'json'
      ? `${JSON.stringify({ v: 1, type: 'stopped', ms: stopMs })}\n`
      : ` stopped in ${stopMs} ms · all data kept in ${dir}\n`,
  )
  return code
}

function interrupted(): CliError {
  return new CliError({
    code: 'E_NOT_READY',
    message: 'stopped before the cluster was Ready',
    exitCode: exitCodes.interrupted,
  })
}

/** The last thing that is said before staying: Ready, or what is missing. */
function announce(shell: Shell, running: RunningCluster, form: OutputForm): number {
  const { missing, timedOut } = running.readiness
  shell.stdout.write(renderBanner(form, readyEvent(running)))
  return missing.length === 0 && !timedOut ? exitCodes.ok : timedOut ? exitCodes.timedOut : exitCodes.failed
}

/**
 * Runs one component in the foreground: builds its powers, opens the health endpoint, starts it, and closes it
 * in order on SIGTERM or Ctrl-C. It also ends when its supervisor is gone, however that went: the open pipe
 * on standard input tells.
 */
import { messageOf } from '../../platform/assert.ts'
import { DiskError } from '../../platform/disk.ts'
import { FilesError } from '../../platform/files.ts'
import { type Listener, NetworkError } from '../../platform/network.ts'
import { watchParent } from '../../platform/node/parent.ts'
import { createNodePowers, installFatalHandlers } from '../../platform/node/powers.ts'
import type { Component, Powers } from '../../platform/powers.ts'
import { CliError, type ErrorCode, exitCodes } from '../cli-error.ts'
import { listenHealth } from '../health/health-server.ts'
import type { Shell } from '../shell.ts'
import type { ComponentFlags } from './component-flags.ts'

/** What the component tells the health endpoint, once it runs. */
export interface RunningComponent extends Component {
  isReady?(): boolean
  isLeading?(): boolean
  /** More for `/status`. */
  detail?(): unknown
}

export interface ComponentRun<C extends RunningComponent> {
  readonly shell: Shell
  /** The process's name: `m1`, `a1`, … */
  readonly name: string
  readonly flags: ComponentFlags
  readonly start: (powers: Powers) => Promise<C>
  /** Actions of the health endpoint. */
  readonly actions?: ReadonlyMap<string, () => void>
  readonly actionToken?: string | undefined
  /** Replaces powers before the component sees them. */
  readonly wrap?: (powers: Powers) => Powers
}

/** A component that does not close in this time is left to the operating system. */
const closeTimeoutMs = 8_000

/** Resolves with the exit code when the component has been closed. @throws CliError when it cannot start */
export async function runComponent<C extends RunningComponent>(run: ComponentRun<C>): Promise<number> {
  const base = createNodePowers({ component: run.name, logLevel: run.flags.logLevel })
  installFatalHandlers(base.fatal)
  const powers = run.wrap ? run.wrap(base) : base
  const stopped = stopRequest(run.shell)
  let component: C | undefined
  const health = await openHealth(run, powers, () => component)
  try {
    const starting = run.start(powers)
    starting.catch(() => {}) // it is awaited below; a stop may come first
    component = await Promise.race([starting, stopped])
    if (component === undefined) return exitCodes.ok // asked to stop before it had started
    powers.log.info(`${run.name} serves`)
    await stopped
    await closeInTime(powers, component)
    return exitCodes.ok
  } catch (error) {
    const shown = startError(run.name, error)
    powers.log.error(shown.message, { found: shown.found, code: shown.code })
    throw shown
  } finally {
    await health?.close()
  }
}

function stopRequest(shell: Shell): Promise<undefined> {
  return new Promise((resolve) => {
    const stop = () => resolve(undefined)
    shell.onSignal('SIGTERM', stop)
    shell.onSignal('SIGINT', stop)
    // Under a supervisor standard input is its pipe; a person's terminal or a file says nothing.
    if (shell.env['SKEDIA_SUPERVISED'] === '1') watchParent(() => shell.exit(exitCodes.ok))
  })
}

async function openHealth<C extends RunningComponent>(
  run: ComponentRun<C>,
  powers: Powers,
  component: () => C | undefined,
): Promise<Listener | undefined> {
  const address = run.flags.healthzBindAddress
  if (address === undefined) return undefined
  try {
    return await listenHealth(powers, address, {
      name: run.name,
      isReady: () => {
        const running = component()
        return running !== undefined && (running.isReady?.() ?? true)
      },
      isLeading: () => component()?.isLeading?.(),
      detail: () => component()?.detail?.(),
      actions: run.actions ?? new Map(),
      actionToken: run.actionToken,
    })
  } catch (error) {
    throw startError(run.name, error)
  }
}

async function closeInTime(powers: Powers, component: Component): Promise<void> {
  let timer: { cancel(): void } | undefined
  const late = new Promise<'late'>((resolve) => {
    timer = powers.clock.setTimer(closeTimeoutMs, () => resolve('late'))
  })
  const outcome = await Promise.race([component.close().then(() => 'closed' as const), late])
  timer?.cancel()
  if (outcome === 'late') powers.log.warn('did not close in time; ending all the same', { closeTimeoutMs })
}

/** What kept the component from starting, in four parts. */
export function startError(name: string, error: unknown): CliError {
  if (error instanceof CliError) return error
  const found = messageOf(error)
  const { code, fixes } = diagnose(error)
  return new CliError({ code, message: `${name} cannot start`, found, fixes, cause: error })
}

function diagnose(error: unknown): { code: ErrorCode; fixes: readonly { command: string; why?: string }[] } {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return { code: 'E_PORT_IN_USE', fixes: [{ command: 'ss -ltnp', why: 'who holds it' }] }
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'unwritable':
      return { code: 'E_DIR_UNWRITABLE', fixes: [{ command: 'ls -ld <the path above>', why: 'who owns it' }] }
    case 'ENOSPC':
    case 'EDQUOT':
    case 'no-space':
      return { code: 'E_DISK_FULL', fixes: [{ command: 'df -h', why: 'free some, then start again' }] }
    case 'ELOCKED':
    case 'locked':
      return {
        code: 'E_ALREADY_RUNNING',
        fixes: [{ command: 'skedia ls', why: 'the clusters of this machine' }],
      }
    default:
      return isDataError(error)
        ? {
            code: 'E_DATA',
            fixes: [{ command: 'skedia status', why: 'the others go on while they are a majority' }],
          }
        : { code: 'E_COMPONENT', fixes: [] }
  }
}

/** The operating system's code, or that of the store's own errors. */
function codeOf(error: unknown): string {
  if (error instanceof NetworkError || error instanceof DiskError || error instanceof FilesError)
    return error.code
  return isDataError(error) && error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Errors of raft and store about what lies on disk, by the names that they carry. */
function isDataError(error: unknown): boolean {
  return error instanceof Error && ['WalError', 'DataDirectoryError', 'BackendError'].includes(error.name)
}

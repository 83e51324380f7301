/** The powers of a real process. */
import { randomBytes } from 'node:crypto'
import type { Powers } from '../powers.ts'
import { seededRandom } from '../random.ts'
import { createNodeClock } from './clock.ts'
import { createNodeCrypto } from './crypto.ts'
import { createNodeDisk } from './disk.ts'
import { createNodeFiles } from './files.ts'
import { createNodeLog, type LogLevel } from './log.ts'
import { createNodeMetrics } from './metrics.ts'
import { createNodeNetwork } from './network/index.ts'
import { createNodeProcesses } from './processes.ts'

/** Exit code of a process that met a bug of its own or an unbearable error. */
export const exitCodeFatal = 70

/**
 * Builds every power of this process. `fatal` defaults to a log line and exit code 70; an unhandled
 * rejection or exception is fatal too: a process in an unknown state must not go on.
 */
export function createNodePowers(options: {
  readonly component: string
  readonly logLevel?: LogLevel
  readonly fatal?: (error: Error) => void
}): Powers {
  const log = createNodeLog({ component: options.component, level: options.logLevel ?? 'info' })
  const fatal =
    options.fatal ??
    ((error: Error) => {
      log.error('fatal: this process ends now', { error })
      process.exit(exitCodeFatal)
    })
  return {
    clock: createNodeClock(),
    random: seededRandom(randomBytes(8).readBigUInt64LE()),
    crypto: createNodeCrypto(),
    disk: createNodeDisk(),
    files: createNodeFiles(),
    network: createNodeNetwork((error) => log.error('a request handler failed', { error })),
    processes: createNodeProcesses(),
    log,
    metrics: createNodeMetrics(),
    fatal,
  }
}

/** Makes unhandled errors of this process fatal. Called once, by a process's entry. */
export function installFatalHandlers(fatal: (error: Error) => void): void {
  const onError = (reason: unknown) => fatal(reason instanceof Error ? reason : new Error(String(reason)))
  process.on('uncaughtException', onError)
  process.on('unhandledRejection', onError)
}

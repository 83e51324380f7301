/** The log on pino: JSON lines on standard output. */
import { type Logger, pino } from 'pino'
import type { Log } from '../log.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

function wrap(logger: Logger): Log {
  return {
    child: (fields) => wrap(logger.child(fields)),
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
  }
}

/** Lines go to standard output at once, so that nothing is lost when the process is killed. */
export function createNodeLog(options: { readonly component: string; readonly level: LogLevel }): Log {
  const destination = pino.destination({ dest: 1, sync: true })
  return wrap(
    pino(
      {
        level: options.level,
        base: { component: options.component, pid: process.pid },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        serializers: { error: pino.stdSerializers.err },
      },
      destination,
    ),
  )
}

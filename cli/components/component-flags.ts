/** Flags that every component has, and parsers of the values that their upstream twins take. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Files } from '../../platform/files.ts'
import { FilesError } from '../../platform/files.ts'
import type { Address } from '../../platform/network.ts'
import type { LogLevel } from '../../platform/node/log.ts'
import { CliError } from '../cli-error.ts'

export interface ComponentFlags {
  readonly healthzBindAddress?: Address
  readonly logLevel: LogLevel
}

/** Adds `--healthz-bind-address` and `--log-level`. */
export function addComponentFlags(command: Command): Command {
  return command
    .option(
      '--healthz-bind-address <ip:port>',
      'serve /healthz, /readyz, /metrics and /status here, in plain HTTP',
      parseAddress,
    )
    .addOption(
      new Option('--log-level <level>', 'what is worth a line')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
}

/** `127.0.0.1:2379` or `[::1]:2379`. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw new InvalidArgumentError('expected <ip>:<port>.')
  return { host: match[1] ?? match[2] ?? '', port }
}

/** `https://127.0.0.1:2379`: an address of ours is always TLS. */
export function parseUrl(text: string): Address {
  if (!text.startsWith('https://'))
    throw new InvalidArgumentError(`expected https://<ip>:<port>, found ${text}.`)
  return parseAddress(text.slice('https://'.length).replace(/\/$/, ''))
}

/** Comma-separated `https://` URLs. */
export function parseUrls(text: string): readonly Address[] {
  return text.split(',').map(parseUrl)
}

/** A TCP port, 0 for any. */
export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('expected a port from 0 to 65535.')
  return port
}

/** A file that a flag names. @throws CliError E_COMPONENT naming flag and path */
export function readFlagFile(files: Files, flag: string, path: string): string {
  try {
    return files.readText(path)
  } catch (error) {
    if (!(error instanceof FilesError)) throw error
    throw new CliError({
      code: 'E_COMPONENT',
      message: `cannot read the file of ${flag}`,
      found: error.message,
      fixes: [{ command: `ls -l ${path}` }],
      cause: error,
    })
  }
}

/**
 * The `skedia` command. Finds the verb, loads its file and no other, parses its flags and runs it. Every
 * error ends here and is shown in four parts (see `cli-error`); the exit code is what `main` gives back.
 */
import { Command, CommanderError } from 'commander'
import { messageOf } from '../platform/assert.ts'
import { catalog } from './catalog.ts'
import { CliError, errorObject, exitCodes, formatError } from './cli-error.ts'
import type { Shell } from './shell.ts'
import type { Run, VerbEntry } from './verb.ts'
import { version } from './version.ts'

/** Runs one command line to its end. Never throws. */
export async function main(shell: Shell): Promise<number> {
  const [name, ...rest] = shell.args
  try {
    if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
      shell.stdout.write(overview())
      return name === undefined ? exitCodes.usage : exitCodes.ok
    }
    if (name === '--version' || name === '-V' || name === 'version') {
      shell.stdout.write(`skedia ${version} · node ${shell.nodeVersion} · ${shell.platform}\n`)
      return exitCodes.ok
    }
    return await runVerb(shell, verbNamed(name), rest)
  } catch (error) {
    return report(shell, error)
  }
}

function verbNamed(name: string): VerbEntry {
  const entry = catalog.find((candidate) => candidate.name === name)
  if (entry !== undefined) return entry
  const near = catalog
    .filter((candidate) => candidate.name.startsWith(name.slice(0, 2)))
    .map((one) => one.name)
  throw new CliError({
    code: 'E_USAGE',
    message: name.startsWith('-') ? `there is no flag ${name} before the verb` : `there is no verb "${name}"`,
    fixes: [
      ...near.slice(0, 2).map((verb) => ({ command: `skedia ${verb} --help` })),
      { command: 'skedia --help', why: 'every verb' },
    ],
  })
}

async function runVerb(shell: Shell, entry: VerbEntry, args: readonly string[]): Promise<number> {
  const verb = await entry.load()
  let chosen: Run | undefined
  const command = new Command(`skedia ${entry.name}`)
    .description(entry.summary)
    .exitOverride()
    .allowExcessArguments(false)
    .showSuggestionAfterError(true)
    .configureHelp({ helpWidth: 110 })
    .configureOutput({ writeOut: (text) => shell.stdout.write(text), writeErr: () => {} })
  verb.define(command, (run) => {
    chosen = run
  })
  for (const child of command.commands) child.exitOverride().copyInheritedSettings(command)
  try {
    command.parse([...args], { from: 'user' })
  } catch (error) {
    return usage(error, entry.name, unknownFlag(command, args))
  }
  if (chosen === undefined) {
    shell.stdout.write(command.helpInformation())
    return exitCodes.usage
  }
  return await chosen(shell)
}

/** The first flag that the verb does not have. A misspelt one is the reason why the right one is missing. */
function unknownFlag(command: Command, args: readonly string[]): string | undefined {
  const known = new Set(command.options.map((option) => option.long))
  return args
    .filter((arg) => arg.startsWith('--') && arg.length > 2)
    .map((arg) => arg.split('=', 1)[0] ?? arg)
    .find((flag) => !known.has(flag))
}

function usage(error: unknown, verb: string, unknown: string | undefined): number {
  if (!(error instanceof CommanderError)) throw error
  if (error.exitCode === 0) return exitCodes.ok
  const isMissing = error.code === 'commander.missingMandatoryOptionValue'
  const message =
    isMissing && unknown !== undefined
      ? `unknown option '${unknown}'`
      : error.message.replace(/^error: /, '').replaceAll('\n', ' ')
  throw new CliError({
    code: 'E_USAGE',
    message: `skedia ${verb}: ${message}`,
    fixes: [{ command: `skedia ${verb} --help`, why: 'every flag' }],
  })
}

function report(shell: Shell, error: unknown): number {
  const shown =
    error instanceof CliError
      ? error
      : new CliError({
          code: 'E_BUG',
          message: `skedia ${shell.args[0] ?? ''} met an error that it does not know`,
          found: error instanceof Error ? (error.stack ?? error.message) : messageOf(error),
          fixes: [{ command: 'skedia logs', why: 'what the processes said' }],
          cause: error,
        })
  const isJson = shell.args.includes('--json')
  if (isJson) shell.stdout.write(`${JSON.stringify(errorObject(shown))}\n`)
  else shell.stderr.write(formatError(shown))
  return shown.exitCode
}

function overview(): string {
  const groups = [...new Set(catalog.map((entry) => entry.group))]
  const sections = groups.map((group) => {
    const lines = catalog
      .filter((entry) => entry.group === group)
      .map((entry) => `  ${entry.name.padEnd(20)}${entry.summary}`)
    return `${group}\n${lines.join('\n')}\n`
  })
  return `skedia ${version}: a highly available, Kubernetes-compatible control plane

Usage: skedia <verb> [flags]      skedia <verb> --help      skedia --version

${sections.join('\n')}`
}

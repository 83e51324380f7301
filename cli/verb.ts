/** What a verb of the `skedia` command is: its flags, and what it does with them. One file in `verbs/` or `components/` each. */
import type { Command } from 'commander'
import type { Shell } from './shell.ts'

/** Runs the parsed command; the number is the exit code. @throws CliError */
export type Run = (shell: Shell) => Promise<number>

export interface Verb {
  /** Adds arguments and flags to `command` and, as its action, hands over what to run. */
  define(command: Command, choose: (run: Run) => void): void
}

/** A line of `catalog.ts`. */
export interface VerbEntry {
  readonly name: string
  readonly summary: string
  readonly group: 'Cluster' | 'Look' | 'Break and mend' | 'Single components'
  readonly load: () => Promise<Verb>
}

/**
 * What the user's shell hands to the command: arguments, environment, output, signals. `bin/skedia.js`
 * gives the real one; tests give a plain object. Nothing in `cli/` reads `process`.
 */

/** One output stream. */
export interface Output {
  readonly isTty: boolean
  columns(): number
  write(text: string): void
}

/** The signals that a verb may listen to. */
export type ShellSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** The process as `cli/` sees it. */
export interface Shell {
  /** Arguments after the program's name. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** 0 for root; -1 where the system has no user ids. */
  readonly uid: number
  readonly nodePath: string
  readonly nodeVersion: string
  readonly platform: string
  /** Absolute path of `bin/skedia.js`, to start more processes. */
  readonly entry: string
  /** Absolute path of the clone or package. */
  readonly root: string
  readonly stdout: Output
  readonly stderr: Output
  /** Calls `handler` on each `signal` instead of ending the process; gives a function that undoes it. */
  onSignal(signal: ShellSignal, handler: () => void): () => void
  /** Ends the process at once; for a second Ctrl-C only. */
  exit(code: number): never
}

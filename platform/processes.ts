/** Child processes, as a power: the supervisor's members, runc, nft, CNI plugins, apt-get. */

export interface ProcessExit {
  /** Exit code, or undefined when a signal ended it. */
  readonly code: number | undefined
  readonly signal: string | undefined
}

export interface ChildProcess {
  readonly pid: number
  /** Settles once, when the process has ended. */
  readonly exited: Promise<ProcessExit>
  /** Sends a signal (`SIGTERM`, `SIGKILL`, `SIGSTOP`, `SIGCONT`…); false when it has already ended. */
  kill(signal: string): boolean
  /** Standard output by whole lines, standard error too, in arrival order. */
  onLine: (line: string, stream: 'stdout' | 'stderr') => void
}

export interface ProcessResult extends ProcessExit {
  readonly stdout: string
  readonly stderr: string
}

/** A command could not be started, or ended otherwise than expected. */
export class ProcessError extends Error {
  /** ENOENT when the program is missing; else EXIT. */
  readonly code: string
  readonly result: ProcessResult | undefined
  constructor(options: { command: string; code: string; result?: ProcessResult; cause?: unknown }) {
    const { command, code, result } = options
    const found = result
      ? `exit ${result.code ?? result.signal}: ${(result.stderr || result.stdout).trim().slice(-2000)}`
      : code
    super(`${command}: ${found}`, { cause: options.cause })
    this.name = 'ProcessError'
    this.code = code
    this.result = result
  }
}

export interface SpawnOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Ends the child when this process ends, even by SIGKILL (a pipe that closes). Default true. */
  readonly dieWithParent?: boolean
  /** Where its output goes; default `lines` (see `onLine`). A path appends to that file. */
  readonly output?: 'lines' | { readonly file: string } | 'inherit'
}

export interface Processes {
  readonly pid: number
  /** @throws ProcessError ENOENT, EACCES */
  spawn(options: SpawnOptions): Promise<ChildProcess>
  /**
   * Runs to the end and gives all output (at most 16 MiB).
   * @throws ProcessError when it cannot start, ends by a signal, exceeds `timeoutMs` (SIGKILL), or exits
   * with a code other than 0 and `allowFailure` is not set.
   */
  run(options: {
    readonly command: string
    readonly args: readonly string[]
    readonly input?: string | Uint8Array
    readonly env?: Readonly<Record<string, string>>
    readonly cwd?: string
    readonly timeoutMs: number
    readonly allowFailure?: boolean
    readonly signal?: AbortSignal | undefined
  }): Promise<ProcessResult>
  /** Whether a process with that id lives, and when it started (ticks since boot), to tell reuse of ids. */
  find(pid: number): { readonly startTicks: number } | undefined
  /** Signals a process that is not a child. False when there is none. */
  kill(pid: number, signal: string): boolean
}

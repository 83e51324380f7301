/**
 * One process under the supervisor.
 *
 *               spawn                exit, not asked for
 *     stopped ────────▶ running ─────────────────────────▶ waiting ──┐ back-off
 *        ▲                │  ▲                                 │      │
 *        │ stop           │  └─────────────────────────────────┘◀─────┘
 *        │                │ kill
 *        └──── down ◀─────┘        (a killed process stays down until `start`)
 *
 * Any death that nobody asked for is restarted after 100 ms, doubled up to 10 s; a run of 10 s resets it.
 */
import { messageOf } from '../../platform/assert.ts'
import type { Clock, Timer } from '../../platform/clock.ts'
import type { ChildProcess, Processes, ProcessExit } from '../../platform/processes.ts'

export type Phase = 'stopped' | 'running' | 'waiting' | 'down'

export const backoffFirstMs = 100
export const backoffMaxMs = 10_000
/** A run of at least this long counts as healthy: the next back-off starts from the beginning. */
export const healthyRunMs = 10_000

/** What can be told of a process. */
export interface ProcessView {
  readonly name: string
  readonly kind: string
  readonly phase: Phase
  readonly pid: number | undefined
  readonly isPaused: boolean
  readonly restarts: number
  /** How the last run ended, when it ended unasked. */
  readonly lastExit: string | undefined
  /** Of the present run, on the monotonic clock. */
  readonly startedMs: number | undefined
  /** Ends in a row, each after a run shorter than `healthyRunMs`. */
  readonly failuresInRow: number
}

export interface SupervisedOptions {
  readonly name: string
  readonly kind: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly logFile: string
  readonly clock: Clock
  readonly processes: Processes
  /** Called after every change of pid or phase. */
  readonly onChange: () => void
  /** Called when it ended and nobody had asked for that. */
  readonly onUnaskedEnd: (reason: string, restartMs: number) => void
}

export class SupervisedProcess {
  readonly name: string
  readonly #options: SupervisedOptions
  #child: ChildProcess | undefined
  #phase: Phase = 'stopped'
  #isPaused = false
  #restarts = 0
  #failuresInRow = 0
  #lastExit: string | undefined
  #startedMs: number | undefined
  #timer: Timer | undefined
  #starting: Promise<void> | undefined

  constructor(options: SupervisedOptions) {
    this.name = options.name
    this.#options = options
  }

  view(): ProcessView {
    return {
      name: this.name,
      kind: this.#options.kind,
      phase: this.#phase,
      pid: this.#child?.pid,
      isPaused: this.#isPaused,
      restarts: this.#restarts,
      lastExit: this.#lastExit,
      startedMs: this.#startedMs,
      failuresInRow: this.#failuresInRow,
    }
  }

  /** Starts it now, also out of a back-off or after a kill. No-op while it runs. */
  async start(): Promise<void> {
    if (this.#starting !== undefined) return this.#starting
    if (this.#child !== undefined) return
    this.#timer?.cancel()
    this.#phase = 'running'
    this.#starting = this.#spawn().finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  /** SIGKILL, and down until `start`. Resolves when the process has ended. */
  async kill(): Promise<void> {
    await this.#end('down', 'SIGKILL')
  }

  /** SIGTERM, then SIGKILL after `graceMs`. Resolves when the process has ended. */
  async stop(graceMs: number): Promise<void> {
    if (this.#isPaused) this.#child?.kill('SIGCONT')
    const timer = this.#options.clock.setTimer(graceMs, () => this.#child?.kill('SIGKILL'))
    await this.#end('stopped', 'SIGTERM')
    timer.cancel()
  }

  /** SIGSTOP: it holds its sockets and says nothing. False when it does not run. */
  pause(): boolean {
    if (this.#child === undefined || !this.#child.kill('SIGSTOP')) return false
    this.#isPaused = true
    return true
  }

  /** SIGCONT. False when it does not run. */
  resume(): boolean {
    if (this.#child === undefined || !this.#child.kill('SIGCONT')) return false
    this.#isPaused = false
    return true
  }

  async #spawn(): Promise<void> {
    const { clock, processes, command, args, env, logFile } = this.#options
    try {
      const child = await processes.spawn({ command, args, env, output: { file: logFile } })
      this.#child = child
      this.#startedMs = clock.monotonicMs()
      void child.exited.then((exit) => this.#onExit(child, exit))
      if (this.#phase !== 'running') child.kill('SIGKILL') // asked to end while it was being started
      this.#options.onChange()
    } catch (error) {
      this.#startedMs = undefined
      this.#scheduleRestart(messageOf(error), 0)
    }
  }

  #onExit(child: ChildProcess, exit: ProcessExit): void {
    if (this.#child !== child) return
    const ranMs = this.#options.clock.monotonicMs() - (this.#startedMs ?? 0)
    this.#child = undefined
    this.#isPaused = false
    this.#startedMs = undefined
    if (this.#phase !== 'running') {
      this.#options.onChange()
      return
    }
    this.#scheduleRestart(exit.signal ?? `exit ${exit.code}`, ranMs)
  }

  #scheduleRestart(reason: string, ranMs: number): void {
    if (this.#phase !== 'running') return
    this.#failuresInRow = ranMs >= healthyRunMs ? 1 : this.#failuresInRow + 1
    this.#lastExit = reason
    this.#phase = 'waiting'
    const delayMs = Math.min(backoffFirstMs * 2 ** (this.#failuresInRow - 1), backoffMaxMs)
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      if (this.#phase !== 'waiting') return
      this.#restarts += 1
      void this.start()
    })
    this.#options.onUnaskedEnd(reason, delayMs)
    this.#options.onChange()
  }

  async #end(phase: 'down' | 'stopped', signal: string): Promise<void> {
    this.#timer?.cancel()
    this.#phase = phase
    if (phase === 'down') this.#failuresInRow = 0
    await this.#starting
    const child = this.#child
    child?.kill(signal)
    await child?.exited
    this.#options.onChange()
  }
}

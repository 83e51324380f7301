/**
 * A simulated world: machines with disks, processes on them, a network between them, one virtual time and
 * one seed. The production code runs in it unchanged, because it touches nothing but its `Powers`.
 *
 *     const world = new SimWorld(7n)
 *     const machine = world.machine('m1')
 *     const process = world.startProcess({ name: 'm1', machine })
 *     void startStoreMember(process.powers, …)
 *     await world.run(20_000)
 */
import type { Log } from '../log.ts'
import { silentMetrics } from '../metrics.ts'
import type { Powers } from '../powers.ts'
import { ProcessError, type Processes } from '../processes.ts'
import { type Random, seededRandom } from '../random.ts'
import { createSimCrypto } from './crypto.ts'
import { SimDisk } from './disk.ts'
import { EventLoop, type EventOwner } from './event-loop.ts'
import { SimFiles } from './files.ts'
import { SimNetwork } from './network/index.ts'

/** The wall clock of every world starts here: 2026-01-01T00:00:00Z. */
const epochMs = 1_767_225_600_000
/** Log lines kept for a report. */
const logLinesMax = 5000

export interface SimMachine {
  /** Also its host name on the network. */
  readonly name: string
  readonly disk: SimDisk
  readonly files: SimFiles
}

export interface SimProcess extends EventOwner {
  readonly machine: SimMachine
  readonly powers: Powers
}

/** Something that must not happen, did. */
export interface Violation {
  readonly atMs: number
  readonly message: string
}

const noProcesses: Processes = {
  pid: 1,
  spawn: (options) => Promise.reject(new ProcessError({ command: options.command, code: 'ENOENT' })),
  run: (options) => Promise.reject(new ProcessError({ command: options.command, code: 'ENOENT' })),
  find: () => undefined,
  kill: () => false,
}

export class SimWorld {
  readonly random: Random
  readonly loop: EventLoop
  readonly network: SimNetwork
  readonly violations: Violation[] = []
  readonly logLines: string[] = []
  readonly #machines = new Map<string, SimMachine>()
  readonly #processes = new Set<SimProcess>()
  #starts = 0

  constructor(seed: bigint) {
    this.random = seededRandom(seed)
    this.loop = new EventLoop((error, owner, label) =>
      this.violate(`${owner?.name ?? 'world'}: uncaught in "${label}": ${describe(error)}`),
    )
    this.network = new SimNetwork({
      loop: this.loop,
      random: this.random.fork('network'),
      onError: (error, owner) => this.violate(`${owner.name}: a request handler failed: ${describe(error)}`),
    })
  }

  /** Milliseconds of virtual time since the world began. */
  get nowMs(): number {
    return this.loop.nowUs / 1000
  }

  /** Records a violation and ends the run. */
  violate(message: string): void {
    this.violations.push({ atMs: this.nowMs, message })
    this.log('world', 'violation', message)
    this.loop.stop()
  }

  machine(name: string): SimMachine {
    const known = this.#machines.get(name)
    if (known) return known
    const machine: SimMachine = {
      name,
      disk: new SimDisk(this.loop, this.random.fork(`disk ${name}`)),
      files: new SimFiles(this.loop),
    }
    this.#machines.set(name, machine)
    return machine
  }

  /** A new process on a machine, with powers that die with it. */
  startProcess(options: { readonly name: string; readonly machine: SimMachine }): SimProcess {
    const { name, machine } = options
    this.#starts += 1
    this.network.setHostUp(machine.name, true)
    const random = this.random.fork(`process ${name} ${this.#starts}`)
    const owner: EventOwner = { name, isAlive: true, isPaused: false }
    const powers: Powers = {
      clock: {
        wallMs: () => epochMs + Math.floor(this.loop.nowUs / 1000),
        monotonicMs: () => this.loop.nowUs / 1000,
        setTimer: (delayMs, callback) =>
          owner.isAlive
            ? this.loop.schedule({ delayUs: delayMs * 1000, label: 'timer', owner, run: callback })
            : { cancel: () => {} },
      },
      random,
      crypto: createSimCrypto(),
      disk: machine.disk.view(owner),
      files: machine.files.view(owner),
      network: this.network.view(owner, machine.name),
      processes: noProcesses,
      log: this.#logOf(owner, {}),
      metrics: silentMetrics,
      fatal: (error) => {
        if (owner.isAlive) this.violate(`${name}: fatal: ${describe(error)}`)
      },
    }
    const process: SimProcess = Object.assign(owner, { machine, powers })
    this.#processes.add(process)
    return process
  }

  /** SIGKILL: nothing of the process runs any more; the machine and what the OS holds stay. */
  kill(process: SimProcess): void {
    if (!process.isAlive) return
    process.isAlive = false
    this.#processes.delete(process)
    this.network.ownerDied(process)
    this.log('world', 'fault', `kill ${process.name}`)
  }

  /** A power cut: every process of the machine is gone in silence and un-synced writes are lost. */
  cutPower(machine: SimMachine): void {
    for (const process of this.#processes) {
      if (process.machine !== machine) continue
      process.isAlive = false
      this.#processes.delete(process)
      this.network.ownerVanished(process)
    }
    machine.disk.crash()
    this.network.setHostUp(machine.name, false)
    this.log('world', 'fault', `power cut on ${machine.name}`)
  }

  /** SIGSTOP. */
  pause(process: SimProcess): void {
    process.isPaused = true
    this.log('world', 'fault', `pause ${process.name}`)
  }

  /** SIGCONT: what piled up meanwhile runs now. */
  resume(process: SimProcess): void {
    process.isPaused = false
    this.loop.release(process)
    this.log('world', 'fault', `resume ${process.name}`)
  }

  /** Runs for `durationMs` of virtual time, or until a violation. */
  run(durationMs: number): Promise<void> {
    return this.loop.runUntil(this.loop.nowUs + Math.round(durationMs * 1000))
  }

  /**
   * Runs until `condition` holds, looking every `stepMs` of virtual time.
   * @returns false when it did not within `timeoutMs`, or a violation ended the run
   */
  async runUntil(condition: () => boolean, timeoutMs: number, stepMs = 10): Promise<boolean> {
    const deadlineMs = this.nowMs + timeoutMs
    while (!condition()) {
      if (this.violations.length > 0 || this.nowMs >= deadlineMs) return false
      await this.run(Math.min(stepMs, deadlineMs - this.nowMs))
    }
    return true
  }

  log(name: string, level: string, message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (this.logLines.length >= logLinesMax) this.logLines.splice(0, logLinesMax / 2)
    const facts = fields === undefined ? '' : ` ${JSON.stringify(fields, replaceError)}`
    this.logLines.push(`${(this.nowMs / 1000).toFixed(6)} ${name} ${level} ${message}${facts}`)
  }

  #logOf(owner: EventOwner, base: Readonly<Record<string, unknown>>): Log {
    const write = (level: string) => (message: string, fields?: Readonly<Record<string, unknown>>) => {
      if (owner.isAlive) this.log(owner.name, level, message, { ...base, ...fields })
    }
    return {
      child: (fields) => this.#logOf(owner, { ...base, ...fields }),
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function replaceError(_key: string, value: unknown): unknown {
  if (value instanceof Error) return value.message
  return typeof value === 'bigint' ? value.toString() : value
}

/**
 * A real cluster for one test file: its own name, state directory and ports, made by the same command that
 * people type, and purged at the end whatever happened. What an aborted run left is purged first.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createNodePowers } from '../../platform/node/powers.ts'
import { sleep } from '../../platform/clock.ts'
import type { Powers } from '../../platform/powers.ts'

/** How a command ended. */
export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Of one test, and of one file. */
export const testTimeoutMs = 300_000

const commandTimeoutMs = 120_000
const pollMs = 100

/** What a process row of `skedia status -o json` says, members and others alike. */
export interface StatusRow {
  readonly name: string
  readonly pid: number | null
  readonly ready?: boolean
  readonly leading?: boolean | null
  readonly role?: string
  readonly term?: number | null
}

export interface Status {
  readonly members: readonly StatusRow[]
  readonly processes: readonly StatusRow[]
  readonly quorum: boolean
  readonly toleratesLosing: number
  readonly leader: string | null
}

export class E2eCluster {
  readonly name: string
  readonly stateHome: string
  readonly powers: Powers
  readonly #basePort: number

  constructor(name: string, basePort: number) {
    this.name = `e2e-${name}`
    this.stateHome = `${tmpdir()}/skedia-e2e-${process.getuid?.() ?? 0}`
    this.#basePort = basePort
    this.powers = createNodePowers({ component: 'e2e', logLevel: 'silent' })
    mkdirSync(this.stateHome, { recursive: true })
  }

  get dir(): string {
    return `${this.stateHome}/skedia/${this.name}`
  }

  get kubeconfig(): string {
    return `${this.dir}/kubeconfig`
  }

  /** `cluster.json`. */
  get file(): { readonly id: string; readonly runtime: { readonly kind: string; readonly reason?: string } } {
    return parsed(readFileSync(`${this.dir}/cluster.json`, 'utf8'))
  }

  /** kubectl's address, as the kubeconfig has it. */
  get endpoint(): string {
    const server = /server: (\S+)/.exec(readFileSync(this.kubeconfig, 'utf8'))?.[1]
    if (server === undefined) throw new Error(`no server in ${this.kubeconfig}`)
    return server
  }

  get hasRealPods(): boolean {
    return this.file.runtime.kind === 'runc'
  }

  /** Runs a program with this cluster's environment; never throws for an exit code. */
  async run(command: string, args: readonly string[]): Promise<CommandResult> {
    const inherited = Object.entries(process.env).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value]],
    )
    const env = {
      ...Object.fromEntries(inherited),
      XDG_STATE_HOME: this.stateHome,
      KUBECONFIG: this.kubeconfig,
    }
    const result = await this.powers.processes.run({
      command,
      args,
      env,
      timeoutMs: commandTimeoutMs,
      allowFailure: true,
    })
    return { code: result.code ?? -1, stdout: result.stdout, stderr: result.stderr }
  }

  /** The `skedia` command on this cluster. */
  skedia(verb: string, ...args: readonly string[]): Promise<CommandResult> {
    return this.run(process.execPath, ['bin/skedia.js', verb, ...args, '--name', this.name])
  }

  /** As `skedia`. @throws when it does not exit with 0 */
  async mustSkedia(verb: string, ...args: readonly string[]): Promise<string> {
    const result = await this.skedia(verb, ...args)
    if (result.code !== 0)
      throw new Error(
        `skedia ${verb} ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`,
      )
    return result.stdout
  }

  /** Purges what an aborted run left, then makes the cluster. Gives the last object of `up --json`. */
  async create(...flags: readonly string[]): Promise<{ readonly type: string; readonly readyMs: number }> {
    await this.purge()
    return this.up('--base-port', `${this.#basePort}`, ...flags)
  }

  /** Starts the cluster in the background. @throws when it is not Ready */
  async up(...flags: readonly string[]): Promise<{ readonly type: string; readonly readyMs: number }> {
    const stdout = await this.mustSkedia('up', '--detach', '--json', ...flags)
    return parsed(stdout.trim().split('\n').at(-1) ?? '{}')
  }

  async status(): Promise<Status> {
    const { stdout } = await this.skedia('status', '-o', 'json')
    return parsed(stdout)
  }

  /** Leaves nothing of the cluster. */
  async purge(): Promise<void> {
    if (existsSync(`${this.dir}/cluster.json`)) await this.mustSkedia('down', '--purge')
    rmSync(this.dir, { recursive: true, force: true })
  }

  /** SIGKILL to every process of the cluster, the supervisor first. */
  killEverything(): void {
    const supervisor: { pid: number } = parsed(readFileSync(`${this.dir}/run/supervisor.json`, 'utf8'))
    const children: readonly { pid: number }[] = parsed(
      readFileSync(`${this.dir}/run/processes.json`, 'utf8'),
    )
    for (const { pid } of [supervisor, ...children]) this.powers.processes.kill(pid, 'SIGKILL')
  }

  /** Polls until `probe` gives something; a failing probe counts as nothing. @throws saying what was waited for, and what was seen last */
  async waitFor<T>(what: string, timeoutMs: number, probe: () => Promise<T | undefined | false>): Promise<T> {
    const { clock } = this.powers
    const deadlineMs = clock.monotonicMs() + timeoutMs
    let last = 'nothing'
    for (;;) {
      try {
        const found = await probe()
        if (found !== undefined && found !== false) return found
      } catch (error) {
        last = error instanceof Error ? error.message : String(error)
      }
      if (clock.monotonicMs() > deadlineMs) {
        const status = await this.skedia('status')
        throw new Error(
          `${what}: not within ${timeoutMs} ms; last: ${last}\n${status.stdout}${status.stderr}`,
        )
      }
      await sleep(clock, pollMs)
    }
  }
}

/** JSON of our own making, trusted to have the shape that the caller names. */
export function parsed<T>(text: string): T {
  return JSON.parse(text) as T
}

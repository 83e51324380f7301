/**
 * Keeps a cluster's processes running and acts on them. One per cluster, in the process of `skedia up`;
 * everything that a verb wants to know of or do to a running cluster goes through it (`control-server`).
 */
import type { HttpClient } from '../../platform/network.ts'
import type { Powers } from '../../platform/powers.ts'
import { CliError } from '../cli-error.ts'
import {
  type ClusterFile,
  clusterPaths,
  processNamed,
  type ProcessSpec,
  type ProcessKind,
} from '../cluster/cluster-file.ts'
import { endpointOf } from '../cluster/configuration.ts'
import { commandLineOf } from '../cluster/process-arguments.ts'
import { actOn, askHealth } from '../health/health-client.ts'
import { type ClusterStatus, clusterStatus, type Observation } from './cluster-status.ts'
import { rememberChildren } from './leftovers.ts'
import { type ProcessView, SupervisedProcess } from './supervised-process.ts'

/** What can be done to a process. */
export type Action = 'kill' | 'start' | 'pause' | 'resume' | 'cut' | 'heal'

export const actions: readonly Action[] = ['kill', 'start', 'pause', 'resume', 'cut', 'heal']

/** What was done, to whom. */
export interface Acted {
  readonly action: Action
  readonly name: string
  readonly kind: ProcessKind
  /** When, on the wall clock: just before the signal was sent or the links were cut. */
  readonly atMs: number
  /** Before the action. */
  readonly pid: number | null
  readonly role: string | null
  readonly term: number | null
}

export interface SupervisorOptions {
  readonly powers: Powers
  readonly cluster: ClusterFile
  readonly dir: string
  readonly nodePath: string
  readonly nodeVersion: string
  readonly entry: string
  readonly faultToken: string
  /** The environment of the processes. */
  readonly env: Readonly<Record<string, string>>
  /** Hears what a person in front of the supervisor should know: a process that ended unasked. */
  readonly onNote: (note: string) => void
}

/** Stopped group by group, each before those that it needs. */
const stopOrder: readonly (readonly ProcessKind[])[] = [
  ['kubelet', 'proxy'],
  ['controller-manager', 'scheduler'],
  ['front', 'apiserver'],
  ['store'],
]
const stopGraceMs = 5_000
/** Ends in a row of one process that are worth a line. */
const notesInRowMax = 3

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #processes: ReadonlyMap<string, SupervisedProcess>
  readonly #cut = new Set<string>()
  readonly #health: HttpClient
  #isRemembering = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#health = options.powers.network.httpClient({ connectTimeoutMs: 400 })
    const specs = options.cluster.processes
    this.#processes = new Map(specs.map((spec) => [spec.name, this.#supervise(spec)]))
  }

  /** Spawns those processes at once; none waits for another, each of them tries until those it needs are there. */
  async start(isMeant: (spec: ProcessSpec) => boolean): Promise<void> {
    const meant = this.#options.cluster.processes.filter(isMeant)
    await Promise.all(meant.map((spec) => this.#process(spec.name).start()))
  }

  views(): readonly ProcessView[] {
    return [...this.#processes.values()].map((process) => process.view())
  }

  /** Asks every process, or those of some kinds; takes at most `healthTimeoutMs`. */
  async observe(kinds?: readonly ProcessKind[]): Promise<readonly Observation[]> {
    const asked = this.#options.cluster.processes.filter(
      (spec) => kinds === undefined || kinds.includes(spec.kind),
    )
    return Promise.all(asked.map((spec) => this.#observe(spec)))
  }

  async status(): Promise<ClusterStatus> {
    const { cluster, dir, powers } = this.#options
    return clusterStatus({
      cluster,
      dir,
      endpoint: endpointOf(cluster),
      kubeconfig: clusterPaths(dir).kubeconfig,
      observations: await this.observe(),
      nowMs: powers.clock.monotonicMs(),
    })
  }

  /** Does `action` to `target` (a process's name, or `leader`). @throws CliError */
  async act(action: Action, target: string): Promise<Acted> {
    const status = target === 'leader' || /^m\d/.test(target) ? await this.status() : undefined
    const name = target === 'leader' ? this.#leaderOf(status, action) : target
    const spec = processNamed(this.#options.cluster, name)
    const member = status?.members.find((row) => row.name === name)
    const process = this.#process(name)
    const acted: Acted = {
      action,
      name,
      kind: spec.kind,
      atMs: this.#options.powers.clock.wallMs(),
      pid: process.view().pid ?? null,
      role: member?.role ?? null,
      term: member?.term ?? null,
    }
    await this.#apply(action, spec, process)
    this.#options.powers.log.info(`${action} ${name}, as asked`, { pid: acted.pid })
    return acted
  }

  /** SIGTERM group by group. */
  async stop(): Promise<void> {
    for (const kinds of stopOrder) {
      const group = [...this.#processes.values()].filter((process) =>
        kinds.some((kind) => kind === process.view().kind),
      )
      await Promise.all(group.map((process) => process.stop(stopGraceMs)))
    }
    this.#health.close()
  }

  /** SIGKILL to all at once. */
  async stopNow(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.kill()))
    this.#health.close()
  }

  async #observe(spec: ProcessSpec): Promise<Observation> {
    const view = this.#process(spec.name).view()
    const health =
      view.phase === 'running' && !view.isPaused
        ? await askHealth(this.#options.powers, this.#health, spec)
        : undefined
    return { view: this.#process(spec.name).view(), health, isCut: this.#cut.has(spec.name) }
  }

  async #apply(action: Action, spec: ProcessSpec, process: SupervisedProcess): Promise<void> {
    switch (action) {
      case 'kill':
        this.#cut.delete(spec.name)
        return process.kill()
      case 'start':
        if (process.view().isPaused) process.resume()
        return process.start()
      case 'pause':
        return this.#demand(process.pause(), action, spec)
      case 'resume':
        return this.#demand(process.resume(), action, spec)
      case 'cut':
      case 'heal':
        return this.#switchLinks(action, spec)
    }
  }

  async #switchLinks(action: 'cut' | 'heal', spec: ProcessSpec): Promise<void> {
    if (spec.kind !== 'store') {
      throw new CliError({
        code: 'E_NO_PROCESS',
        message: `cannot ${action} the links of ${spec.name}`,
        found: 'only store members (m1, m2, …) and the leader have links that can be cut',
        fixes: [{ command: `skedia pause ${spec.name}`, why: 'a process that says nothing' }],
      })
    }
    const token = this.#options.faultToken
    const isDone = await actOn(this.#options.powers, this.#health, { spec, action, token })
    this.#demand(isDone, action, spec)
    if (action === 'cut') this.#cut.add(spec.name)
    else this.#cut.delete(spec.name)
  }

  #demand(isDone: boolean, action: Action, spec: ProcessSpec): void {
    if (isDone) return
    throw new CliError({
      code: 'E_NOT_RUNNING',
      message: `cannot ${action} ${spec.name}`,
      found: `${spec.name} does not run or does not answer`,
      fixes: [
        { command: `skedia start ${spec.name}`, why: 'then try again' },
        { command: 'skedia status', why: 'each process and its state' },
      ],
    })
  }

  #leaderOf(status: ClusterStatus | undefined, action: Action): string {
    if (action === 'heal') {
      const first = [...this.#cut][0]
      if (first !== undefined) return first
    }
    if (action === 'resume' || action === 'start') {
      const first = this.views().find(
        (view) => view.kind === 'store' && (action === 'resume' ? view.isPaused : view.phase === 'down'),
      )
      if (first !== undefined) return first.name
    }
    if (status?.leader) return status.leader
    throw new CliError({
      code: 'E_NO_LEADER',
      message: `cannot ${action} the leader`,
      found: `no member leads: ${status?.members.map((row) => `${row.name} ${row.role}`).join(', ')}`,
      fixes: [{ command: 'skedia status' }],
    })
  }

  #process(name: string): SupervisedProcess {
    const process = this.#processes.get(name)
    if (process === undefined) throw new Error(`no process ${name} under this supervisor`)
    return process
  }

  #supervise(spec: ProcessSpec): SupervisedProcess {
    const { powers, cluster, dir, nodePath, nodeVersion, entry } = this.#options
    const paths = clusterPaths(dir)
    return new SupervisedProcess({
      name: spec.name,
      kind: spec.kind,
      ...commandLineOf({ cluster, paths, nodePath, nodeVersion, entry }, spec),
      env: this.#options.env,
      logFile: `${paths.logs}/${spec.name}.log`,
      clock: powers.clock,
      processes: powers.processes,
      onChange: () => this.#remember(),
      onUnaskedEnd: (reason, restartMs) => this.#tell(spec.name, reason, restartMs),
    })
  }

  /** A process that ends over and over is news the first few times only. */
  #tell(name: string, reason: string, restartMs: number): void {
    if (this.#process(name).view().failuresInRow > notesInRowMax) return
    const { name: cluster } = this.#options.cluster
    const flag = cluster === 'skedia' ? '' : ` --name ${cluster}`
    this.#options.onNote(
      `${name} ended (${reason}), started again in ${restartMs} ms · skedia logs ${name}${flag}`,
    )
  }

  /** Many changes in one moment are written down once. */
  #remember(): void {
    if (this.#isRemembering) return
    this.#isRemembering = true
    this.#options.powers.clock.setTimer(0, () => {
      this.#isRemembering = false
      const running = this.views().flatMap(({ name, pid }) => (pid === undefined ? [] : [{ name, pid }]))
      try {
        rememberChildren(this.#options.powers, clusterPaths(this.#options.dir).children, running)
      } catch (error) {
        // A full disk must not end a running cluster; the next change tries again.
        this.#options.powers.log.warn('the processes could not be written down', { error })
      }
    })
  }
}

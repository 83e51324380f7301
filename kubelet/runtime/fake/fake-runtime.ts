/**
 * The OCI verbs in memory. It keeps the promises of `OciRuntime` (one container per id, exits announced,
 * exit codes remembered) so that adoption, back-off and clean-up are real above it. It outlives kubelets.
 */
import { type Clock, formatMicroTime, sleep, type Timer } from '../../../platform/clock.ts'
import {
  type ContainerRecord,
  type ContainerSpec,
  type ExecResult,
  type ExecSession,
  type OciRuntime,
  RuntimeError,
  type RuntimeInfo,
} from '../oci-runtime.ts'
import { type FakeProgram, fakeProgram } from './fake-program.ts'

interface FakeContainer {
  readonly spec: ContainerSpec
  readonly program: FakeProgram
  record: ContainerRecord
  log: Uint8Array
  timer: Timer | undefined
}

export interface FakeRuntimeOptions {
  readonly clock: Clock
  /** How long `create` takes. */
  readonly createMs: number
  /** From SIGTERM to the end. */
  readonly terminateMs: number
}

const exitCodes: Readonly<Record<string, number>> = { SIGKILL: 137, SIGINT: 130, SIGQUIT: 131 }

export class FakeRuntime implements OciRuntime {
  readonly #options: FakeRuntimeOptions
  readonly #containers = new Map<string, FakeContainer>()
  readonly #listeners = new Set<(podUid: string | undefined) => void>()

  /** An empty node. */
  constructor(options: FakeRuntimeOptions) {
    this.#options = options
  }

  async info(): Promise<RuntimeInfo> {
    return { name: 'fake', version: 'simulated://1.0.0', isReal: false }
  }

  async create(spec: ContainerSpec): Promise<void> {
    if (this.#containers.has(spec.id))
      throw new RuntimeError('E_RUNTIME_CREATE', `container ${spec.id} exists already`)
    const program = fakeProgram(spec.arguments)
    const record: ContainerRecord = {
      ...spec.owner,
      id: spec.id,
      state: 'created',
      createdAtMs: this.#options.clock.wallMs(),
    }
    this.#containers.set(spec.id, { spec, program, record, log: new Uint8Array(), timer: undefined })
    await sleep(this.#options.clock, this.#options.createMs)
  }

  async start(id: string): Promise<ContainerRecord> {
    const container = this.#container(id)
    if (container.record.state !== 'created')
      throw new RuntimeError('E_RUNTIME_START', `container ${id} is ${container.record.state}`)
    container.record = { ...container.record, state: 'running', startedAtMs: this.#options.clock.wallMs() }
    this.#say(container, `simulated: no process runs for ${container.spec.arguments.join(' ')}`)
    for (const line of container.program.lines) this.#say(container, line)
    const { endsAfterMs, exitCode } = container.program
    if (endsAfterMs !== undefined) this.#endAfter(container, endsAfterMs, exitCode)
    return container.record
  }

  async state(id: string): Promise<ContainerRecord | undefined> {
    return this.#containers.get(id)?.record
  }

  async list(podUid?: string): Promise<readonly ContainerRecord[]> {
    const all = Array.from(this.#containers.values(), ({ record }) => record)
    return podUid === undefined ? all : all.filter((record) => record.podUid === podUid)
  }

  async kill(id: string, signal: string): Promise<boolean> {
    const container = this.#containers.get(id)
    if (container === undefined || container.record.state === 'exited') return false
    if (signal === 'SIGKILL') this.#end(container, 137)
    else if (container.program.endsAfterMs === undefined)
      this.#endAfter(container, this.#options.terminateMs, exitCodes[signal] ?? 0)
    else this.#endAfter(container, this.#options.terminateMs, exitCodes[signal] ?? 143)
    return true
  }

  async remove(id: string): Promise<void> {
    this.#containers.get(id)?.timer?.cancel()
    this.#containers.delete(id)
  }

  async releasePod(): Promise<void> {}

  async exec(id: string, command: readonly string[]): Promise<ExecResult> {
    if (this.#container(id).record.state !== 'running')
      throw new RuntimeError('E_RUNTIME_EXEC', `container ${id} is not running`)
    const { lines, exitCode, endsAfterMs } = fakeProgram(command)
    return { exitCode: endsAfterMs === undefined ? 0 : exitCode, output: lines.join('\n') }
  }

  async openExec(id: string, options: { readonly command: readonly string[] }): Promise<ExecSession> {
    const { exitCode, output } = await this.exec(id, options.command)
    const text = `${output === '' ? `simulated: ${options.command.join(' ')}` : output}\n`
    const chunks = [{ stream: 'stdout' as const, bytes: new TextEncoder().encode(text) }]
    return {
      read: async () => chunks.shift(),
      write: async () => {},
      endInput: () => {},
      resize: () => {},
      exited: Promise.resolve(exitCode),
      close: () => {},
    }
  }

  async writeInput(): Promise<void> {}

  async closeInput(): Promise<void> {}

  async resize(): Promise<void> {}

  readLog(id: string, position: number, lengthMax: number): Uint8Array {
    return this.#container(id).log.slice(position, position + lengthMax)
  }

  logLength(id: string): number {
    return this.#container(id).log.length
  }

  watchLog(id: string, onChange: () => void): { close(): void } {
    const { podUid } = this.#container(id).record
    return this.subscribe((changed) => {
      if (changed === undefined || changed === podUid) onChange()
    })
  }

  usage(): undefined {
    return undefined
  }

  subscribe(onChange: (podUid: string | undefined) => void): { close(): void } {
    this.#listeners.add(onChange)
    return { close: () => void this.#listeners.delete(onChange) }
  }

  async close(): Promise<void> {
    this.#listeners.clear()
  }

  /** The machine loses power: every container is gone, its records stay. */
  crashAll(): void {
    for (const container of this.#containers.values()) {
      if (container.record.state !== 'exited') this.#end(container, 137, true)
    }
  }

  #container(id: string): FakeContainer {
    const container = this.#containers.get(id)
    if (container === undefined) throw new RuntimeError('E_NO_CONTAINER', `no container ${id} on this node`)
    return container
  }

  #endAfter(container: FakeContainer, delayMs: number, exitCode: number): void {
    container.timer?.cancel()
    container.timer = this.#options.clock.setTimer(delayMs, () => this.#end(container, exitCode))
  }

  #end(container: FakeContainer, exitCode: number, isExitUnknown = false): void {
    container.timer?.cancel()
    const nowMs = this.#options.clock.wallMs()
    container.record = {
      ...container.record,
      state: 'exited',
      startedAtMs: container.record.startedAtMs ?? nowMs,
      finishedAtMs: nowMs,
      exitCode,
      isExitUnknown,
      wasOomKilled: false,
    }
    for (const listener of [...this.#listeners]) listener(container.record.podUid)
  }

  #say(container: FakeContainer, line: string): void {
    const stamp = formatMicroTime(this.#options.clock.wallMs()).replace('Z', '000Z')
    const bytes = new TextEncoder().encode(`${stamp} stdout F ${line}\n`)
    const log = new Uint8Array(container.log.length + bytes.length)
    log.set(container.log)
    log.set(bytes, container.log.length)
    container.log = log
  }
}

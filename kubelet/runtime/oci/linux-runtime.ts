/**
 * The OCI verbs by runc (or crun) on Linux. See `container-directory` for what lies on disk and `shim` for
 * what outlives the kubelet.
 *
 * Invariants: a container's id exists at most once; its exit is settled once (limits read, runc's state and
 * cgroup freed, root file system unmounted) and its record and log stay until `remove`. Nothing is kept
 * only in memory: a second instance over the same directory sees the same containers.
 */
import type { Clock } from '../../../platform/clock.ts'
import type { Files } from '../../../platform/files.ts'
import type { Log } from '../../../platform/log.ts'
import { messageOf } from '../../../platform/assert.ts'
import type { Processes } from '../../../platform/processes.ts'
import {
  type ContainerRecord,
  type ContainerSpec,
  type ExecResult,
  type ExecSession,
  type OciRuntime,
  RuntimeError,
  type RuntimeInfo,
} from '../oci-runtime.ts'
import type { Cgroups } from './cgroups.ts'
import { configJson } from './config-json.ts'
import {
  readContainer,
  type StoredContainer,
  type StoredEnd,
  type StoredProcess,
  writeJson,
} from './container-directory.ts'
import { openExecSession } from './exec-session.ts'
import { writeFifo } from './fifo.ts'
import { resolveUser } from './image-user.ts'
import { lastWords } from './last-words.ts'
import { parseExit, shimArguments, shimProgram } from './shim.ts'

export interface LinuxRuntimeOptions {
  readonly clock: Clock
  readonly processes: Processes
  readonly files: Files
  readonly log: Log
  readonly cgroups: Cgroups
  readonly rootDir: string
  /** The program: `runc`, `crun` or a path. */
  readonly runtime: string
  /** Where the program keeps its own state: `/run/runc`. */
  readonly runtimeRoot: string
  /** Control group above all of this node's: `/skedia/demo/n1`. */
  readonly cgroupRoot: string
  readonly architecture: string
}

const verbTimeoutMs = 120_000
/** How often living containers are looked at, in case a shim was killed and cannot tell. */
const relistMs = 10_000
const logBytesMax = 10 * 1024 * 1024
const execOutputMax = 10 * 1024

/** Opens the runtime over its directory. */
export async function openLinuxRuntime(options: LinuxRuntimeOptions): Promise<OciRuntime> {
  const runtime = new LinuxRuntime(options)
  await runtime.open()
  return runtime
}

class LinuxRuntime implements OciRuntime {
  readonly #options: LinuxRuntimeOptions
  readonly #files: Files
  readonly #containers = new Map<string, StoredContainer>()
  readonly #settling = new Map<string, Promise<void>>()
  readonly #listeners = new Set<(podUid: string | undefined) => void>()
  #watch: { close(): void } | undefined
  #relist: { cancel(): void } | undefined
  #execCount = 0
  #isClosed = false

  constructor(options: LinuxRuntimeOptions) {
    this.#options = options
    this.#files = options.files
  }

  async open(): Promise<void> {
    const { rootDir, architecture } = this.#options
    for (const name of ['containers', 'exits', 'logs'])
      this.#files.makeDirectory(`${rootDir}/${name}`, { mode: 0o711 })
    this.#files.write(this.#shimPath, shimProgram(architecture), { mode: 0o755 })
    for (const id of this.#files.list(`${rootDir}/containers`)) {
      const stored = readContainer(this.#files, this.#directory(id))
      if (stored !== undefined) this.#containers.set(id, stored)
      else await this.#discard(id, undefined)
    }
    this.#watch = this.#files.watch(`${rootDir}/exits`, () => this.#onExits())
    this.#scheduleRelist()
  }

  async info(): Promise<RuntimeInfo> {
    const { stdout } = await this.#options.processes.run({
      command: this.#options.runtime,
      args: ['--version'],
      timeoutMs: 10_000,
    })
    const [, name = 'runc', version = 'unknown'] = /^(\S+) version (\S+)/.exec(stdout) ?? []
    return { name, version: `${name}://${version}`, isReal: true }
  }

  async create(spec: ContainerSpec): Promise<void> {
    if (this.#containers.has(spec.id))
      throw new RuntimeError('E_RUNTIME_CREATE', `container ${spec.id} exists already`)
    const directory = this.#directory(spec.id)
    const { owner } = spec
    const record = {
      version: 1,
      id: spec.id,
      owner,
      createdAtMs: this.#options.clock.wallMs(),
      cgroupsPath: `${this.#options.cgroupRoot}/${spec.cgroupParent}/${spec.id}`,
      logPath: `${this.#logDirectory(owner)}/${owner.containerName}/${owner.attempt}.log`,
      fallsBackToLogs: spec.fallsBackToLogs,
    } as const
    const made: StoredContainer = { record, process: undefined, startedAtMs: undefined, end: undefined }
    this.#containers.set(spec.id, made)
    try {
      for (const name of ['upper', 'work', 'rootfs']) this.#files.makeDirectory(`${directory}/${name}`)
      this.#files.chmod(directory, 0o711)
      writeJson(this.#files, `${directory}/record.json`, record)
      const rootfs = await this.#mountRoot(spec, directory)
      this.#writeBundle(spec, directory, rootfs, record.cgroupsPath)
      const process = await this.#runShim(spec, directory, record.logPath)
      writeJson(this.#files, `${directory}/process.json`, process)
      this.#containers.set(spec.id, { ...made, process })
    } catch (error) {
      await this.#discard(spec.id, made)
      if (error instanceof RuntimeError) throw error
      throw new RuntimeError('E_RUNTIME_CREATE', `failed to create the container: ${messageOf(error)}`)
    }
  }

  async start(id: string): Promise<ContainerRecord> {
    const stored = this.#stored(id)
    const startedAtMs = this.#options.clock.wallMs()
    const result = await this.#runRuntime(['start', id])
    if (result.code !== 0) {
      throw new RuntimeError(
        'E_RUNTIME_START',
        `failed to start container "${stored.record.owner.containerName}": ${result.stderr.trim()}`,
      )
    }
    this.#files.write(`${this.#directory(id)}/started`, String(startedAtMs))
    this.#containers.set(id, { ...this.#stored(id), startedAtMs })
    return this.#recordOf(this.#stored(id))
  }

  async state(id: string): Promise<ContainerRecord | undefined> {
    await this.#settle(id)
    const stored = this.#containers.get(id)
    return stored && this.#recordOf(stored)
  }

  async list(podUid?: string): Promise<readonly ContainerRecord[]> {
    const wanted = () =>
      [...this.#containers.values()].filter(
        ({ record }) => podUid === undefined || record.owner.podUid === podUid,
      )
    for (const stored of wanted()) await this.#settle(stored.record.id)
    return wanted().map((stored) => this.#recordOf(stored))
  }

  async kill(id: string, signal: string): Promise<boolean> {
    const stored = this.#containers.get(id)
    if (stored === undefined || stored.end !== undefined) return false
    const result = await this.#runRuntime(['kill', id, signal])
    if (result.code === 0) return true
    await this.#settle(id)
    return false
  }

  async remove(id: string): Promise<void> {
    await this.#settling.get(id)
    const stored = this.#containers.get(id)
    if (stored === undefined) return
    if (stored.process !== undefined && stored.end === undefined) {
      await this.kill(id, 'SIGKILL')
      await this.#settle(id)
    }
    await this.#discard(id, stored)
    this.#files.remove(stored.record.logPath)
    this.#files.remove(`${stored.record.logPath}.1`)
  }

  async releasePod(podUid: string): Promise<void> {
    const { rootDir, cgroupRoot, cgroups } = this.#options
    for (const qos of ['', '/burstable', '/besteffort'])
      cgroups.remove(`${cgroupRoot}/kubepods${qos}/pod${podUid}`)
    for (const name of this.#files.list(`${rootDir}/logs`)) {
      if (name.endsWith(`_${podUid}`)) this.#files.remove(`${rootDir}/logs/${name}`)
    }
  }

  async exec(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    const { record } = this.#stored(id)
    this.#execCount += 1
    const pidFile = `${this.#directory(id)}/exec-${this.#execCount}.pid`
    const args = ['--root', this.#options.runtimeRoot, 'exec', '--pid-file', pidFile, record.id, ...command]
    try {
      const { processes, runtime } = this.#options
      const result = await processes.run({ command: runtime, args, timeoutMs, allowFailure: true })
      return {
        exitCode: result.code ?? 137,
        output: `${result.stdout}${result.stderr}`.slice(0, execOutputMax),
      }
    } catch (error) {
      // Past its time: the command itself must end too, not only runc which waits for it.
      if (this.#files.exists(pidFile))
        this.#options.processes.kill(Number(this.#files.readText(pidFile)), 'SIGKILL')
      throw new RuntimeError(
        'E_RUNTIME_EXEC',
        `command ${JSON.stringify(command)} timed out after ${timeoutMs} ms: ${messageOf(error)}`,
      )
    } finally {
      this.#files.remove(pidFile)
    }
  }

  async openExec(
    id: string,
    options: { readonly command: readonly string[]; readonly hasTty: boolean; readonly hasStdin: boolean },
  ): Promise<ExecSession> {
    const stored = this.#stored(id)
    if (stored.end !== undefined || stored.startedAtMs === undefined) {
      throw new RuntimeError(
        'E_NO_CONTAINER',
        `container ${stored.record.owner.containerName} is not running`,
      )
    }
    const { processes, runtime, runtimeRoot } = this.#options
    return openExecSession(processes, { runtime, runtimeRoot, id, ...options })
  }

  async writeInput(id: string, bytes: Uint8Array): Promise<void> {
    const fifo = `${this.#directory(id)}/stdin`
    if (!this.#files.exists(fifo))
      throw new RuntimeError('E_NO_CONTAINER', `container ${id} has no open standard input (stdin: true)`)
    await writeFifo(this.#options.clock, fifo, bytes)
  }

  async closeInput(id: string): Promise<void> {
    const { process, end } = this.#stored(id)
    if (process !== undefined && end === undefined) this.#options.processes.kill(process.shimPid, 'SIGUSR1')
  }

  async resize(id: string, size: { readonly width: number; readonly height: number }): Promise<void> {
    const { process } = this.#stored(id)
    if (process === undefined) return
    // The container's own end of its terminal, reached through its first process.
    const args = ['-F', `/proc/${process.pid}/fd/0`, 'cols', String(size.width), 'rows', String(size.height)]
    await this.#options.processes.run({ command: 'stty', args, timeoutMs: 2000, allowFailure: true })
  }

  readLog(id: string, position: number, lengthMax: number): Uint8Array {
    const path = this.#stored(id).record.logPath
    if (!this.#files.exists(path)) return new Uint8Array()
    return this.#files.readBytes(path, { position, length: lengthMax })
  }

  logLength(id: string): number {
    return this.#files.stat(this.#stored(id).record.logPath)?.sizeBytes ?? 0
  }

  watchLog(id: string, onChange: () => void): { close(): void } {
    const stored = this.#stored(id)
    const watch = this.#files.watch(stored.record.logPath, onChange)
    const listener = (podUid: string | undefined) => {
      if (podUid === undefined || podUid === stored.record.owner.podUid) onChange()
    }
    this.#listeners.add(listener)
    return {
      close: () => {
        watch.close()
        this.#listeners.delete(listener)
      },
    }
  }

  usage(id: string): { readonly memoryBytes: number; readonly cpuNanoseconds: number } | undefined {
    const stored = this.#containers.get(id)
    return stored && this.#options.cgroups.usage(stored.record.cgroupsPath)
  }

  subscribe(onChange: (podUid: string | undefined) => void): { close(): void } {
    this.#listeners.add(onChange)
    return { close: () => void this.#listeners.delete(onChange) }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#watch?.close()
    this.#relist?.cancel()
    this.#listeners.clear()
    await Promise.all(this.#settling.values())
  }

  get #shimPath(): string {
    return `${this.#options.rootDir}/shim.pl`
  }

  #directory(id: string): string {
    return `${this.#options.rootDir}/containers/${id}`
  }

  #logDirectory(owner: { podNamespace: string; podName: string; podUid: string }): string {
    return `${this.#options.rootDir}/logs/${owner.podNamespace}_${owner.podName}_${owner.podUid}`
  }

  #stored(id: string): StoredContainer {
    const stored = this.#containers.get(id)
    if (stored === undefined) throw new RuntimeError('E_NO_CONTAINER', `no container ${id} on this node`)
    return stored
  }

  #runRuntime(args: readonly string[]) {
    const { processes, runtime, runtimeRoot } = this.#options
    return processes.run({
      command: runtime,
      args: ['--root', runtimeRoot, ...args],
      timeoutMs: verbTimeoutMs,
      allowFailure: true,
    })
  }

  async #mountRoot(spec: ContainerSpec, directory: string): Promise<string> {
    const rootfs = `${directory}/rootfs`
    // The kernel takes the highest layer first, and at most a page of options: hence the short names.
    const [top = ''] = spec.layers
    const parent = top.slice(0, top.lastIndexOf('/'))
    const names = spec.layers.map((layer) =>
      layer.startsWith(`${parent}/`) ? layer.slice(parent.length + 1) : layer,
    )
    const lower = names.reverse().join(':')
    const data = `lowerdir=${lower},upperdir=${directory}/upper,workdir=${directory}/work`
    await this.#options.processes.run({
      command: 'mount',
      args: ['-t', 'overlay', `skedia-${spec.id.slice(0, 12)}`, '-o', data, rootfs],
      cwd: parent,
      timeoutMs: verbTimeoutMs,
    })
    return rootfs
  }

  #writeBundle(spec: ContainerSpec, directory: string, rootfs: string, cgroupsPath: string): void {
    const user = resolveUser({
      user: spec.user,
      group: spec.group,
      supplementalGroups: spec.supplementalGroups,
      passwd: this.#imageFile(`${rootfs}/etc/passwd`),
      groups: this.#imageFile(`${rootfs}/etc/group`),
    })
    if (spec.mustRunAsNonRoot && user.uid === 0) {
      throw new RuntimeError('E_CONTAINER_CONFIG', 'container has runAsNonRoot and image will run as root')
    }
    const terminationFile = `${directory}/termination`
    this.#files.write(terminationFile, '', { mode: 0o666 })
    this.#files.chmod(terminationFile, 0o666)
    if (spec.hasStdin) this.#files.makeFifo(`${directory}/stdin`)
    const config = configJson(spec, {
      rootfs,
      cgroupsPath,
      cgroupVersion: this.#options.cgroups.version,
      user,
      terminationFile,
      hasSharedMemoryMount: spec.mounts.some((mount) => mount.destination === '/dev/shm'),
    })
    writeJson(this.#files, `${directory}/config.json`, config)
  }

  /** A small file of the image; a link is not followed, since it would be followed on the host. */
  #imageFile(path: string): string {
    const stat = this.#files.stat(path)
    return stat?.type === 'file' && stat.sizeBytes < 1_000_000 ? this.#files.readText(path) : ''
  }

  async #runShim(spec: ContainerSpec, directory: string, log: string): Promise<StoredProcess> {
    const { processes, runtime, runtimeRoot, rootDir } = this.#options
    this.#files.makeDirectory(log.slice(0, log.lastIndexOf('/')))
    const result = await processes.run({
      command: 'perl',
      args: shimArguments({
        program: this.#shimPath,
        runtime,
        runtimeRoot,
        bundle: directory,
        id: spec.id,
        log,
        exitFile: `${rootDir}/exits/${spec.id}`,
        stdin: spec.hasStdin ? `${directory}/stdin` : undefined,
        hasTty: spec.hasTty,
      }),
      timeoutMs: verbTimeoutMs,
      allowFailure: true,
    })
    const [, pid, shimPid] = /^ok (\d+) (\d+)/.exec(result.stdout) ?? []
    if (pid === undefined || shimPid === undefined) {
      throw new RuntimeError(
        'E_RUNTIME_CREATE',
        createFailure(spec.owner.containerName, result.stderr || `exit ${result.code}`),
      )
    }
    const ticks = (id: number) => processes.find(id)?.startTicks ?? 0
    const [own, shim] = [Number(pid), Number(shimPid)]
    return { pid: own, pidStartTicks: ticks(own), shimPid: shim, shimStartTicks: ticks(shim) }
  }

  #onExits(): void {
    const directory = `${this.#options.rootDir}/exits`
    // Gone when somebody takes the whole node's directory away.
    for (const id of this.#files.exists(directory) ? this.#files.list(directory) : []) {
      const stored = this.#containers.get(id)
      if (stored === undefined || stored.end !== undefined) continue
      this.#settleLater(id)
    }
  }

  #scheduleRelist(): void {
    if (this.#isClosed) return
    this.#relist = this.#options.clock.setTimer(relistMs, () => {
      for (const [id, stored] of this.#containers) {
        this.#rotateLog(stored)
        if (stored.end !== undefined || stored.process === undefined || this.#isRunning(stored.process))
          continue
        this.#settleLater(id)
      }
      this.#scheduleRelist()
    })
  }

  /** A long log is put aside, the shim begins a new one; one old log is kept. */
  #rotateLog({ record, process, end }: StoredContainer): void {
    if (process === undefined || end !== undefined) return
    if ((this.#files.stat(record.logPath)?.sizeBytes ?? 0) < logBytesMax) return
    this.#files.rename(record.logPath, `${record.logPath}.1`)
    this.#files.write(record.logPath, '', { append: true })
    this.#options.processes.kill(process.shimPid, 'SIGHUP')
  }

  #tell(podUid: string | undefined): void {
    for (const listener of [...this.#listeners]) listener(podUid)
  }

  #settleLater(id: string): void {
    this.#settle(id).catch((error: unknown) =>
      this.#options.log.error('cannot settle an ended container', { id, error: messageOf(error) }),
    )
  }

  /** True while the shim or, should it have been killed, the container itself lives. */
  #isRunning(process: StoredProcess): boolean {
    const { processes } = this.#options
    const isShim = processes.find(process.shimPid)?.startTicks === process.shimStartTicks
    return isShim || processes.find(process.pid)?.startTicks === process.pidStartTicks
  }

  /** Takes note of a container's end, once. Returns at once while it lives. */
  #settle(id: string): Promise<void> {
    const running = this.#settling.get(id)
    if (running !== undefined) return running
    const stored = this.#containers.get(id)
    if (stored === undefined || stored.end !== undefined || stored.process === undefined)
      return Promise.resolve()
    const exitFile = `${this.#options.rootDir}/exits/${id}`
    const hasExit = this.#files.exists(exitFile)
    if (!hasExit && this.#isRunning(stored.process)) return Promise.resolve()
    const settling = this.#finish(
      id,
      stored,
      hasExit || this.#files.exists(exitFile) ? exitFile : undefined,
    ).finally(() => this.#settling.delete(id))
    this.#settling.set(id, settling)
    return settling
  }

  async #finish(id: string, stored: StoredContainer, exitFile: string | undefined): Promise<void> {
    const exit = exitFile === undefined ? undefined : parseExit(this.#files.readText(exitFile))
    const directory = this.#directory(id)
    const exitCode = exit?.exitCode ?? 137
    const end: StoredEnd = {
      exitCode,
      finishedAtMs: exit?.finishedAtMs ?? this.#options.clock.wallMs(),
      wasOomKilled: this.#options.cgroups.oomKills(stored.record.cgroupsPath) > 0,
      isExitUnknown: exit === undefined,
      terminationMessage: lastWords(this.#files, {
        path: `${directory}/termination`,
        logPath: stored.record.fallsBackToLogs && exitCode !== 0 ? stored.record.logPath : undefined,
      }),
    }
    // A container that ended before `start` had written its mark was started all the same.
    const startedAtMs =
      stored.startedAtMs ?? this.#containers.get(id)?.startedAtMs ?? stored.record.createdAtMs
    writeJson(this.#files, `${directory}/ended.json`, end)
    this.#containers.set(id, { ...stored, startedAtMs, end })
    // Whoever looked first, every worker hears of it.
    this.#tell(stored.record.owner.podUid)
    await this.#runRuntime(['delete', '--force', id])
    await this.#unmount(`${directory}/rootfs`)
    this.#files.remove(`${directory}/upper`)
    this.#files.remove(`${directory}/work`)
  }

  async #unmount(path: string): Promise<void> {
    if (!this.#files.exists(path)) return
    const { processes } = this.#options
    await processes.run({
      command: 'umount',
      args: ['-l', path],
      timeoutMs: verbTimeoutMs,
      allowFailure: true,
    })
  }

  /** Takes away all of a container, however far it came. */
  async #discard(id: string, stored: StoredContainer | undefined): Promise<void> {
    if (stored?.end === undefined) {
      if (stored?.process === undefined) this.#endCreators(id)
      await this.#runRuntime(['delete', '--force', id])
      await this.#unmount(`${this.#directory(id)}/rootfs`)
    }
    if (stored !== undefined) this.#options.cgroups.remove(stored.record.cgroupsPath)
    this.#containers.delete(id)
    this.#files.remove(this.#directory(id))
    this.#files.remove(`${this.#options.rootDir}/exits/${id}`)
  }

  /** A kubelet that was killed while it made a container left a shim and a runc that go on making it. */
  #endCreators(id: string): void {
    for (const pid of this.#files.list('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        if (this.#files.readText(`/proc/${pid}/cmdline`).includes(id))
          this.#options.processes.kill(Number(pid), 'SIGKILL')
      } catch {
        // It has just ended by itself.
      }
    }
  }

  #recordOf(stored: StoredContainer): ContainerRecord {
    const { record, process, startedAtMs, end } = stored
    const known = {
      ...record.owner,
      id: record.id,
      createdAtMs: record.createdAtMs,
      ...(startedAtMs === undefined ? {} : { startedAtMs }),
      ...(process === undefined ? {} : { pid: process.pid }),
    }
    if (end === undefined) return { ...known, state: startedAtMs === undefined ? 'created' : 'running' }
    return {
      ...known,
      state: 'exited',
      exitCode: end.exitCode,
      finishedAtMs: end.finishedAtMs,
      wasOomKilled: end.wasOomKilled,
      isExitUnknown: end.isExitUnknown,
      ...(end.terminationMessage === '' ? {} : { terminationMessage: end.terminationMessage }),
    }
  }
}

/** The line of runc's log that says why, in the words that users know from containerd. */
function createFailure(container: string, output: string): string {
  const reasons = [...output.matchAll(/msg="((?:[^"\\]|\\.)*)"/g)].map(
    (match) => match[1]?.replaceAll('\\"', '"') ?? '',
  )
  const reason = reasons.at(-1) ?? output.trim()
  return `failed to create container "${container}": OCI runtime create failed: ${reason}`
}

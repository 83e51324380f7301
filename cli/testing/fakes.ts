/** Small stand-ins for tests: time that only moves when told, files in memory, processes that obey. */
import type { Clock } from '../../platform/clock.ts'
import { type Files, FilesError, type FileStat } from '../../platform/files.ts'
import {
  type ChildProcess,
  ProcessError,
  type Processes,
  type ProcessExit,
  type SpawnOptions,
} from '../../platform/processes.ts'
import type { Shell } from '../shell.ts'

/** A clock that `advance` moves; timers fire in the order of their time. */
export class FakeClock implements Clock {
  #nowMs = 1000
  #timers: { atMs: number; callback: () => void }[] = []

  wallMs(): number {
    return 1_767_225_600_000 + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  setTimer(delayMs: number, callback: () => void) {
    const timer = { atMs: this.#nowMs + delayMs, callback }
    this.#timers.push(timer)
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer)
      },
    }
  }

  /** Moves on, firing what is due and letting promises settle in between. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    for (;;) {
      await settle()
      const due = this.#timers
        .filter((timer) => timer.atMs <= endMs)
        .sort((one, other) => one.atMs - other.atMs)[0]
      if (due === undefined) break
      this.#timers = this.#timers.filter((other) => other !== due)
      this.#nowMs = Math.max(this.#nowMs, due.atMs)
      due.callback()
    }
    this.#nowMs = endMs
    await settle()
  }
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve()
}

/** A child that ends when it is told to. */
export interface FakeChild {
  readonly options: SpawnOptions
  readonly pid: number
  readonly signals: string[]
  end(exit: Partial<ProcessExit>): void
}

/** Processes that only exist in a list. SIGKILL and SIGTERM end them, unless `ignoresTerm`. */
export class FakeProcesses implements Processes {
  readonly pid = 1
  readonly children: FakeChild[] = []
  readonly alive = new Map<number, number>()
  ignoresTerm = false
  cannotSpawn = false

  spawn(options: SpawnOptions): Promise<ChildProcess> {
    if (this.cannotSpawn)
      return Promise.reject(new ProcessError({ command: options.command, code: 'ENOENT' }))
    const pid = 100 + this.children.length
    const signals: string[] = []
    let end: (exit: ProcessExit) => void = () => {}
    const exited = new Promise<ProcessExit>((resolve) => {
      end = resolve
    })
    this.alive.set(pid, pid * 10)
    const finish = (exit: Partial<ProcessExit>) => {
      this.alive.delete(pid)
      end({ code: undefined, signal: undefined, ...exit })
    }
    this.children.push({ options, pid, signals, end: finish })
    return Promise.resolve({
      pid,
      exited,
      onLine: () => {},
      kill: (signal) => {
        if (!this.alive.has(pid)) return false
        signals.push(signal)
        if (signal === 'SIGKILL' || (signal === 'SIGTERM' && !this.ignoresTerm)) finish({ signal })
        return true
      },
    })
  }

  run(options: { readonly command: string }): Promise<never> {
    return Promise.reject(new ProcessError({ command: options.command, code: 'ENOENT' }))
  }

  find(pid: number) {
    const startTicks = this.alive.get(pid)
    return startTicks === undefined ? undefined : { startTicks }
  }

  kill(pid: number, signal: string): boolean {
    return signal === 'SIGKILL' ? this.alive.delete(pid) : this.alive.has(pid)
  }
}

/** Files in a map; directories are what paths imply, or were made. */
export class FakeFiles implements Files {
  readonly texts = new Map<string, string>()
  readonly directories = new Set<string>(['/'])
  readonly modes = new Map<string, number>()
  /** When set, every write fails with this code. */
  writeError: string | undefined

  readText(path: string): string {
    const text = this.texts.get(path)
    if (text === undefined) throw new FilesError({ code: 'ENOENT', path, attempted: 'read' })
    return text
  }

  readBytes(path: string, range?: { readonly position: number; readonly length: number }): Uint8Array {
    const bytes = new TextEncoder().encode(this.readText(path))
    return range ? bytes.subarray(range.position, range.position + range.length) : bytes
  }

  write(
    path: string,
    content: Uint8Array | string,
    options: { readonly mode?: number; readonly append?: boolean } = {},
  ): void {
    if (this.writeError) throw new FilesError({ code: this.writeError, path, attempted: 'write' })
    const text = typeof content === 'string' ? content : new TextDecoder().decode(content)
    this.texts.set(path, options.append ? (this.texts.get(path) ?? '') + text : text)
    this.modes.set(path, options.mode ?? 0o644)
  }

  makeDirectory(path: string): void {
    if (this.writeError) throw new FilesError({ code: this.writeError, path, attempted: 'create directory' })
    this.directories.add(path)
  }

  list(path: string): readonly string[] {
    const prefix = `${path}/`
    const below = [...this.texts.keys(), ...this.directories].filter((one) => one.startsWith(prefix))
    return [...new Set(below.map((one) => one.slice(prefix.length).split('/')[0] ?? ''))].sort()
  }

  stat(path: string): FileStat | undefined {
    const text = this.texts.get(path)
    if (text === undefined && !this.exists(path)) return undefined
    return {
      type: text === undefined ? 'directory' : 'file',
      sizeBytes: new TextEncoder().encode(text ?? '').length,
      mode: this.modes.get(path) ?? 0o755,
      uid: 0,
      gid: 0,
      modifiedMs: 0,
      inode: 1,
    }
  }

  exists(path: string): boolean {
    return this.texts.has(path) || this.directories.has(path) || this.list(path).length > 0
  }

  remove(path: string): void {
    for (const one of [...this.texts.keys()]) {
      if (one === path || one.startsWith(`${path}/`)) this.texts.delete(one)
    }
    this.directories.delete(path)
  }

  rename(from: string, to: string): void {
    this.texts.set(to, this.readText(from))
    this.texts.delete(from)
  }

  symlink(): void {}
  readLink(path: string): string {
    return path
  }
  link(): void {}
  chmod(): void {}
  chown(): void {}
  makeFifo(): void {}
  watch() {
    return { close: () => {} }
  }
}

/** A shell whose output is collected. */
export function fakeShell(
  options: { args?: readonly string[]; env?: Readonly<Record<string, string>>; uid?: number } = {},
): Shell & { readonly out: string[]; readonly err: string[] } {
  const out: string[] = []
  const err: string[] = []
  return {
    out,
    err,
    args: options.args ?? [],
    env: { HOME: '/home/ada', PATH: '/usr/bin', ...options.env },
    cwd: '/work',
    uid: options.uid ?? 0,
    nodePath: '/usr/bin/node',
    nodeVersion: '20.20.2',
    platform: 'linux x64',
    entry: '/skedia/bin/skedia.js',
    root: '/skedia',
    stdout: { isTty: false, columns: () => 100, write: (text) => void out.push(text) },
    stderr: { isTty: false, columns: () => 100, write: (text) => void err.push(text) },
    onSignal: () => () => {},
    exit: (code) => {
      throw new Error(`exit ${code}`)
    },
  }
}

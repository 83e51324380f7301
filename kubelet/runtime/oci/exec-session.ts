/**
 * A process in a container with live streams, by `runc exec`. Bytes, not lines, so it speaks to
 * `node:child_process` itself. A terminal is made by `script` (bsdutils), which gives runc the pty that it
 * insists on; its size is set on that pty by `stty`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Processes } from '../../../platform/processes.ts'
import type { ExecSession } from '../oci-runtime.ts'

export interface ExecCommand {
  readonly runtime: string
  readonly runtimeRoot: string
  readonly id: string
  readonly command: readonly string[]
  readonly hasTty: boolean
  readonly hasStdin: boolean
}

type Chunk = { readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array }

/** Starts the process. */
export function openExecSession(processes: Processes, options: ExecCommand): ExecSession {
  const child = start(options)
  const chunks = new ChunkPump(child)
  const exited = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127))
    child.once('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 137)))
  })
  return {
    read: () => chunks.read(),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        if (child.stdin === null || child.stdin.destroyed) resolve()
        else child.stdin.write(bytes, (error) => (error ? reject(error) : resolve()))
      }),
    endInput: () => void child.stdin?.end(),
    resize: ({ width, height }) => {
      const terminal = options.hasTty ? terminalOf(child.pid ?? 0) : undefined
      if (terminal === undefined) return
      const args = ['-F', terminal, 'cols', String(width), 'rows', String(height)]
      processes.run({ command: 'stty', args, timeoutMs: 2000, allowFailure: true }).catch(() => undefined)
    },
    exited,
    close: () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    },
  }
}

function start(options: ExecCommand): ChildProcess {
  const { runtime, runtimeRoot, id, command, hasTty, hasStdin } = options
  const args = [
    '--root',
    runtimeRoot,
    'exec',
    ...(hasTty ? ['--tty', '--env', 'TERM=xterm'] : []),
    id,
    ...command,
  ]
  const stdin = hasStdin || hasTty ? 'pipe' : 'ignore'
  if (!hasTty) return spawn(runtime, args, { stdio: [stdin, 'pipe', 'pipe'] })
  const line = [runtime, ...args].map(quote).join(' ')
  return spawn('script', ['--quiet', '--flush', '--return', '--command', line, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', SHELL: '/bin/sh', TERM: 'xterm' },
  })
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** The pty that runc, the grandchild of `script`, has as its standard input. */
function terminalOf(scriptPid: number): string | undefined {
  try {
    for (const child of childrenOf(scriptPid)) return `/proc/${child}/fd/0`
  } catch {
    return undefined // it has just ended
  }
  return undefined
}

function childrenOf(pid: number): readonly string[] {
  const tasks = readdirSync(`/proc/${pid}/task`)
  return tasks
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' '))
    .filter(Boolean)
}

/** Both outputs in order of arrival; holds the child back while nobody reads. */
class ChunkPump {
  readonly #chunks: Chunk[] = []
  readonly #child: ChildProcess
  #waiting: ((chunk: Chunk | undefined) => void) | undefined
  #openStreams = 0

  constructor(child: ChildProcess) {
    this.#child = child
    for (const name of ['stdout', 'stderr'] as const) {
      const source = child[name]
      if (source === null) continue
      this.#openStreams += 1
      source.on('data', (bytes: Uint8Array) => this.#push({ stream: name, bytes: new Uint8Array(bytes) }))
      source.once('close', () => this.#closeOne())
    }
    child.stdin?.on('error', () => {}) // the process closed its input: it says the rest by exiting
  }

  read(): Promise<Chunk | undefined> {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) {
      if (this.#chunks.length === 0) this.#setPaused(false)
      return Promise.resolve(chunk)
    }
    if (this.#openStreams === 0) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.#waiting = resolve
    })
  }

  #push(chunk: Chunk): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting !== undefined) {
      waiting(chunk)
      return
    }
    this.#chunks.push(chunk)
    this.#setPaused(true)
  }

  #setPaused(isPaused: boolean): void {
    for (const source of [this.#child.stdout, this.#child.stderr]) {
      if (isPaused) source?.pause()
      else source?.resume()
    }
  }

  #closeOne(): void {
    this.#openStreams -= 1
    if (this.#openStreams > 0) return
    this.#waiting?.(undefined)
    this.#waiting = undefined
  }
}

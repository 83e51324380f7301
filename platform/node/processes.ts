/** Child processes by `node:child_process`. */
import { type ChildProcess as NodeChild, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import {
  type ChildProcess,
  ProcessError,
  type Processes,
  type ProcessExit,
  type ProcessResult,
  type SpawnOptions,
} from '../processes.ts'
import { processStartTicks } from './process-table.ts'

const outputBytesMax = 16 * 1024 * 1024

function exitOf(code: number | null, signal: string | null): ProcessExit {
  return { code: code ?? undefined, signal: signal ?? undefined }
}

function started(child: NodeChild, command: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      const code = 'code' in error ? String(error.code) : 'EIO'
      reject(new ProcessError({ command, code, cause: error }))
    })
    child.once('spawn', () => resolve(child.pid ?? 0))
  })
}

async function spawnChild(options: SpawnOptions): Promise<ChildProcess> {
  const output = options.output ?? 'lines'
  const fd = typeof output === 'object' ? openSync(output.file, 'a') : undefined
  const sink = fd ?? (output === 'inherit' ? 'inherit' : 'pipe')
  const child = spawn(options.command, [...options.args], {
    // The open pipe on standard input is how the child learns that this process is gone: see `parent.ts`.
    stdio: [(options.dieWithParent ?? true) ? 'pipe' : 'ignore', sink, sink],
    detached: true,
    ...(options.env ? { env: { ...options.env } } : {}),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const exited = new Promise<ProcessExit>((resolve) =>
    child.once('exit', (code, signal) => resolve(exitOf(code, signal))),
  )
  child.stdin?.on('error', () => {}) // the child closed its end: it says so by exiting
  let pid: number
  try {
    pid = await started(child, options.command)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
  const handle: ChildProcess = {
    pid,
    exited,
    kill: (signal) =>
      child.exitCode === null && child.signalCode === null && child.kill(signal as NodeJS.Signals), // unsafe: names are the OS's own
    onLine: () => {},
  }
  for (const stream of ['stdout', 'stderr'] as const) {
    const source = child[stream]
    if (source) createInterface({ input: source }).on('line', (line) => handle.onLine(line, stream))
  }
  return handle
}

type RunOptions = Parameters<Processes['run']>[0]

/** Collects a stream's text up to the bound; the rest is dropped. */
function collect(source: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  source?.on('data', (chunk: Buffer) => {
    if (sizeBytes < outputBytesMax) chunks.push(chunk)
    sizeBytes += chunk.length
  })
  return () => Buffer.concat(chunks).toString('utf8')
}

async function run(options: RunOptions): Promise<ProcessResult> {
  const child = spawn(options.command, [...options.args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.env ? { env: { ...options.env } } : {}),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  const closed = new Promise<ProcessExit>((resolve) =>
    child.once('close', (code, signal) => resolve(exitOf(code, signal))),
  )
  child.stdin.on('error', () => {}) // it may end before it has read everything; its exit code tells
  await started(child, options.command)
  child.stdin.end(options.input)
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs)
  const onAbort = () => child.kill('SIGKILL')
  options.signal?.addEventListener('abort', onAbort, { once: true })
  if (options.signal?.aborted) onAbort()
  const exit = await closed
  clearTimeout(timer)
  options.signal?.removeEventListener('abort', onAbort)
  if (options.signal?.aborted) throw options.signal.reason
  const result = { ...exit, stdout: stdout(), stderr: stderr() }
  if (exit.code === undefined || (exit.code !== 0 && !options.allowFailure)) {
    throw new ProcessError({ command: [options.command, ...options.args].join(' '), code: 'EXIT', result })
  }
  return result
}

export function createNodeProcesses(): Processes {
  return {
    pid: process.pid,
    spawn: spawnChild,
    run,
    find: (pid) => {
      const startTicks = processStartTicks(pid)
      return startTicks === undefined ? undefined : { startTicks }
    },
    kill: (pid, signal) => {
      try {
        return process.kill(pid, signal)
      } catch {
        return false // ESRCH: it is gone
      }
    },
  }
}

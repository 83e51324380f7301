/**
 * exec and attach over WebSocket: one channel per stream in one connection.
 *
 * The first byte of a message is its channel: 0 stdin, 1 stdout, 2 stderr, 3 error (one Status at the end),
 * 4 resize; in v5 255 closes the channel that follows.
 * Source: Kubernetes "remotecommand" subprotocols v4 and v5 (KEP-4006).
 */
import { messageOf } from '../../platform/assert.ts'
import type { ByteConnection } from '../../platform/network.ts'
import type { ExecSession, OciRuntime } from '../runtime/oci-runtime.ts'
import type { LogSource } from './logs.ts'
import { WebSocket } from './web-socket.ts'

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const

/** Best first. */
export const commandProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'channel.k8s.io'] as const

/** The protocol to speak with a client that offers these; undefined when there is none in common. */
export function chooseProtocol(offered: string | undefined, known: readonly string[]): string | undefined {
  const names = (offered ?? '').split(',').map((name) => name.trim())
  return known.find((name) => names.includes(name))
}

/** Runs a command for a client until either ends. */
export async function serveExec(
  connection: ByteConnection,
  options: { session: ExecSession; hasTty: boolean },
): Promise<void> {
  const { session, hasTty } = options
  const stream = new ChannelStream(connection)
  await stream.open(hasTty ? ['stdout'] : ['stdout', 'stderr'])
  const input = pumpInput(stream, {
    write: (bytes) => session.write(bytes),
    end: async () => session.endInput(),
    resize: async (size) => session.resize(size),
    gone: () => session.close(),
  })
  try {
    for (let chunk = await session.read(); chunk !== undefined; chunk = await session.read()) {
      await stream.send(chunk.stream, chunk.bytes)
    }
    await stream.sendStatus(exitStatus(await session.exited))
  } catch (error) {
    session.close()
    await stream.sendStatus(failureStatus(messageOf(error))).catch(() => undefined)
  }
  await stream.close()
  await input
}

/** Joins a client to a running container: its log from now on, and its standard input. */
export async function serveAttach(
  connection: ByteConnection,
  options: { runtime: OciRuntime; id: string; log: LogSource; hasStdin: boolean; isStdinOnce: boolean },
): Promise<void> {
  const { runtime, id, log, hasStdin, isStdinOnce } = options
  const ended = async () => {
    if (isStdinOnce) await runtime.closeInput(id)
  }
  const stream = new ChannelStream(connection)
  await stream.open(['stdout'])
  const input = pumpInput(stream, {
    write: async (bytes) => {
      if (hasStdin) await runtime.writeInput(id, bytes)
    },
    end: ended,
    resize: (size) => runtime.resize(id, size),
    gone: () => log.cancel(),
  })
  try {
    for (let chunk = await log.read(); chunk !== undefined; chunk = await log.read())
      await stream.send('stdout', chunk)
    // How the container ended is told by its pod's status, not here.
    await stream.sendStatus(exitStatus(0))
  } catch (error) {
    log.cancel()
    await stream.sendStatus(failureStatus(messageOf(error))).catch(() => undefined)
  }
  await stream.close()
  await input
}

/** The Status at the end; a non-zero exit is a failure that carries its code. */
export function exitStatus(code: number): unknown {
  const head = { kind: 'Status', apiVersion: 'v1', metadata: {} }
  if (code === 0) return { ...head, status: 'Success' }
  return {
    ...head,
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  }
}

function failureStatus(message: string): unknown {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: 'InternalError',
    code: 500,
  }
}

interface InputSink {
  write(bytes: Uint8Array): Promise<void>
  end(): Promise<void>
  resize(size: { width: number; height: number }): Promise<void>
  gone(): void
}

/** Passes on what the client sends, until it is gone. Never rejects. */
async function pumpInput(stream: ChannelStream, sink: InputSink): Promise<void> {
  try {
    for (let message = await stream.read(); message !== undefined; message = await stream.read()) {
      if (message.channel === channels.stdin) await sink.write(message.payload)
      else if (message.channel === channels.resize) await sink.resize(sizeOf(message.payload))
      else if (message.channel === channels.close && message.payload[0] === channels.stdin) await sink.end()
    }
  } catch {
    // A cut connection is an end like any other.
  }
  sink.gone()
}

function sizeOf(payload: Uint8Array): { width: number; height: number } {
  const text = new TextDecoder().decode(payload)
  const [, width = '80'] = /"Width":(\d+)/.exec(text) ?? []
  const [, height = '24'] = /"Height":(\d+)/.exec(text) ?? []
  return { width: Number(width), height: Number(height) }
}

/** Messages with a channel. */
class ChannelStream {
  readonly #socket: WebSocket

  constructor(connection: ByteConnection) {
    this.#socket = new WebSocket(connection)
  }

  /** An empty message per channel tells the client that it is open. */
  async open(names: readonly (keyof typeof channels)[]): Promise<void> {
    for (const name of names) await this.send(name, new Uint8Array())
  }

  async send(name: keyof typeof channels, bytes: Uint8Array): Promise<void> {
    const message = new Uint8Array(bytes.length + 1)
    message[0] = channels[name]
    message.set(bytes, 1)
    await this.#socket.write(message)
  }

  async sendStatus(status: unknown): Promise<void> {
    await this.send('error', new TextEncoder().encode(JSON.stringify(status)))
  }

  async read(): Promise<{ readonly channel: number; readonly payload: Uint8Array } | undefined> {
    const message = await this.#socket.read()
    return message && { channel: message[0] ?? 0, payload: message.subarray(1) }
  }

  async close(): Promise<void> {
    await this.#socket.close()
  }
}

/**
 * `kubectl port-forward`: SPDY streams inside WebSocket messages, two per connection that a user's program
 * makes: `error`, on which this side says what went wrong, and `data`, which is joined to the pod's port.
 * Source: KEP-4006 (tunnelled port-forward); kubelet `portforward/httpstream.go`.
 */
import { messageOf } from '../../platform/assert.ts'
import type { ByteConnection } from '../../platform/network.ts'
import type { TaskGroup } from '../../platform/tasks.ts'
import type { PodConnection } from '../network/pod-network.ts'
import { type SpdyFrame, SpdyParser, SpdyWriter } from './spdy.ts'
import { WebSocket } from './web-socket.ts'

/** The subprotocol under which kubectl tunnels. */
export const portForwardProtocol = 'SPDY/3.1+portforward.k8s.io'

const dialTimeoutMs = 10_000
const streamsMax = 1000

export interface PortForwardOptions {
  /** Connects to a port of the pod. */
  readonly dial: (port: number, timeoutMs: number) => Promise<PodConnection>
  readonly tasks: TaskGroup
}

/** Serves one kubectl until it goes. */
export async function servePortForward(
  connection: ByteConnection,
  options: PortForwardOptions,
): Promise<void> {
  const tunnel = new Tunnel(connection, options)
  await tunnel.run()
}

interface Forwarded {
  /** Set once the pod's port has answered. */
  pod: PodConnection | undefined
  /** What came before that, and writes in order. */
  writing: Promise<void>
  isClosed: boolean
}

class Tunnel {
  readonly #socket: WebSocket
  readonly #options: PortForwardOptions
  readonly #parser = new SpdyParser()
  readonly #writer = new SpdyWriter()
  /** Error streams by request, waiting for their data stream. */
  readonly #errorStreams = new Map<string, number>()
  readonly #forwarded = new Map<number, Forwarded>()

  constructor(connection: ByteConnection, options: PortForwardOptions) {
    this.#socket = new WebSocket(connection)
    this.#options = options
  }

  async run(): Promise<void> {
    try {
      for (let bytes = await this.#socket.read(); bytes !== undefined; bytes = await this.#socket.read()) {
        for (const frame of this.#parser.push(bytes)) await this.#take(frame)
      }
    } finally {
      for (const { pod } of this.#forwarded.values()) pod?.cancel()
      await this.#socket.close()
    }
  }

  async #take(frame: SpdyFrame): Promise<void> {
    switch (frame.kind) {
      case 'syn-stream':
        return await this.#open(frame.streamId, frame.headers)
      case 'data':
        return await this.#forward(frame.streamId, frame.payload, frame.isFinal)
      case 'reset':
        this.#end(frame.streamId)
        return
      case 'ping':
        return await this.#socket.write(this.#writer.ping(frame.payload))
      default:
        return
    }
  }

  async #open(streamId: number, headers: ReadonlyMap<string, string>): Promise<void> {
    await this.#socket.write(this.#writer.reply(streamId))
    const request = headers.get('requestid') ?? headers.get('port') ?? ''
    if (headers.get('streamtype') === 'error') {
      this.#errorStreams.set(request, streamId)
      return
    }
    const errorStream = this.#errorStreams.get(request)
    this.#errorStreams.delete(request)
    if (errorStream === undefined || this.#forwarded.size >= streamsMax) return
    const forwarded: Forwarded = { pod: undefined, writing: Promise.resolve(), isClosed: false }
    this.#forwarded.set(streamId, forwarded)
    const port = Number(headers.get('port'))
    const opening = this.#options.dial(port, dialTimeoutMs)
    forwarded.writing = opening.then(
      (pod) => {
        forwarded.pod = pod
      },
      () => {}, // told on the error stream below
    )
    this.#options.tasks.run('port-forward', () => this.#pump({ streamId, errorStream, port, opening }))
  }

  /** From the pod to kubectl, until the pod is done. */
  async #pump(stream: {
    streamId: number
    errorStream: number
    port: number
    opening: Promise<PodConnection>
  }): Promise<void> {
    const { streamId, errorStream, port, opening } = stream
    let problem = ''
    try {
      const pod = await opening
      for (let bytes = await pod.read(); bytes !== undefined; bytes = await pod.read()) {
        await this.#socket.write(this.#writer.data(streamId, bytes, false))
      }
    } catch (error) {
      problem = `error forwarding port ${port} to the pod: ${messageOf(error)}`
    }
    this.#end(streamId)
    await this.#socket.write(this.#writer.data(streamId, new Uint8Array(), true)).catch(() => undefined)
    await this.#socket
      .write(this.#writer.data(errorStream, new TextEncoder().encode(problem), true))
      .catch(() => undefined)
  }

  /** From kubectl to the pod, in order. The tunnel waits, so a slow pod holds kubectl back. */
  async #forward(streamId: number, payload: Uint8Array, isFinal: boolean): Promise<void> {
    const forwarded = this.#forwarded.get(streamId)
    if (forwarded === undefined) return
    await forwarded.writing
    try {
      if (payload.length > 0) await forwarded.pod?.write(payload)
      if (isFinal) forwarded.pod?.end()
    } catch {
      this.#end(streamId)
    }
  }

  #end(streamId: number): void {
    const forwarded = this.#forwarded.get(streamId)
    if (forwarded === undefined || forwarded.isClosed) return
    forwarded.isClosed = true
    forwarded.pod?.cancel()
    this.#forwarded.delete(streamId)
  }
}

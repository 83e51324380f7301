/**
 * The kubelet's own https server: logs, exec, attach, port-forward for the apiserver, and its health.
 *
 * Only clients with a certificate of the cluster's authority get in, and of those only the apiserver's
 * (`system:masters`) and whom `serverClients` names; `/healthz` is for everyone.
 */
import { pods } from '../../api/core/pod.ts'
import { parseTime } from '../../platform/clock.ts'
import type {
  HttpRequest,
  HttpResponse,
  HttpUpgrade,
  Listener,
  PeerIdentity,
} from '../../platform/network.ts'
import type { TaskGroup } from '../../platform/tasks.ts'
import type { PodManager } from '../pod-manager.ts'
import type { ContainerRecord } from '../runtime/oci-runtime.ts'
import type { WorkerContext } from '../worker-context.ts'
import { LogSource } from './logs.ts'
import { chooseProtocol, commandProtocols, serveAttach, serveExec } from './remote-command.ts'
import { portForwardProtocol, servePortForward } from './port-forward.ts'
import { acceptHeaders } from './web-socket.ts'

export interface ServerOptions {
  readonly context: WorkerContext
  readonly manager: PodManager
  readonly port: number
  readonly tasks: TaskGroup
}

type Found = { readonly record: ContainerRecord } | { readonly refusal: HttpResponse }

const masters = 'system:masters'

/** Listens. @throws NetworkError when the port is taken */
export async function startServer(options: ServerOptions): Promise<Listener> {
  const { context, port } = options
  const { config, powers } = context
  const server = new KubeletServer(options)
  return await powers.network.listenHttp({
    address: { host: config.address, port },
    tls: config.serverTls,
    handler: {
      request: (request) => server.handle(request),
      upgrade: (request) => server.upgrade(request),
    },
  })
}

function text(status: number, body: string): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: `${body}\n` }
}

class KubeletServer {
  readonly #context: WorkerContext
  readonly #manager: PodManager
  readonly #tasks: TaskGroup

  constructor(options: ServerOptions) {
    this.#context = options.context
    this.#manager = options.manager
    this.#tasks = options.tasks
  }

  async handle(request: HttpRequest): Promise<HttpResponse> {
    const url = new URL(request.url, 'https://kubelet')
    if (url.pathname === '/healthz') return text(200, 'ok')
    const refusal = this.#refuse(request.peer)
    if (refusal !== undefined) return refusal
    const [, verb, ...rest] = url.pathname.split('/')
    switch (verb) {
      case 'containerLogs':
        return await this.#logs(rest.map(decodeURIComponent), url.searchParams, request.signal)
      case 'pods':
        return this.#pods()
      case 'metrics':
        return {
          status: 200,
          headers: { 'content-type': 'text/plain; version=0.0.4' },
          body: await this.#context.powers.metrics.expose(),
        }
      default:
        return text(404, `no such path: ${url.pathname}`)
    }
  }

  async upgrade(request: HttpRequest): Promise<HttpResponse | HttpUpgrade> {
    const refusal = this.#refuse(request.peer)
    if (refusal !== undefined) return refusal
    const url = new URL(request.url, 'https://kubelet')
    const [, verb, ...rest] = url.pathname.split('/')
    const path = rest.map(decodeURIComponent)
    const key = request.headers['sec-websocket-key']
    if (verb === 'portforward' && key !== undefined) return this.#portForward(path, key, request)
    if (verb !== 'exec' && verb !== 'attach' && verb !== 'portforward')
      return text(404, `nothing to upgrade at ${url.pathname}`)
    if (key === undefined) {
      return text(
        400,
        `${verb} is served over WebSocket only, and the request asks for ${request.headers.upgrade}: use kubectl 1.30 or newer`,
      )
    }
    const protocol = chooseProtocol(request.headers['sec-websocket-protocol'], commandProtocols)
    if (protocol === undefined)
      return text(400, `no subprotocol in common: this kubelet speaks ${commandProtocols.join(', ')}`)
    const serve = verb === 'exec' ? await this.#exec(path, url.searchParams) : await this.#attach(path)
    return typeof serve === 'function' ? { status: 101, headers: acceptHeaders(key, protocol), serve } : serve
  }

  #portForward(path: readonly string[], key: string, request: HttpRequest): HttpResponse | HttpUpgrade {
    const [namespace = '', name = ''] = path
    const worker = this.#manager.find(namespace, name)
    if (worker === undefined) return text(404, `pod "${namespace}/${name}" not found on this node`)
    const offered = request.headers['sec-websocket-protocol']
    if (chooseProtocol(offered, [portForwardProtocol]) === undefined)
      return text(400, `no subprotocol in common: this kubelet speaks ${portForwardProtocol}`)
    const host = worker.sandbox?.ip || this.#context.config.address
    const { signal } = this.#tasks
    const dial = (port: number, timeoutMs: number) =>
      this.#context.host.network.dial({ host, port, timeoutMs, signal })
    return {
      status: 101,
      headers: acceptHeaders(key, portForwardProtocol),
      serve: (connection) => servePortForward(connection, { dial, tasks: this.#tasks }),
    }
  }

  async #exec(path: readonly string[], query: URLSearchParams): Promise<HttpResponse | HttpUpgrade['serve']> {
    const found = await this.#running(path)
    if ('refusal' in found) return found.refusal
    const command = query.getAll('command')
    if (command.length === 0) return text(400, 'you must specify at least 1 command for the container')
    const hasTty = query.get('tty') === 'true'
    const hasStdin = query.get('stdin') === 'true'
    const session = await this.#context.host.runtime.openExec(found.record.id, { command, hasTty, hasStdin })
    return (connection) => serveExec(connection, { session, hasTty })
  }

  async #attach(path: readonly string[]): Promise<HttpResponse | HttpUpgrade['serve']> {
    const found = await this.#running(path)
    if ('refusal' in found) return found.refusal
    const { runtime } = this.#context.host
    const { id } = found.record
    const worker = this.#manager.find(path[0] ?? '', path[1] ?? '')
    const container = worker?.pod.spec?.containers.find((one) => one.name === path[2])
    const hasStdin = container?.stdin === true
    const isStdinOnce = container?.stdinOnce === true
    const log = new LogSource(runtime, id, {
      isFollowed: true,
      hasTimestamps: false,
      tailLines: 0,
      limitBytes: undefined,
      sinceMs: undefined,
    })
    return (connection) => serveAttach(connection, { runtime, id, log, hasStdin, isStdinOnce })
  }

  async #running(path: readonly string[]): Promise<Found> {
    const [namespace = '', name = '', container = ''] = path
    const found = await this.#container(namespace, name, container, false)
    if ('refusal' in found || found.record.state === 'running') return found
    return { refusal: text(400, `container "${container}" of pod "${name}" is not running`) }
  }

  #refuse(peer: PeerIdentity | undefined): HttpResponse | undefined {
    if (peer === undefined) return text(401, 'Unauthorized: present a client certificate of the cluster')
    const allowed = [masters, ...(this.#context.config.serverClients ?? [])]
    if (allowed.includes(peer.commonName) || peer.organizations.some((group) => allowed.includes(group)))
      return undefined
    return text(403, `Forbidden (user=${peer.commonName}): only ${allowed.join(', ')} may call this kubelet`)
  }

  #pods(): HttpResponse {
    const items = this.#manager.pods
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ apiVersion: pods.version, kind: 'PodList', metadata: {}, items }),
    }
  }

  async #logs(path: readonly string[], query: URLSearchParams, signal: AbortSignal): Promise<HttpResponse> {
    const [namespace = '', name = '', container = ''] = path
    const found = await this.#container(namespace, name, container, query.get('previous') === 'true')
    if ('refusal' in found) return found.refusal
    const source = new LogSource(this.#context.host.runtime, found.record.id, {
      isFollowed: query.get('follow') === 'true',
      hasTimestamps: query.get('timestamps') === 'true',
      tailLines: numberOf(query.get('tailLines')),
      limitBytes: numberOf(query.get('limitBytes')),
      sinceMs: this.#since(query),
    })
    signal.addEventListener('abort', () => source.cancel(), { once: true })
    return { status: 200, headers: { 'content-type': 'text/plain' }, body: source }
  }

  #since(query: URLSearchParams): number | undefined {
    const time = query.get('sinceTime')
    if (time !== null) return parseTime(time)
    const seconds = numberOf(query.get('sinceSeconds'))
    return seconds === undefined ? undefined : this.#context.powers.clock.wallMs() - seconds * 1000
  }

  /** The container that is meant: its newest record, or the one before it. */
  async #container(namespace: string, name: string, container: string, isPrevious: boolean): Promise<Found> {
    const worker = this.#manager.find(namespace, name)
    if (worker === undefined)
      return { refusal: text(404, `pod "${namespace}/${name}" not found on this node`) }
    const records = await this.#context.host.runtime.list(worker.pod.metadata.uid ?? '')
    const own = records
      .filter((record) => record.containerName === container)
      .sort((a, b) => b.attempt - a.attempt)
    const record = isPrevious ? own[1] : own[0]
    if (record !== undefined) return { record }
    if (isPrevious)
      return { refusal: text(400, `previous terminated container "${container}" in pod "${name}" not found`) }
    const waiting = worker.status?.containerStatuses?.find((status) => status.name === container)?.state
      ?.waiting
    const why = waiting?.reason ?? 'ContainerCreating'
    return { refusal: text(400, `container "${container}" in pod "${name}" is waiting to start: ${why}`) }
  }
}

function numberOf(value: string | null): number | undefined {
  return value === null || !/^\d+$/.test(value) ? undefined : Number(value)
}

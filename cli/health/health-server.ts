/**
 * The small endpoint that every process has beside its work: `/healthz` (it lives), `/readyz` (it serves),
 * `/metrics` (Prometheus text), `/status` (JSON: name, ready, leading and what else the component tells).
 * Plain HTTP on a loopback or node address; it holds no secret. Actions need the cluster's fault token.
 */
import type { Metrics } from '../../platform/metrics.ts'
import type { Address, HttpRequest, HttpResponse, Listener, Network } from '../../platform/network.ts'

/** What the component tells about itself. */
export interface HealthSource {
  readonly name: string
  isReady(): boolean
  /** Undefined where nobody leads, as in proxies. */
  isLeading(): boolean | undefined
  /** More fields for `/status`. */
  detail(): unknown
  /** `POST /<action>`; the map's keys are the actions' names. */
  readonly actions: ReadonlyMap<string, () => void>
  /** The token that actions ask for; undefined: there are none. */
  readonly actionToken: string | undefined
}

/** The JSON of `/status`. */
export interface HealthStatus {
  readonly name: string
  readonly ready: boolean
  readonly leading?: boolean | undefined
  readonly detail?: unknown
}

/** Serves until the listener is closed. @throws NetworkError EADDRINUSE */
export function listenHealth(
  powers: { readonly network: Network; readonly metrics: Metrics },
  address: Address,
  source: HealthSource,
): Promise<Listener> {
  return powers.network.listenHttp({
    address,
    tls: undefined,
    handler: { request: (request) => answer(powers.metrics, source, request) },
  })
}

async function answer(metrics: Metrics, source: HealthSource, request: HttpRequest): Promise<HttpResponse> {
  const path = request.url.split('?')[0] ?? '/'
  if (request.method === 'POST') return act(source, path.slice(1), request)
  switch (path) {
    case '/healthz':
    case '/livez':
      return text(200, 'ok')
    case '/readyz':
      return source.isReady() ? text(200, 'ok') : text(503, 'not ready')
    case '/metrics':
      return {
        status: 200,
        headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
        body: await metrics.expose(),
      }
    case '/status': {
      const status: HealthStatus = {
        name: source.name,
        ready: source.isReady(),
        leading: source.isLeading(),
        detail: source.detail(),
      }
      return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(status) }
    }
    default:
      return text(404, 'paths: /healthz /livez /readyz /metrics /status')
  }
}

function act(source: HealthSource, name: string, request: HttpRequest): HttpResponse {
  const action = source.actions.get(name)
  if (action === undefined || source.actionToken === undefined) return text(404, `there is no action ${name}`)
  if (request.headers['authorization'] !== `Bearer ${source.actionToken}`)
    return text(401, 'the token is missing or wrong')
  action()
  return text(200, 'ok')
}

function text(status: number, body: string): HttpResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: `${body}\n` }
}

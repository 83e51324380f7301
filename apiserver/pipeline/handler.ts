/**
 * The way of every request, top-down:
 *
 *     request-info → authenticate → impersonate → flow-control → authorize → route
 *
 * Whatever is thrown on the way becomes one Status. A request that is not long-running has a deadline.
 */
import { badRequest, forbidden, tooManyRequests } from '../../api/meta/status.ts'
import type { Clock } from '../../platform/clock.ts'
import { withDeadline } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { Counter, Histogram, Metrics } from '../../platform/metrics.ts'
import type { HttpHandler, HttpRequest, HttpResponse, HttpUpgrade } from '../../platform/network.ts'
import { uuid, type Random } from '../../platform/random.ts'
import type { Authenticator } from '../authn/authenticator.ts'
import type { User } from '../authn/user.ts'
import { type AccessAttributes, type Authorizer, forbiddenText } from '../authz/authorizer.ts'
import { errorResponse, toApiError } from './error-response.ts'
import { type Exchange, warningHeaders } from './exchange.ts'
import { type FlowControl, isLongRunning } from './flow-control.ts'
import { impersonate } from './impersonate.ts'
import { untilAborted } from './race.ts'
import { parseRequestInfo, type RequestInfo } from './request-info.ts'

export interface HandlerParts {
  readonly clock: Clock
  readonly log: Log
  readonly random: Random
  readonly metrics: Metrics
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  readonly flow: FlowControl
  readonly requestTimeoutMs: number
  readonly route: (exchange: Exchange) => Promise<HttpResponse>
  readonly routeUpgrade: (exchange: Exchange) => Promise<HttpResponse | HttpUpgrade>
}

/** What is measured of requests. */
interface Instruments {
  readonly requests: Counter
  readonly seconds: Histogram
}

/** The handler that the listeners call. */
export function createHandler(parts: HandlerParts): HttpHandler {
  const instruments = instrumentsOf(parts.metrics)
  return {
    request: (http) => answer(parts, instruments, http, parts.route),
    upgrade: (http) => answer(parts, instruments, http, parts.routeUpgrade),
  }
}

function instrumentsOf(metrics: Metrics): Instruments {
  const requests = metrics.counter({
    name: 'apiserver_request_total',
    help: 'Requests by verb, group, version, resource, subresource and code.',
    labels: ['verb', 'group', 'version', 'resource', 'subresource', 'code'],
  })
  const seconds = metrics.histogram({
    name: 'apiserver_request_duration_seconds',
    help: 'Time from the request to the head of its response, long-running requests aside.',
    labels: ['verb', 'group', 'resource'],
    buckets: [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  })
  return { requests, seconds }
}

async function answer<R extends HttpResponse | HttpUpgrade>(
  parts: HandlerParts,
  instruments: Instruments,
  http: HttpRequest,
  route: (exchange: Exchange) => Promise<R>,
): Promise<R | HttpResponse> {
  const startMs = parts.clock.monotonicMs()
  const warnings: string[] = []
  const auditId = http.headers['audit-id'] ?? uuid(parts.random)
  let info: RequestInfo | undefined
  let response: R | HttpResponse
  try {
    info = readInfo(http)
    response = await admit(parts, http, { info, warnings }, route)
  } catch (thrown) {
    const { error, isBug } = toApiError(thrown)
    if (isBug && !http.signal.aborted)
      parts.log.error('a request failed', { method: http.method, url: http.url, error: thrown })
    response = errorResponse(error)
  }
  measure(instruments, info, response.status, (parts.clock.monotonicMs() - startMs) / 1000)
  const extra = { 'audit-id': auditId, 'cache-control': 'no-cache, private', ...warningHeaders(warnings) }
  return { ...response, headers: { ...extra, ...response.headers } }
}

function readInfo(http: HttpRequest): RequestInfo {
  try {
    return parseRequestInfo(http.method, http.url)
  } catch {
    throw badRequest(`the path ${http.url} is not valid percent-encoding`)
  }
}

async function admit<R>(
  parts: HandlerParts,
  http: HttpRequest,
  request: { readonly info: RequestInfo; readonly warnings: string[] },
  route: (exchange: Exchange) => Promise<R>,
): Promise<R> {
  const { info, warnings } = request
  const authenticated = await parts.authenticator.authenticate(http)
  const user = await impersonate(parts.authorizer, authenticated, http.headers)
  const release = parts.flow.enter(info, user)
  if (!release) throw tooManyRequests(1)
  try {
    await authorize(parts.authorizer, info, user)
    const run = (signal: AbortSignal) => route({ http, info, user, signal, warnings })
    if (isLongRunning(info)) return await run(http.signal)
    return await withDeadline(
      {
        clock: parts.clock,
        timeoutMs: parts.requestTimeoutMs,
        attempted: `${http.method} ${info.path}`,
        parent: http.signal,
      },
      (signal) => untilAborted(run(signal), signal),
    )
  } finally {
    release()
  }
}

/** What a request asks permission for. */
function accessOf(info: RequestInfo, user: User): AccessAttributes {
  return {
    user,
    verb: info.verb,
    isResource: info.isResource,
    group: info.group,
    version: info.version,
    resource: info.resource,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
    path: info.path,
  }
}

/** Anyone may ask how the server is, also while RBAC is not loaded (upstream's always-allow paths). */
const alwaysAllowed = new Set(['/healthz', '/livez', '/readyz'])

async function authorize(authorizer: Authorizer, info: RequestInfo, user: User): Promise<void> {
  if (!info.isResource && alwaysAllowed.has(info.path)) return
  const attributes = accessOf(info, user)
  const decision = await authorizer.authorize(attributes)
  if (decision.allowed) return
  const subject = { group: info.group, resource: info.resource }
  throw forbidden(subject, info.name, forbiddenText(attributes, decision.reason))
}

function measure(
  { requests, seconds }: Instruments,
  info: RequestInfo | undefined,
  status: number,
  tookSeconds: number,
): void {
  const labels = {
    verb: (info?.verb ?? '').toUpperCase(),
    group: info?.group ?? '',
    resource: info?.resource ?? '',
  }
  requests.add(1, {
    ...labels,
    version: info?.version ?? '',
    subresource: info?.subresource ?? '',
    code: String(status),
  })
  if (info && !isLongRunning(info)) seconds.observe(tookSeconds, labels)
}

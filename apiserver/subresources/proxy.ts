/**
 * nodes, pods and services `/proxy/…`: the request passed on and its answer passed back. A node is its kubelet
 * (over TLS), a pod its own address, a service one of its ready endpoints. `name`, `name:port` and, for
 * services, `scheme:name:port` say where.
 */
import { endpointSlices } from '../../api/discovery/endpoint-slice.ts'
import { fieldOf, trusted } from '../../api/meta/json.ts'
import { badRequest, serviceUnavailable } from '../../api/meta/status.ts'
import type { EndpointSlice, Pod } from '../../api/types.ts'
import { formatAddress, type HttpClient, type HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { readBody } from '../pipeline/read-body.ts'
import { collectionPrefix } from '../storage/keys.ts'
import type { ResourceExchange } from '../verbs/resource-exchange.ts'
import { findSubject, kubeletError, nodeUrl } from './kubelet-connection.ts'

const passedBack = ['content-type', 'content-encoding', 'location', 'cache-control', 'etag']
const passedOn = ['accept', 'content-type', 'user-agent']
const httpPort = 80

interface Target {
  readonly client: HttpClient
  readonly base: string
}

/** @throws ApiError 400, 404, 503 */
export async function serveProxy(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const { info, http, signal } = request
  const { client, base } = await targetOf(parts, request)
  const mark = http.url.indexOf('?')
  const query = mark < 0 ? '' : http.url.slice(mark)
  const slash = info.path.endsWith('/') && info.rest.length > 0 ? '/' : ''
  const body = await readBody(http.body)
  const headers: Record<string, string> = {}
  for (const name of passedOn) {
    const value = http.headers[name]
    if (value !== undefined) headers[name] = value
  }
  try {
    const response = await client.request({
      method: http.method,
      url: `${base}/${info.rest.map(encodeURIComponent).join('/')}${slash}${query}`,
      headers,
      ...(body.length === 0 ? {} : { body }),
      signal,
    })
    const back: Record<string, string> = {}
    for (const name of passedBack) {
      const value = response.headers[name]
      if (value !== undefined) back[name] = value
    }
    return { status: response.status, headers: back, body: response.body }
  } catch (error) {
    throw kubeletError(error, base)
  }
}

async function targetOf(parts: Parts, request: ResourceExchange): Promise<Target> {
  const place = parsePlace(request.info.name)
  switch (request.kind.resource) {
    case 'nodes':
      return { client: parts.kubelets, base: await nodeUrl(parts, place.name) }
    case 'pods':
      return { client: parts.plain, base: await podUrl(parts, request, place) }
    default:
      return { client: parts.plain, base: await serviceUrl(parts, request, place) }
  }
}

interface Place {
  readonly name: string
  readonly port: string
}

/** `name`, `name:port`, `scheme:name:port`. @throws ApiError 400 */
export function parsePlace(text: string): Place {
  const parts = text.split(':')
  const [first = '', second = '', third = ''] = parts
  if (parts.length === 3 && first === 'https')
    throw badRequest('proxying to https ports of pods and services is not supported, use http')
  if (parts.length === 3) return { name: second, port: third }
  if (parts.length <= 2) return { name: first, port: second }
  throw badRequest(`invalid proxy target ${JSON.stringify(text)}: use name, name:port or scheme:name:port`)
}

async function podUrl(parts: Parts, request: ResourceExchange, place: Place): Promise<string> {
  const found = await findSubject(parts, { ...request, info: { ...request.info, name: place.name } })
  const pod = trusted<Pod>(found)
  const host = pod.status?.podIP ?? ''
  if (host === '') throw badRequest(`pod ${place.name} does not have a IP assigned yet`)
  const first = pod.spec?.containers.flatMap((container) => container.ports ?? [])[0]?.containerPort
  const port = place.port === '' ? (first ?? httpPort) : Number(place.port)
  return `http://${formatAddress({ host, port })}`
}

async function serviceUrl(parts: Parts, request: ResourceExchange, place: Place): Promise<string> {
  const { namespace } = request.info
  const found = await findSubject(parts, { ...request, info: { ...request.info, name: place.name } })
  const ports = fieldOf(found['spec'], 'ports')
  const wanted = Array.isArray(ports)
    ? ports.find(
        (port) =>
          place.port === '' || [fieldOf(port, 'name'), String(fieldOf(port, 'port'))].includes(place.port),
      )
    : undefined
  if (wanted === undefined)
    throw serviceUnavailable(
      `no service port ${JSON.stringify(place.port)} found for service ${JSON.stringify(place.name)}`,
    )
  const portName = fieldOf(wanted, 'name') ?? ''
  const { objects } = await parts.storage.list({ prefix: collectionPrefix(endpointSlices, namespace) })
  const choices = objects
    .map((stored) => trusted<EndpointSlice>(stored.object()))
    .filter((slice) => slice.metadata?.labels?.['kubernetes.io/service-name'] === place.name)
    .flatMap((slice) => {
      const port = (slice.ports ?? []).find((candidate) => (candidate.name ?? '') === portName)?.port
      const ready = (slice.endpoints ?? []).filter((endpoint) => endpoint.conditions?.ready !== false)
      return port === undefined
        ? []
        : ready.flatMap(({ addresses }) => addresses.map((host) => ({ host, port })))
    })
  const choice = choices[choices.length === 0 ? 0 : parts.registry.random.int(choices.length)]
  if (!choice) throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(place.name)}`)
  return `http://${formatAddress(choice)}`
}

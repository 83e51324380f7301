/**
 * exec, attach, portforward: the client's upgraded connection and the kubelet's, joined byte for byte. What
 * runs inside (WebSocket or SPDY frames) is between kubectl and the kubelet.
 */
import { findKind } from '../../api/catalog.ts'
import { badRequest, methodNotSupported, pageNotFound } from '../../api/meta/status.ts'
import type { ByteConnection, HttpResponse, HttpUpgrade } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import type { Exchange } from '../pipeline/exchange.ts'
import { readBody } from '../pipeline/read-body.ts'
import { containerOf, findSubject, kubeletError, kubeletUrl } from './kubelet-connection.ts'

const streams = new Set(['exec', 'attach', 'portforward'])
const forwardedHeaders = [
  'connection',
  'upgrade',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
  'x-stream-protocol-version',
]

/** @throws ApiError 400, 404, 405, 503 */
export async function serveUpgrade(parts: Parts, exchange: Exchange): Promise<HttpResponse | HttpUpgrade> {
  const { info, http, signal } = exchange
  const kind = info.isResource ? findKind(info.group, info.version, info.resource) : undefined
  if (!kind) throw pageNotFound()
  if (kind.group !== '' || kind.resource !== 'pods' || !streams.has(info.subresource))
    throw methodNotSupported(kind, 'upgrade')
  const pod = await findSubject(parts, { ...exchange, kind })
  const path = [info.subresource, info.namespace, info.name].map(encodeURIComponent)
  const query = new URLSearchParams(info.query)
  if (info.subresource !== 'portforward') {
    path.push(encodeURIComponent(containerOf(pod, query.get('container'))))
    query.delete('container')
  }
  const base = await kubeletUrl(parts, pod)
  const headers: Record<string, string> = {}
  for (const name of forwardedHeaders) {
    const value = http.headers[name]
    if (value !== undefined) headers[name] = value
  }
  try {
    const url = `${base}/${path.join('/')}?${query.toString()}`
    const response = await parts.kubelets.upgrade({ method: http.method, url, headers, signal })
    if (!('connection' in response))
      throw badRequest(new TextDecoder().decode(await readBody(response.body)).trim())
    const { connection } = response
    return {
      status: 101,
      headers: response.headers,
      serve: (client) => join(client, connection),
    }
  } catch (error) {
    throw kubeletError(error, base)
  }
}

/** exec, attach and portforward without `Upgrade`. @throws ApiError 400 */
export function refusePlain(): Promise<HttpResponse> {
  return Promise.reject(badRequest('Upgrade request required'))
}

/** Copies both ways until either side is done with both. */
export async function join(client: ByteConnection, kubelet: ByteConnection): Promise<void> {
  await Promise.all([copy(client, kubelet), copy(kubelet, client)])
}

async function copy(from: ByteConnection, to: ByteConnection): Promise<void> {
  try {
    for (;;) {
      const chunk = await from.read()
      if (!chunk) break
      await to.write(chunk)
    }
    to.end()
  } catch {
    from.cancel()
    to.cancel()
  }
}

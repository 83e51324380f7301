/**
 * nodes/{name}/proxy/…: the request passed on to the node's kubelet and its answer passed back.
 */
import { methodNotSupported } from '../../api/meta/status.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { readBody } from '../pipeline/read-body.ts'
import type { ResourceExchange } from '../verbs/resource-exchange.ts'
import { kubeletError, nodeUrl } from './kubelet-connection.ts'

const passedBack = ['content-type', 'content-encoding', 'location']

/** @throws ApiError 404, 405, 503 */
export async function serveNodeProxy(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const { info, http, kind, signal } = request
  if (kind.resource !== 'nodes') throw methodNotSupported(kind, info.verb)
  const base = await nodeUrl(parts, info.name.split(':')[0] ?? info.name)
  const path = info.rest.map(encodeURIComponent).join('/')
  const mark = http.url.indexOf('?')
  const query = mark < 0 ? '' : http.url.slice(mark)
  const body = await readBody(http.body)
  try {
    const response = await parts.kubelets.request({
      method: http.method,
      url: `${base}/${path}${query}`,
      ...(body.length === 0 ? {} : { body }),
      signal,
    })
    const headers: Record<string, string> = {}
    for (const name of passedBack) {
      const value = response.headers[name]
      if (value !== undefined) headers[name] = value
    }
    return { status: response.status, headers, body: response.body }
  } catch (error) {
    throw kubeletError(error, base)
  }
}

/** GET pods/{name}/log: the kubelet's log stream, passed on as it comes. */
import { badRequest, methodNotSupported } from '../../api/meta/status.ts'
import type { ByteSource, HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { readBody } from '../pipeline/read-body.ts'
import type { ResourceExchange } from '../verbs/resource-exchange.ts'
import { containerOf, findSubject, kubeletError, kubeletUrl } from './kubelet-connection.ts'

const passedOn = [
  'follow',
  'previous',
  'sinceSeconds',
  'sinceTime',
  'timestamps',
  'tailLines',
  'limitBytes',
  'stream',
]
const errorBytesMax = 64 * 1024

/** @throws ApiError 400, 404, 503 */
export async function serveLog(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const { info, signal } = request
  if (info.verb !== 'get') throw methodNotSupported(request.kind, info.verb)
  const pod = await findSubject(parts, request)
  const container = containerOf(pod, info.query.get('container'))
  const base = await kubeletUrl(parts, pod)
  const query = new URLSearchParams()
  for (const name of passedOn) {
    const value = info.query.get(name)
    if (value !== null) query.set(name, value)
  }
  const path = [info.namespace, info.name, container].map(encodeURIComponent).join('/')
  const url = `${base}/containerLogs/${path}?${query.toString()}`
  try {
    const response = await parts.kubelets.request({ method: 'GET', url, signal })
    if (response.status !== 200) throw badRequest(await errorText(response.body))
    return { status: 200, headers: { 'content-type': 'text/plain' }, body: response.body }
  } catch (error) {
    throw kubeletError(error, base)
  }
}

async function errorText(body: ByteSource): Promise<string> {
  return new TextDecoder().decode(await readBody(body, errorBytesMax)).trim()
}

/** Where a pod's kubelet listens, and the client that speaks to kubelets. */
import { nodes } from '../../api/core/node.ts'
import { fieldOf, trusted } from '../../api/meta/json.ts'
import { badRequest, internalError, notFound, serviceUnavailable } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Node, Pod } from '../../api/types.ts'
import { messageOf } from '../../platform/assert.ts'
import { formatAddress, NetworkError } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { objectKey } from '../storage/keys.ts'
import type { ResourceExchange } from '../verbs/resource-exchange.ts'

const kubeletPortDefault = 10_250
/** In which order a node's addresses are tried; names need DNS and come last. */
const dialable = ['InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS', 'ExternalDNS'] as const

/** The object that a request is about, as it is now. @throws ApiError 404 */
export async function findSubject(parts: Parts, request: ResourceExchange): Promise<KubeObject> {
  const { kind, info } = request
  const stored = await parts.storage.get(objectKey(kind, info.namespace, info.name))
  if (!stored) throw notFound(kind, info.name)
  return stored.object()
}

/** The container that a request names, or the pod's only or default one. @throws ApiError 400 */
export function containerOf(pod: KubeObject, asked: string | null): string {
  const { spec, metadata } = trusted<Pod>(pod)
  const all = [
    ...(spec?.containers ?? []),
    ...(spec?.initContainers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ].map((container) => container.name)
  const podName = metadata?.name ?? ''
  if (asked) {
    if (all.includes(asked)) return asked
    throw badRequest(`container ${asked} is not valid for pod ${podName}`)
  }
  const [only, ...more] = (spec?.containers ?? []).map((container) => container.name)
  if (only !== undefined && more.length === 0) return only
  throw badRequest(
    `a container name must be specified for pod ${podName}, choose one of: [${(spec?.containers ?? []).map((container) => container.name).join(' ')}]`,
  )
}

/** `https://10.64.0.2:10250` of the kubelet that runs a pod. @throws ApiError 400, 500 */
export async function kubeletUrl(parts: Parts, pod: KubeObject): Promise<string> {
  const name = fieldOf(pod['spec'], 'nodeName')
  if (typeof name !== 'string' || name === '')
    throw badRequest(`pod ${pod.metadata.name ?? ''} does not have a host assigned`)
  return await nodeUrl(parts, name)
}

/** The kubelet of a node. @throws ApiError 404, 500 */
export async function nodeUrl(parts: Parts, name: string): Promise<string> {
  const stored = await parts.storage.get(objectKey(nodes, '', name))
  if (!stored) throw notFound(nodes, name)
  const { status } = trusted<Node>(stored.object())
  const addresses = status?.addresses ?? []
  const address = dialable
    .map((type) => addresses.find((candidate) => candidate.type === type)?.address)
    .find((candidate) => candidate !== undefined)
  if (address === undefined) throw internalError(`node ${name} has reported no address yet`)
  const port = status?.daemonEndpoints?.kubeletEndpoint?.Port || kubeletPortDefault
  return `https://${formatAddress({ host: address, port })}`
}

/** What a failed connection to a kubelet becomes. */
export function kubeletError(error: unknown, url: string): unknown {
  if (!(error instanceof NetworkError)) return error
  return serviceUnavailable(`cannot reach the kubelet at ${url}: ${messageOf(error)}`)
}

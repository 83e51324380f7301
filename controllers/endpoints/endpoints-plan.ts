/**
 * The Endpoints object of a Service: the older twin of its slices, for clients that know only it. Pure.
 * Source: Kubernetes pkg/controller/endpoint; at most 1000 addresses, the rest is cut off and said so.
 */
import { deepEqual } from '../../api/meta/json.ts'
import type {
  EndpointPort,
  EndpointAddress,
  Endpoints,
  EndpointSubset,
  Pod,
  Service,
} from '../../api/types.ts'
import { addressTypes, type Backend, backendGroups, isHeadless } from './backends.ts'
import { headlessLabel } from './slice-plan.ts'

export const addressesMax = 1000
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity'

/** The object as it must be; undefined when `existing` is so already. */
export function planEndpoints(
  service: Service,
  pods: readonly Pod[],
  existing: Endpoints | undefined,
): Endpoints | undefined {
  const { subsets, isTruncated } = subsetsOf(service, pods)
  const { name, namespace } = service.metadata
  const labels = { ...service.metadata.labels, ...(isHeadless(service) ? { [headlessLabel]: '' } : {}) }
  const { [overCapacityAnnotation]: _, ...kept } = existing?.metadata.annotations ?? {}
  const annotations = isTruncated ? { ...kept, [overCapacityAnnotation]: 'truncated' } : kept
  const isSame =
    existing &&
    deepEqual(existing.subsets ?? [], subsets) &&
    deepEqual(existing.metadata.labels ?? {}, labels) &&
    deepEqual(existing.metadata.annotations ?? {}, annotations)
  if (isSame) return undefined
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { ...existing?.metadata, name, namespace, labels, annotations },
    subsets,
  }
}

function subsetsOf(
  service: Service,
  pods: readonly Pod[],
): { subsets: readonly EndpointSubset[]; isTruncated: boolean } {
  let room = addressesMax
  let isTruncated = false
  const subsets: EndpointSubset[] = []
  for (const { ports, backends } of backendGroups(service, pods, addressTypes(service)[0] ?? 'IPv4')) {
    // A terminating pod is in no list here: this API cannot say "serving, but going".
    const usable = backends.filter(({ ready, terminating }) => ready || !terminating)
    const taken = usable.slice(0, room)
    isTruncated ||= taken.length < usable.length
    room -= taken.length
    if (taken.length === 0) continue
    const ready = taken.filter((backend) => backend.ready).map(addressOf)
    const notReady = taken.filter((backend) => !backend.ready).map(addressOf)
    subsets.push({
      ...(ready.length > 0 ? { addresses: ready } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
      ports: ports.map(portOf),
    })
  }
  return { subsets, isTruncated }
}

function addressOf({ address, pod, hostname }: Backend): EndpointAddress {
  const { name, namespace, uid } = pod.metadata
  return {
    ip: address,
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  }
}

function portOf(port: {
  name: string
  port: number
  protocol: string
  appProtocol?: string | undefined
}): EndpointPort {
  const { name, ...rest } = port
  return name === '' ? rest : { name, ...rest }
}

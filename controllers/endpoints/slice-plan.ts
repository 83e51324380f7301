/**
 * EndpointSlices of a Service: at most 100 endpoints in each, as few writes as can be. Pure.
 *
 * What is in a slice already stays there; what is new fills the slices that are written anyway, then others
 * with room, then new ones. A new slice's name is made from its ordinal, so that two looks at one stale cache
 * cannot make it twice.
 */
import { endpointSlices } from '../../api/discovery/endpoint-slice.ts'
import { services } from '../../api/core/service.ts'
import { hashOf } from '../../api/meta/hash.ts'
import { canonicalJson, deepEqual } from '../../api/meta/json.ts'
import { serviceNameLabel } from '../../api/meta/labels.ts'
import { apiVersionOf, ownerReferenceFor } from '../../api/meta/owner.ts'
import type { Endpoint, EndpointSlice, Node, Pod, Service } from '../../api/types.ts'
import { byName } from '../framework/claim.ts'
import {
  type AddressType,
  addressTypes,
  type Backend,
  type BackendGroup,
  type BackendPort,
  backendGroups,
  isHeadless,
} from './backends.ts'

export const endpointsPerSliceMax = 100
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const managedBy = 'endpointslice-controller.k8s.io'
export const headlessLabel = 'service.kubernetes.io/headless'
const zoneLabel = 'topology.kubernetes.io/zone'

export interface ObservedService {
  readonly service: Service
  /** Pods that the Service selects. */
  readonly pods: readonly Pod[]
  /** Its slices that this controller manages. */
  readonly slices: readonly EndpointSlice[]
  readonly node: (name: string) => Node | undefined
}

export interface SlicePlan {
  readonly create: readonly EndpointSlice[]
  readonly update: readonly EndpointSlice[]
  readonly delete: readonly EndpointSlice[]
}

export function planSlices(observed: ObservedService): SlicePlan {
  const { service, slices } = observed
  const types = addressTypes(service)
  const plans = types.map((type) =>
    planFamily(
      observed,
      type,
      slices.filter((slice) => slice.addressType === type && !isGoing(slice)),
    ),
  )
  const foreign = slices.filter(({ addressType }) => !types.some((type) => type === addressType))
  return {
    create: plans.flatMap((plan) => plan.create),
    update: plans.flatMap((plan) => plan.update),
    delete: [...plans.flatMap((plan) => plan.delete), ...foreign.filter((slice) => !isGoing(slice))],
  }
}

function isGoing(slice: EndpointSlice): boolean {
  return slice.metadata.deletionTimestamp !== undefined
}

function planFamily(
  observed: ObservedService,
  type: AddressType,
  slices: readonly EndpointSlice[],
): SlicePlan {
  const { service, pods } = observed
  const found = backendGroups(service, pods, type)
  // Without any endpoint one empty slice stands for the Service.
  const groups: readonly BackendGroup[] = found.length > 0 ? found : [{ ports: [], backends: [] }]
  const names = new Set(slices.map(({ metadata }) => metadata.name))
  const left = new Set([...slices].sort(byName))
  const create: EndpointSlice[] = []
  const update: EndpointSlice[] = []
  for (const group of groups) {
    const matching = [...left].filter((slice) => isSamePorts(slice, group.ports))
    const { kept, contents } = distribute(group, matching, observed)
    for (const slice of kept) left.delete(slice)
    for (const { slice, endpoints } of contents) {
      const next = sliceWith(observed, { type, ports: group.ports, endpoints }, slice)
      if (!slice)
        create.push({ ...next, metadata: { ...next.metadata, name: freeName(service, type, names) } })
      else if (!isSameSlice(slice, next)) update.push(next)
    }
  }
  return reuse({ create, update, delete: [...left] })
}

/** A slice that would go and one that would come are one update: the slice keeps its name. */
function reuse(plan: SlicePlan): SlicePlan {
  const spare = [...plan.delete]
  const update = [...plan.update]
  const create: EndpointSlice[] = []
  for (const slice of plan.create) {
    const old = spare.shift()
    if (!old) create.push(slice)
    else update.push({ ...slice, metadata: { ...slice.metadata, ...identityOf(old) } })
  }
  return { create, update, delete: spare }
}

function identityOf({ metadata }: EndpointSlice) {
  const { name, namespace, uid, resourceVersion, creationTimestamp, generation, generateName } = metadata
  return { name, namespace, uid, resourceVersion, creationTimestamp, generation, generateName }
}

interface Content {
  /** Undefined: a new slice. */
  readonly slice: EndpointSlice | undefined
  readonly endpoints: readonly Endpoint[]
}

/** Which endpoints go into which slice. Slices that would be empty are not kept, unless all are. */
function distribute(
  group: BackendGroup,
  slices: readonly EndpointSlice[],
  observed: ObservedService,
): { readonly kept: readonly EndpointSlice[]; readonly contents: readonly Content[] } {
  const wanted = new Map(group.backends.map((backend) => [backend.address, endpointOf(backend, observed)]))
  const filled = slices.map((slice) => ({ slice, endpoints: takeKnown(slice, wanted) }))
  const rest = [...wanted.values()]
  const isTouched = ({ slice, endpoints }: (typeof filled)[number]) => !deepEqual(slice.endpoints, endpoints)
  for (const part of [...filled.filter(isTouched), ...filled.filter((each) => !isTouched(each))]) {
    part.endpoints.push(...rest.splice(0, Math.max(endpointsPerSliceMax - part.endpoints.length, 0)))
  }
  const contents: Content[] = filled.filter(({ endpoints }) => endpoints.length > 0)
  while (rest.length > 0) contents.push({ slice: undefined, endpoints: rest.splice(0, endpointsPerSliceMax) })
  if (contents.length === 0) contents.push({ slice: slices[0], endpoints: [] })
  return { kept: contents.flatMap(({ slice }) => (slice ? [slice] : [])), contents }
}

/** Takes the endpoints of a slice that are still wanted, in the slice's order, as they are now. */
function takeKnown(slice: EndpointSlice, wanted: Map<string, Endpoint>): Endpoint[] {
  return (slice.endpoints ?? []).flatMap(({ addresses }) => {
    const address = addresses[0] ?? ''
    const endpoint = wanted.get(address)
    wanted.delete(address)
    return endpoint ? [endpoint] : []
  })
}

function endpointOf(backend: Backend, { node }: ObservedService): Endpoint {
  const { pod, address, ready, serving, terminating, hostname } = backend
  const { name, namespace, uid } = pod.metadata
  const nodeName = pod.spec?.nodeName
  const zone = nodeName ? node(nodeName)?.metadata.labels?.[zoneLabel] : undefined
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName ? { nodeName } : {}),
    ...(zone === undefined ? {} : { zone }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  }
}

function isSamePorts(slice: EndpointSlice, ports: readonly BackendPort[]): boolean {
  const own = (slice.ports ?? []).map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
    name,
    port,
    protocol,
    appProtocol,
  }))
  return canonicalJson(own) === canonicalJson(ports)
}

function isSameSlice(a: EndpointSlice, b: EndpointSlice): boolean {
  return (
    deepEqual(a.endpoints ?? [], b.endpoints) &&
    deepEqual(a.metadata.labels ?? {}, b.metadata.labels) &&
    deepEqual(a.metadata.ownerReferences, b.metadata.ownerReferences)
  )
}

function sliceWith(
  { service }: ObservedService,
  content: { type: AddressType; ports: readonly BackendPort[]; endpoints: readonly Endpoint[] },
  existing: EndpointSlice | undefined,
): EndpointSlice {
  const name = service.metadata.name ?? ''
  const own = { [serviceNameLabel]: name, [managedByLabel]: managedBy }
  const { [headlessLabel]: _, ...inherited } = service.metadata.labels ?? {}
  return {
    apiVersion: apiVersionOf(endpointSlices),
    kind: endpointSlices.kind,
    metadata: {
      ...existing?.metadata,
      namespace: service.metadata.namespace,
      labels: { ...inherited, ...own, ...(isHeadless(service) ? { [headlessLabel]: '' } : {}) },
      ownerReferences: [ownerReferenceFor(service, services)],
    },
    addressType: content.type,
    endpoints: content.endpoints,
    ports: content.ports,
  }
}

/** The first name of the sequence that no slice has; it is taken then. */
function freeName(service: Service, type: AddressType, names: Set<string | undefined>): string {
  for (let ordinal = 0; ; ordinal += 1) {
    const suffix = hashOf([service.metadata.uid, type, ordinal]).slice(0, 5)
    const name = `${(service.metadata.name ?? '').slice(0, 57)}-${suffix}${ordinal < 1000 ? '' : ordinal}`
    if (names.has(name)) continue
    names.add(name)
    return name
  }
}

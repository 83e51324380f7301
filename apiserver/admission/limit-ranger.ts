/**
 * LimitRanger: a namespace's LimitRange fills missing requests and limits of containers and bounds what
 * containers, pods and claims may ask for. Source: k8s.io/kubernetes plugin/pkg/admission/limitranger.
 */
import { limitRanges } from '../../api/core/limit-range.ts'
import { podLimits, podRequests, parseResources, type Resources } from '../../api/core/pod-resources.ts'
import { anyKind } from '../../api/meta/kind-definition.ts'
import { trusted } from '../../api/meta/json.ts'
import { compareQuantities, formatQuantity, parseQuantity } from '../../api/meta/quantity.ts'
import { forbidden } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
} from '../../api/types.ts'
import { listObjectsOf, type Lookup } from './lookup.ts'
import { type AdmissionPlugin, type Attributes, isCore } from './plugin.ts'

type Texts = Readonly<Record<string, string | number>>

export function limitRanger(lookup: Lookup): AdmissionPlugin {
  const itemsOf = async (attributes: Attributes): Promise<readonly LimitRangeItem[]> => {
    const isMeant = isCore(attributes, 'pods') || isCore(attributes, 'persistentvolumeclaims')
    if (!isMeant || attributes.subresource !== '' || attributes.operation === 'DELETE') return []
    const found = await listObjectsOf(lookup, anyKind(limitRanges), attributes.namespace)
    return found.flatMap((object) => trusted<LimitRange>(object).spec?.limits ?? [])
  }
  return {
    name: 'LimitRanger',
    async mutate(attributes, object) {
      if (attributes.operation !== 'CREATE' || !isCore(attributes, 'pods')) return object
      return withDefaults(object, await itemsOf(attributes))
    },
    async validate(attributes) {
      if (attributes.operation === 'UPDATE' && isCore(attributes, 'pods')) return
      const { object } = attributes
      if (!object) return
      const problems = (await itemsOf(attributes)).flatMap((item) => problemsOf(attributes, object, item))
      if (problems.length > 0)
        throw forbidden(
          attributes.kind,
          attributes.name,
          problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`,
        )
    },
  }
}

function withDefaults(object: KubeObject, items: readonly LimitRangeItem[]): KubeObject {
  const forContainers = items.filter((item) => item.type === 'Container')
  const pod = trusted<Pod>(object)
  if (forContainers.length === 0 || !pod.spec) return object
  const fill = <C extends Pick<Container, 'resources'>>(container: C): C =>
    forContainers.reduce((filled, item) => withItem(filled, item), container)
  const { spec } = pod
  const next: PodSpec = {
    ...spec,
    containers: spec.containers.map(fill),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(fill) }),
  }
  return trusted<KubeObject>({ ...pod, spec: next })
}

function withItem<C extends Pick<Container, 'resources'>>(container: C, item: LimitRangeItem): C {
  const limits = { ...item.default, ...container.resources?.limits }
  const requests = { ...item.defaultRequest, ...container.resources?.requests }
  const resources = {
    ...container.resources,
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(Object.keys(requests).length === 0 ? {} : { requests }),
  }
  return { ...container, resources }
}

interface Asked {
  readonly requests: Resources
  readonly limits: Resources
}

function problemsOf(attributes: Attributes, object: KubeObject, item: LimitRangeItem): readonly string[] {
  return askedOf(attributes, object, item.type).flatMap((asked) => [
    ...belowMin(item, asked),
    ...aboveMax(item, asked),
    ...aboveRatio(item, asked),
  ])
}

function askedOf(attributes: Attributes, object: KubeObject, type: string): readonly Asked[] {
  if (isCore(attributes, 'persistentvolumeclaims')) {
    if (type !== 'PersistentVolumeClaim') return []
    const { spec } = trusted<PersistentVolumeClaim>(object)
    const requests = parseResources(spec?.resources?.requests)
    return [{ requests, limits: requests }]
  }
  const pod = trusted<Pod>(object)
  if (type === 'Pod') return [{ requests: podRequests(pod), limits: podLimits(pod) }]
  if (type !== 'Container') return []
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
  return containers.map(({ resources }) => ({
    requests: parseResources(resources?.requests),
    limits: parseResources(resources?.limits),
  }))
}

function belowMin(item: LimitRangeItem, asked: Asked): readonly string[] {
  return entries(item.min).flatMap(([name, text]) => {
    const found = asked.requests.get(name) ?? asked.limits.get(name)
    if (!found) return [`minimum ${name} usage per ${item.type} is ${text}.  No request is specified`]
    if (compareQuantities(found, parseQuantity(text)) >= 0) return []
    return [`minimum ${name} usage per ${item.type} is ${text}, but request is ${formatQuantity(found)}`]
  })
}

function aboveMax(item: LimitRangeItem, asked: Asked): readonly string[] {
  return entries(item.max).flatMap(([name, text]) => {
    const found = asked.limits.get(name)
    if (!found) return [`maximum ${name} usage per ${item.type} is ${text}.  No limit is specified`]
    if (compareQuantities(found, parseQuantity(text)) <= 0) return []
    return [`maximum ${name} usage per ${item.type} is ${text}, but limit is ${formatQuantity(found)}`]
  })
}

function aboveRatio(item: LimitRangeItem, asked: Asked): readonly string[] {
  return entries(item.maxLimitRequestRatio).flatMap(([name, text]) => {
    const limit = asked.limits.get(name)
    const request = asked.requests.get(name)
    if (!limit || !request || request.nano === 0n)
      return [
        `${name} max limit to request ratio per ${item.type} is ${text}, but no request is specified or request is 0`,
      ]
    const allowed = parseQuantity(text).nano * request.nano
    if (limit.nano * 1_000_000_000n <= allowed) return []
    const ratio = Number(limit.nano) / Number(request.nano)
    return [
      `${name} max limit to request ratio per ${item.type} is ${text}, but provided ratio is ${ratio.toFixed(6)}`,
    ]
  })
}

function entries(texts: Texts | undefined): readonly (readonly [string, string])[] {
  return Object.entries(texts ?? {}).map(([name, text]) => [name, String(text)] as const)
}

/**
 * What a pod asks of a node: requests and limits summed as the scheduler and the kubelet count them, and the
 * class of service that follows from them.
 *
 * Init containers run one after another, so the pod needs the largest of them or the sum of the others;
 * restartable ones (sidecars) stay and count into both. Overhead is added last.
 * Source: kubernetes staging/src/k8s.io/component-helpers/resource/helpers.go; pkg/apis/core/v1/helper/qos.
 */
import type { Quantity } from '../meta/quantity.ts'
import { addQuantities, maxQuantity, tryParseQuantity, zeroQuantity } from '../meta/quantity.ts'
import type { Container, Pod, PodSpec } from '../types.ts'

/** Amounts by resource name: `cpu`, `memory`, `ephemeral-storage`, `example.com/gpu`. */
export type Resources = ReadonlyMap<string, Quantity>

type ResourceTexts = { readonly [name: string]: string | number } | undefined

/** Reads a map of quantities; what is no quantity is left out. */
export function parseResources(texts: ResourceTexts): Resources {
  const resources = new Map<string, Quantity>()
  for (const [name, text] of Object.entries(texts ?? {})) {
    const quantity = tryParseQuantity(text)
    if (quantity !== undefined) resources.set(name, quantity)
  }
  return resources
}

/** The sum per resource. */
export function addResources(a: Resources, b: Resources): Resources {
  const sum = new Map(a)
  for (const [name, quantity] of b) sum.set(name, addQuantities(sum.get(name) ?? zeroQuantity, quantity))
  return sum
}

/** The larger per resource. */
export function maxResources(a: Resources, b: Resources): Resources {
  const larger = new Map(a)
  for (const [name, quantity] of b) larger.set(name, maxQuantity(larger.get(name) ?? quantity, quantity))
  return larger
}

const noResources: Resources = new Map()

function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always'
}

type ResourceSide = 'requests' | 'limits'

function aggregate(spec: PodSpec | undefined, side: ResourceSide): Resources {
  let running = noResources
  for (const container of spec?.containers ?? []) {
    running = addResources(running, parseResources(container.resources?.[side]))
  }
  let sidecars = noResources
  let starting = noResources
  for (const container of spec?.initContainers ?? []) {
    const own = parseResources(container.resources?.[side])
    if (isSidecar(container)) {
      running = addResources(running, own)
      sidecars = addResources(sidecars, own)
      starting = maxResources(starting, sidecars)
    } else starting = maxResources(starting, addResources(sidecars, own))
  }
  const containers = maxResources(running, starting)
  const podLevel = parseResources(spec?.resources?.[side])
  const merged = new Map(containers)
  for (const [name, quantity] of podLevel) merged.set(name, quantity)
  return merged
}

/** What the pod requests in all. Pod-level resources win over the containers' sum. */
export function podRequests(pod: Pick<Pod, 'spec'>): Resources {
  return addResources(aggregate(pod.spec, 'requests'), parseResources(pod.spec?.overhead))
}

/** What the pod is limited to in all; a resource that nobody limits is absent. */
export function podLimits(pod: Pick<Pod, 'spec'>): Resources {
  const limits = new Map(aggregate(pod.spec, 'limits'))
  for (const [name, overhead] of parseResources(pod.spec?.overhead)) {
    const limit = limits.get(name)
    if (limit !== undefined) limits.set(name, addQuantities(limit, overhead))
  }
  return limits
}

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

const qosResources = ['cpu', 'memory']

function amount(texts: ResourceTexts, name: string): bigint {
  return tryParseQuantity(texts?.[name])?.nano ?? 0n
}

/** Guaranteed: every container limits cpu and memory and requests as much; BestEffort: none asks for either. */
export function qosClass(pod: Pick<Pod, 'spec'>): QosClass {
  const spec = pod.spec
  const holders =
    spec?.resources === undefined ? [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])] : [spec]
  let asksForAny = false
  let isGuaranteed = holders.length > 0
  for (const { resources } of holders) {
    for (const name of qosResources) {
      const request = amount(resources?.requests, name)
      const limit = amount(resources?.limits, name)
      if (request > 0n || limit > 0n) asksForAny = true
      if (limit <= 0n || (request > 0n && request !== limit)) isGuaranteed = false
    }
  }
  if (!asksForAny) return 'BestEffort'
  return isGuaranteed ? 'Guaranteed' : 'Burstable'
}

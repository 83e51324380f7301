/**
 * Resource amounts as plain numbers, for arithmetic in the innermost loops: milli-CPUs and whole units of
 * all else (bytes, devices). Sums stay exact below 2^53. How a pod's requests add up is
 * `api/core/pod-resources`' business.
 */
import { parseResources, podRequests, type Resources } from '../../api/core/pod-resources.ts'
import { toMilli, toWhole } from '../../api/meta/quantity.ts'
import type { Container, Pod } from '../../api/types.ts'

export interface Amounts {
  readonly milliCpu: number
  readonly memoryBytes: number
  readonly ephemeralBytes: number
  /** Extended resources and huge pages by name; absent means 0. */
  readonly scalars: ReadonlyMap<string, number>
}

type ResourceList = { readonly [name: string]: string | number }

const noScalars: ReadonlyMap<string, number> = new Map()

/** Nothing at all. */
export const noAmounts: Amounts = { milliCpu: 0, memoryBytes: 0, ephemeralBytes: 0, scalars: noScalars }

/** Amounts of a resource list such as a node's `allocatable`. `pods` is not an amount and left out. */
export function amountsOf(list: ResourceList | undefined): Amounts {
  return list === undefined ? noAmounts : amountsOfQuantities(parseResources(list))
}

function amountsOfQuantities(resources: Resources): Amounts {
  let milliCpu = 0
  let memoryBytes = 0
  let ephemeralBytes = 0
  let scalars: Map<string, number> | undefined
  for (const [name, quantity] of resources) {
    if (name === 'cpu') milliCpu = toMilli(quantity)
    else if (name === 'memory') memoryBytes = toWhole(quantity)
    else if (name === 'ephemeral-storage') ephemeralBytes = toWhole(quantity)
    else if (name !== 'pods') {
      scalars ??= new Map()
      scalars.set(name, toWhole(quantity))
    }
  }
  return { milliCpu, memoryBytes, ephemeralBytes, scalars: scalars ?? noScalars }
}

/** `a + sign·b`. */
export function combine(a: Amounts, b: Amounts, sign: 1 | -1): Amounts {
  let scalars = a.scalars
  if (b.scalars.size > 0) {
    const sum = new Map(a.scalars)
    for (const [name, value] of b.scalars) {
      const next = (sum.get(name) ?? 0) + sign * value
      if (next === 0) sum.delete(name)
      else sum.set(name, next)
    }
    scalars = sum
  }
  return {
    milliCpu: a.milliCpu + sign * b.milliCpu,
    memoryBytes: a.memoryBytes + sign * b.memoryBytes,
    ephemeralBytes: a.ephemeralBytes + sign * b.ephemeralBytes,
    scalars,
  }
}

/** What a container counts as where it requests no CPU or no memory. */
export interface Unrequested {
  readonly milliCpu: number
  readonly memoryBytes: number
}

/** What a pod takes of its node, by its requests alone. */
export function podAmounts(pod: Pod): Amounts {
  return amountsOfQuantities(podRequests(pod))
}

/** The same, but a container that requests no CPU or no memory counts as `unrequested`. */
export function scoredPodAmounts(pod: Pod, unrequested: Unrequested): Amounts {
  const spec = pod.spec
  if (spec === undefined) return noAmounts
  const filled = (container: Container): Container => {
    const requests = container.resources?.requests
    if (requests?.cpu !== undefined && requests.memory !== undefined) return container
    const cpu = requests?.cpu ?? `${unrequested.milliCpu}m`
    const memory = requests?.memory ?? unrequested.memoryBytes
    return { ...container, resources: { ...container.resources, requests: { ...requests, cpu, memory } } }
  }
  const containers = spec.containers.map(filled)
  const initContainers = spec.initContainers?.map(filled)
  return amountsOfQuantities(podRequests({ spec: { ...spec, containers, initContainers } }))
}

/**
 * ResourceQuota, the basics: the number of objects of a kind and the compute that pods ask for. The use is
 * counted down by compare-and-swap on the quota's status before the object is written, so two creates
 * never use one allowance; the quota controller fills the status and gives back what was not used. A quota
 * without a status limits nothing yet.
 * Source: k8s.io/kubernetes pkg/quota, k8s.io/apiserver pkg/admission/plugin/resourcequota.
 */
import { podLimits, podRequests } from '../../api/core/pod-resources.ts'
import { resourceQuotas } from '../../api/core/resource-quota.ts'
import { anyKind } from '../../api/meta/kind-definition.ts'
import { trusted } from '../../api/meta/json.ts'
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  quantityOf,
  type Quantity,
  zeroQuantity,
} from '../../api/meta/quantity.ts'
import { conflict, forbidden } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Pod, ResourceQuota } from '../../api/types.ts'
import { objectKey } from '../storage/keys.ts'
import { encodeForStore, type StoredObject } from '../storage/stored-object.ts'
import { listObjectsOf, type Lookup } from './lookup.ts'
import type { AdmissionPlugin, Attributes } from './plugin.ts'

const racesMax = 10

export function resourceQuota(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'ResourceQuota',
    async validate(attributes) {
      if (attributes.operation !== 'CREATE' || attributes.subresource !== '' || !attributes.object) return
      if (!attributes.kind.namespaced || attributes.kind.resource === 'resourcequotas') return
      const quotas = await listObjectsOf(lookup, anyKind(resourceQuotas), attributes.namespace)
      if (quotas.length === 0) return
      const usage = usageOf(attributes, attributes.object)
      for (const quota of quotas) await spend(lookup, attributes, quota.metadata.name ?? '', usage)
    },
  }
}

/** What an object uses, by the names that quotas know. Pure. */
export function usageOf(
  attributes: Pick<Attributes, 'kind'>,
  object: KubeObject,
): ReadonlyMap<string, Quantity> {
  const { group, resource } = attributes.kind
  const one = quantityOf(1)
  const usage = new Map<string, Quantity>()
  usage.set(group === '' ? `count/${resource}` : `count/${resource}.${group}`, one)
  if (group !== '') return usage
  usage.set(resource, one)
  if (resource !== 'pods') return usage
  const pod = trusted<Pod>(object)
  for (const [name, quantity] of podRequests(pod)) {
    usage.set(name, quantity)
    usage.set(`requests.${name}`, quantity)
  }
  for (const [name, quantity] of podLimits(pod)) usage.set(`limits.${name}`, quantity)
  return usage
}

async function spend(
  lookup: Lookup,
  attributes: Attributes,
  name: string,
  usage: ReadonlyMap<string, Quantity>,
): Promise<void> {
  const key = objectKey(anyKind(resourceQuotas), attributes.namespace, name)
  let stored: StoredObject | undefined = await lookup.storage.get(key)
  for (let race = 0; race < racesMax; race += 1) {
    if (!stored) return
    const next = charged(attributes, stored.object(), usage)
    if (!next || attributes.dryRun) return
    const result = await lookup.storage.put(key, encodeForStore(next), stored.revision)
    if (result.outcome === 'written') return
    stored = result.found
  }
  throw conflict(anyKind(resourceQuotas), name)
}

/** The quota with the use added; undefined when it does not limit this. @throws ApiError 403 beyond the limit */
function charged(
  attributes: Attributes,
  object: KubeObject,
  usage: ReadonlyMap<string, Quantity>,
): KubeObject | undefined {
  const quota = trusted<ResourceQuota>(object)
  const hard = quota.status?.hard ?? {}
  const used: Record<string, string> = {}
  for (const [name, text] of Object.entries(quota.status?.used ?? {})) used[name] = String(text)
  const limited = Object.keys(hard).filter((name) => usage.has(name))
  if ((quota.spec?.scopes ?? []).length > 0 || quota.spec?.scopeSelector || limited.length === 0)
    return undefined
  const over = limited.filter((name) => {
    const sum = addQuantities(quantity(used[name]), usage.get(name) ?? zeroQuantity)
    return compareQuantities(sum, quantity(hard[name])) > 0
  })
  if (over.length > 0) throw exceeded(attributes, object, { hard, used, usage, over })
  for (const name of limited)
    used[name] = formatQuantity(addQuantities(quantity(used[name]), usage.get(name) ?? zeroQuantity))
  return trusted<KubeObject>({ ...quota, status: { ...quota.status, hard, used } })
}

function quantity(text: string | number | undefined): Quantity {
  return text === undefined ? zeroQuantity : parseQuantity(text)
}

function exceeded(
  attributes: Attributes,
  quota: KubeObject,
  found: {
    hard: Readonly<Record<string, string | number>>
    used: Readonly<Record<string, string>>
    usage: ReadonlyMap<string, Quantity>
    over: readonly string[]
  },
): Error {
  const texts = (of: (name: string) => string) => found.over.map((name) => `${name}=${of(name)}`).join(',')
  return forbidden(
    attributes.kind,
    attributes.name,
    `exceeded quota: ${quota.metadata.name ?? ''}, requested: ${texts((name) => formatQuantity(found.usage.get(name) ?? zeroQuantity))}, used: ${texts((name) => found.used[name] ?? '0')}, limited: ${texts((name) => String(found.hard[name]))}`,
  )
}

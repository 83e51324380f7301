/** Where a probe writes: into the store through its own protocol, and into the API through kubectl's address. */
import type { Powers } from '../../platform/powers.ts'
import { createStoreClient, prefixEnd } from '../../store/client/index.ts'
import { portOf, processesOfKind } from '../cluster/cluster-file.ts'
import { endpointOf } from '../cluster/configuration.ts'
import type { FoundCluster } from '../cluster/location.ts'
import { clusterIdentity } from '../cluster/pki.ts'
import { fetchText } from '../health/http-text.ts'
import type { StoredWrite } from './write-record.ts'

/** How long one write may take before it counts as failed. */
const writeTimeoutMs = 15_000
/** What cannot be cleaned up in this time stays: a few small keys of a cluster that is broken anyway. */
const cleanUpTimeoutMs = 3_000

export interface ProbeTarget {
  /** Resolves when the write is acknowledged. */
  write(sequence: number, signal: AbortSignal): Promise<void>
  /** Everything that is stored of this run, read from the leader. */
  readBack(): Promise<readonly StoredWrite[]>
  /** Removes what was written. */
  close(): Promise<void>
}

/** Each write a key of its own below `/skedia/probe/<run>/`: how often it was applied is its version. */
export function storeTarget(powers: Powers, found: FoundCluster, run: string): ProbeTarget {
  const encode = (text: string) => new TextEncoder().encode(text)
  const prefix = `/skedia/probe/${run}/`
  const range = { key: encode(prefix), rangeEnd: prefixEnd(encode(prefix)) }
  const client = createStoreClient(powers, {
    endpoints: processesOfKind(found.cluster, 'store').map((spec) => ({
      host: spec.host,
      port: portOf(spec, 'client'),
    })),
    tls: clusterIdentity(powers.files, found.dir, 'admin-store', 'store-ca'),
  })
  return {
    write: async (sequence, signal) => {
      const put = { type: 'put' as const, key: encode(`${prefix}${sequence}`), value: encode(`${sequence}`) }
      await client.txn({ compare: [], success: [put], failure: [] }, { timeoutMs: writeTimeoutMs, signal })
    },
    readBack: async () => {
      const { kvs } = await client.range(range, { timeoutMs: writeTimeoutMs })
      return kvs.map((kv) => ({ sequence: Number(new TextDecoder().decode(kv.value)), version: kv.version }))
    },
    close: async () => {
      try {
        await client.txn(
          { compare: [], success: [{ type: 'delete', ...range }], failure: [] },
          { timeoutMs: cleanUpTimeoutMs },
        )
      } finally {
        await client.close()
      }
    },
  }
}

/** Each write a ConfigMap of its own in kube-system, created through the front. */
export function apiTarget(powers: Powers, found: FoundCluster, run: string): ProbeTarget {
  const client = powers.network.httpClient({
    tls: clusterIdentity(powers.files, found.dir, 'admin'),
    connectTimeoutMs: 3_000,
  })
  const url = `${endpointOf(found.cluster)}/api/v1/namespaces/kube-system/configmaps`
  const label = `skedia.local/probe=${run}`
  const call = async (method: string, suffix: string, body: unknown, signal?: AbortSignal) => {
    const response = await fetchText(powers, client, {
      method,
      url: `${url}${suffix}`,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs: method === 'DELETE' ? cleanUpTimeoutMs : writeTimeoutMs,
      signal,
    })
    if (response.status >= 300)
      throw new Error(`${method} configmaps: ${response.status} ${response.text.slice(0, 300)}`)
    return response.text
  }
  return {
    write: async (sequence, signal) => {
      const metadata = { name: `probe-${run}-${sequence}`, labels: { 'skedia.local/probe': run } }
      await call('POST', '', { apiVersion: 'v1', kind: 'ConfigMap', metadata }, signal)
    },
    readBack: async () => {
      const list: unknown = JSON.parse(
        await call('GET', `?labelSelector=${encodeURIComponent(label)}`, undefined),
      )
      return namesIn(list).map((name) => ({
        sequence: Number(name.slice(name.lastIndexOf('-') + 1)),
        version: 1,
      }))
    },
    close: async () => {
      try {
        await call('DELETE', `?labelSelector=${encodeURIComponent(label)}`, undefined)
      } finally {
        client.close()
      }
    },
  }
}

function namesIn(list: unknown): readonly string[] {
  if (typeof list !== 'object' || list === null || !('items' in list) || !Array.isArray(list.items)) return []
  return list.items.flatMap((item: unknown) => {
    if (typeof item !== 'object' || item === null || !('metadata' in item)) return []
    const { metadata } = item
    if (typeof metadata !== 'object' || metadata === null || !('name' in metadata)) return []
    return typeof metadata.name === 'string' ? [metadata.name] : []
  })
}

/** What must hold at the end of a run, when every fault is over and the rollout has come to rest. */
import { deployments } from '../../api/apps/deployment.ts'
import { configMaps } from '../../api/core/config-map.ts'
import { pods } from '../../api/core/pod.ts'
import { isPodReady } from '../../api/core/pod-conditions.ts'
import type { Deployment, Pod } from '../../api/types.ts'
import type { ApiClient } from '../../client/index.ts'
import type { KeyValue, StoreClient } from '../../store/client/index.ts'
import type { Observer } from './observer.ts'
import { counterKey, type WorkloadHistory } from './workload.ts'

const bytes = new TextEncoder()
const text = new TextDecoder()
const everything = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) }

/** Whether the Deployment has come to rest as it was asked to; a sentence about what is missing otherwise. */
export function rolloutProblem(
  deployment: Deployment,
  owned: readonly Pod[],
  wanted: WorkloadHistory['wanted'],
): string | undefined {
  const { status, spec, metadata } = deployment
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0))
    return 'the controller has not seen the last change'
  if (spec?.replicas !== wanted.replicas)
    return `spec.replicas is ${spec?.replicas}, asked for ${wanted.replicas}`
  const counts = [status?.replicas, status?.updatedReplicas, status?.readyReplicas, status?.availableReplicas]
  if (counts.some((count) => count !== wanted.replicas)) {
    return `replicas, updated, ready, available are ${counts.map((count) => count ?? 0).join(', ')}; ${wanted.replicas} are wanted`
  }
  const wrong = owned.filter(
    (pod) =>
      pod.spec?.containers[0]?.image !== wanted.image ||
      !isPodReady(pod) ||
      pod.metadata.deletionTimestamp !== undefined,
  )
  if (owned.length !== wanted.replicas || wrong.length > 0)
    return `${owned.length} pods, ${wrong.length} of them not ready on ${wanted.image}`
  return undefined
}

/** Reads the rollout's state through the API. */
export async function readRollout(
  api: ApiClient,
  wanted: WorkloadHistory['wanted'],
): Promise<string | undefined> {
  const deployment = await api.resource(deployments, 'default').get('web')
  const { items } = await api.resource(pods, 'default').list({ labelSelector: 'app=web' })
  return rolloutProblem(deployment, items, wanted)
}

/** Every acknowledged write is there, as it was acknowledged; the counter adds up. */
export async function findLostWrites(
  store: StoreClient,
  api: ApiClient,
  history: WorkloadHistory,
): Promise<readonly string[]> {
  const problems: string[] = []
  const { kvs } = await store.range({
    key: bytes.encode('/sim/write/'),
    rangeEnd: bytes.encode('/sim/write0'),
  })
  const found = new Map(kvs.map((kv) => [text.decode(kv.key), kv]))
  for (const { key, value, revision } of history.storeWrites) {
    const kv = found.get(key)
    if (kv === undefined) problems.push(`the acknowledged write of ${key} at revision ${revision} is lost`)
    else if (text.decode(kv.value) !== value || kv.modRevision !== revision) {
      problems.push(
        `${key} was acknowledged as "${value}" at revision ${revision}, found "${text.decode(kv.value)}" at ${kv.modRevision}`,
      )
    }
  }
  const counter = await store.range({ key: bytes.encode(counterKey) })
  const final = Number(counter.kvs[0] === undefined ? 0 : text.decode(counter.kvs[0].value))
  const { acknowledged, unknown } = history.counter
  if (final < acknowledged || final > acknowledged + unknown) {
    problems.push(
      `the counter is ${final}; ${acknowledged} increments were acknowledged and ${unknown} are of unknown outcome`,
    )
  }
  const { items } = await api.resource(configMaps, 'default').list()
  const names = new Set(items.map((item) => item.metadata.name))
  for (const name of history.configMaps)
    if (!names.has(name)) problems.push(`the acknowledged ConfigMap ${name} is lost`)
  return problems
}

function fingerprint(kv: KeyValue): string {
  return `${text.decode(kv.key)} ${kv.createRevision} ${kv.modRevision} ${kv.version} ${text.decode(kv.value)}`
}

/** Every member holds the same keys at the same revision; compared member by member at `revision`. */
export async function findDivergence(
  members: readonly { readonly name: string; readonly store: StoreClient }[],
  revision: number,
): Promise<readonly string[]> {
  const problems: string[] = []
  let reference: { name: string; lines: readonly string[] } | undefined
  for (const { name, store } of members) {
    const { kvs } = await store.range({ ...everything, revision, serializable: true })
    const lines = kvs.map(fingerprint)
    reference ??= { name, lines }
    const other = reference.lines
    const difference = lines.findIndex((line, index) => line !== other[index])
    if (difference >= 0 || lines.length !== other.length) {
      problems.push(
        `${name} and ${reference.name} differ at revision ${revision}: ${lines[difference] ?? 'a key too few'} against ${other[difference] ?? 'a key too many'}`,
      )
    }
  }
  return problems
}

/** The watch that ran all along has the same state as a read at its revision. */
export async function findWatchGaps(store: StoreClient, observer: Observer): Promise<readonly string[]> {
  // The watch goes on while the read is under way: compare with what it had when the revision was taken.
  const { revision } = observer
  const state = new Map(observer.state)
  const { kvs } = await store.range({ ...everything, revision })
  const read = new Map(kvs.map((kv) => [text.decode(kv.key), kv.modRevision]))
  const problems: string[] = []
  for (const [key, { modRevision }] of state) {
    if (read.get(key) !== modRevision) {
      problems.push(
        `the watch ended with ${key} at revision ${modRevision}, the store has ${read.get(key) ?? 'none'}`,
      )
    }
  }
  for (const key of read.keys()) if (!state.has(key)) problems.push(`the watch never delivered ${key}`)
  return problems
}

/**
 * Namespace: empties a namespace that is going away, pods first, then lets it go.
 *
 *   Terminating ─► delete all pods ─► none left ─► delete everything else ─► none left ─► finalize
 *
 * Looks at the server, not at caches: what a cache does not show yet must not outlive its namespace.
 * Source: Kubernetes pkg/controller/namespace/deletion; KEP-5080 (ordered deletion).
 */
import { catalog } from '../api/catalog.ts'
import { namespaces } from '../api/core/namespace.ts'
import { pods as podResource } from '../api/core/pod.ts'
import type { Kind, Resource } from '../api/kind.ts'
import { deepEqual } from '../api/meta/json.ts'
import { setCondition } from '../api/meta/conditions.ts'
import { ApiError, isConflict, isNotFound } from '../api/meta/status.ts'
import type { Namespace, NamespaceCondition } from '../api/types.ts'
import { type ApiClient, type ApiObject, keyOf, listAll } from '../client/index.ts'
import { messageOf } from '../platform/assert.ts'
import type { Controller, ControllerContext, ReconcileResult } from './framework/controller.ts'
import { ignoreNotFound } from './framework/errors.ts'

export const namespaceFinalizer = 'kubernetes'
/** How soon a namespace that still has content is looked at again. */
const retryMs = 1000

/** What is left in a namespace after its deletion was asked for. */
export interface Remains {
  /** Objects by resource (`pods.`, `deployments.apps`), none with zero. */
  readonly counts: ReadonlyMap<string, number>
  /** Objects by finalizer that holds them. */
  readonly finalizers: ReadonlyMap<string, number>
  readonly failures: readonly string[]
}

/** The conditions that tell why a namespace is still there. Texts are upstream's. Pure. */
export function namespaceConditions(
  namespace: Namespace,
  remains: Remains,
  now: string,
): readonly NamespaceCondition[] {
  const { counts, finalizers, failures } = remains
  const list = (map: ReadonlyMap<string, number>, text: (name: string, count: number) => string) =>
    [...map]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => text(name, count))
      .join(', ')
  const contents = list(counts, (name, count) => `${name} has ${count} resource instances`)
  const holders = list(finalizers, (name, count) => `${name} in ${count} resource instances`)
  const wanted = [
    yes(
      'NamespaceDeletionDiscoveryFailure',
      false,
      'ResourcesDiscovered',
      'All resources successfully discovered',
    ),
    yes(
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ),
    failures.length > 0
      ? yes(
          'NamespaceDeletionContentFailure',
          true,
          'ContentDeletionFailed',
          `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(', ')}`,
        )
      : yes(
          'NamespaceDeletionContentFailure',
          false,
          'ContentDeleted',
          'All content successfully deleted, may be waiting on finalization',
        ),
    counts.size > 0
      ? yes(
          'NamespaceContentRemaining',
          true,
          'SomeResourcesRemain',
          `Some resources are remaining: ${contents}`,
        )
      : yes('NamespaceContentRemaining', false, 'ContentRemoved', 'All content successfully removed'),
    finalizers.size > 0
      ? yes(
          'NamespaceFinalizersRemaining',
          true,
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${holders}`,
        )
      : yes(
          'NamespaceFinalizersRemaining',
          false,
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        ),
  ]
  let conditions = namespace.status?.conditions ?? []
  for (const condition of wanted) conditions = setCondition(conditions, condition, now)
  return conditions
}

function yes(type: string, isTrue: boolean, reason: string, message: string): NamespaceCondition {
  return { type, status: isTrue ? 'True' : 'False', reason, message }
}

/** The kinds that live in namespaces and can be deleted: each stored collection once. */
export function namespacedContent(kinds: readonly Kind[]): readonly Kind[] {
  const seen = new Set<string>()
  return kinds.filter((kind) => {
    if (!kind.namespaced || !kind.verbs.includes('list') || !kind.verbs.includes('delete')) return false
    if (seen.has(kind.storagePath)) return false
    seen.add(kind.storagePath)
    return true
  })
}

/** The controller. */
export const namespaceController: Controller = {
  name: 'namespace-controller',
  start: (context) => {
    const all = context.informer(namespaces)
    const queue = context.reconciler('namespace', {
      reconcile: (key, signal) => reconcile(context, key, signal),
      workers: 10,
    })
    const look = (namespace: Namespace) => {
      if (namespace.metadata.deletionTimestamp !== undefined) queue.add(keyOf(namespace))
    }
    all.onChange({ add: look, update: (_, next) => look(next) })
    context.informer(podResource).onChange({
      delete: (pod) => {
        const namespace = all.get(undefined, pod.metadata.namespace ?? '')
        if (namespace) look(namespace)
      },
    })
  },
}

async function reconcile(
  context: ControllerContext,
  name: string,
  signal: AbortSignal,
): Promise<ReconcileResult | undefined> {
  const { client } = context
  const namespace = await ignoreNotFound(client.resource(namespaces).get(name, { signal }))
  if (!namespace || namespace.metadata.deletionTimestamp === undefined) return undefined
  if (!namespace.spec?.finalizers?.includes(namespaceFinalizer)) return undefined
  const remains = await deleteContent(client, name, signal)
  const conditions = namespaceConditions(namespace, remains, context.now())
  let latest = namespace
  if (!deepEqual(conditions, namespace.status?.conditions)) {
    const status = { ...namespace.status, phase: 'Terminating', conditions }
    latest = await client.resource(namespaces).updateStatus({ ...namespace, status }, { signal })
  }
  if (remains.counts.size > 0 || remains.failures.length > 0) return { requeueAfterMs: retryMs }
  await finalize(client, latest, signal)
  return undefined
}

/** Asks for the deletion of everything, pods before the rest, and counts what is still there. */
async function deleteContent(client: ApiClient, namespace: string, signal: AbortSignal): Promise<Remains> {
  const remains = {
    counts: new Map<string, number>(),
    finalizers: new Map<string, number>(),
    failures: [] as string[],
  }
  await deleteCollection(client, podResource, { namespace, remains, signal })
  if (remains.counts.size > 0 || remains.failures.length > 0) return remains
  for (const kind of namespacedContent(catalog)) {
    if (kind.group === '' && kind.resource === 'pods') continue
    await deleteCollection(client, kind, { namespace, remains, signal })
  }
  return remains
}

interface MutableRemains {
  readonly counts: Map<string, number>
  readonly finalizers: Map<string, number>
  readonly failures: string[]
}

async function deleteCollection<T extends ApiObject>(
  client: ApiClient,
  resource: Resource<T>,
  { namespace, remains, signal }: { namespace: string; remains: MutableRemains; signal: AbortSignal },
): Promise<void> {
  const objects = client.resource(resource, namespace)
  const label = `${resource.resource}.${resource.group}`
  try {
    const before = await listAll(objects, { signal })
    if (before.items.length === 0) return
    await objects.deleteCollection({ propagationPolicy: 'Background', signal })
    const { items } = await listAll(objects, { signal })
    if (items.length === 0) return
    remains.counts.set(label, items.length)
    for (const finalizer of items.flatMap(({ metadata }) => metadata.finalizers ?? [])) {
      remains.finalizers.set(finalizer, (remains.finalizers.get(finalizer) ?? 0) + 1)
    }
  } catch (error) {
    // Kinds that this server does not serve have no content.
    if (isNotFound(error) || (error instanceof ApiError && error.code === 405)) return
    if (!(error instanceof ApiError)) throw error
    remains.failures.push(`${label}: ${messageOf(error)}`)
  }
}

/** Takes the finalizer off; the server then removes the namespace. */
async function finalize(client: ApiClient, namespace: Namespace, signal: AbortSignal): Promise<void> {
  const finalizers = (namespace.spec?.finalizers ?? []).filter(
    (finalizer) => finalizer !== namespaceFinalizer,
  )
  const name = namespace.metadata.name ?? ''
  const resource = client.resource(namespaces)
  const body = { ...namespace, spec: { ...namespace.spec, finalizers } }
  await ignoreNotFound(resource.updateSubresource(name, 'finalize', body, { signal }))
  try {
    await resource.delete(name, { preconditions: { uid: namespace.metadata.uid }, signal })
  } catch (error) {
    // Gone already, or another namespace of that name: both fine.
    if (!isNotFound(error) && !isConflict(error)) throw error
  }
}

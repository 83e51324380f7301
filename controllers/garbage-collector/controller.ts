/**
 * Garbage collector: deletes what has lost all its owners, deletes dependents before their owner
 * (foreground), or sets them free (orphan).
 *
 * Every deletion rests on live reads: the object under its uid, and each of its owners. The deletion then
 * names uid and resourceVersion, so an owner reference that was added meanwhile makes it fail.
 * Source: Kubernetes pkg/controller/garbagecollector.
 */
import { catalog, findKindByGvk } from '../../api/catalog.ts'
import type { Kind, KubeObject } from '../../api/kind.ts'
import { parseApiVersion } from '../../api/meta/owner.ts'
import { isConflict, isNotFound } from '../../api/meta/status.ts'
import type { OwnerReference } from '../../api/types.ts'
import type { ApiObject, WorkQueue } from '../../client/index.ts'
import { unreachable } from '../../platform/assert.ts'
import type { Controller, ControllerContext } from '../framework/controller.ts'
import { AbsentOwners } from './absent-owners.ts'
import {
  blockingDependents,
  type CollectAction,
  decide,
  type OwnerFinding,
  type OwnerState,
} from './decide.ts'
import {
  foregroundFinalizer,
  type GraphEffects,
  type GraphNode,
  type Identity,
  OwnerGraph,
  orphanFinalizer,
  ownerIdentity,
} from './graph.ts'

interface Collector {
  readonly context: ControllerContext
  readonly graph: OwnerGraph
  readonly absent: AbsentOwners
  readonly deletions: WorkQueue
  readonly orphans: WorkQueue
}

const workers = 20

/** The kinds whose objects are tracked: all that can be listed, watched and deleted, each stored once; no Events. */
export function collectedKinds(kinds: readonly Kind[]): readonly Kind[] {
  const seen = new Set<string>(['events'])
  return kinds.filter(({ verbs, storagePath }) => {
    const isCollectable = verbs.includes('list') && verbs.includes('watch') && verbs.includes('delete')
    if (!isCollectable || seen.has(storagePath)) return false
    seen.add(storagePath)
    return true
  })
}

/** The controller. */
export const garbageCollectorController: Controller = {
  name: 'garbage-collector-controller',
  start: (context) => {
    const graph = new OwnerGraph()
    const absent = new AbsentOwners()
    const collector: Collector = {
      context,
      graph,
      absent,
      deletions: context.reconciler('garbage-collector-delete', {
        reconcile: (uid, signal) => collect(collector, uid, signal),
        workers,
      }),
      orphans: context.reconciler('garbage-collector-orphan', {
        reconcile: (uid, signal) => orphan(collector, uid, signal),
        workers,
      }),
    }
    for (const kind of collectedKinds(catalog)) {
      context.informer(kind).onChange({
        add: (object) => enqueue(collector, graph.put(object)),
        update: (_, object) => enqueue(collector, graph.put(object)),
        delete: (object) => removeNode(collector, object.metadata.uid ?? ''),
      })
    }
  },
}

function enqueue({ deletions, orphans }: Collector, effects: GraphEffects): void {
  for (const uid of effects.toDelete) deletions.add(uid)
  for (const uid of effects.toOrphan) orphans.add(uid)
}

function removeNode(collector: Collector, uid: string): void {
  const node = collector.graph.get(uid)
  if (node && node.dependents.size > 0) collector.absent.add(node.identity)
  enqueue(collector, collector.graph.remove(uid))
}

function kindOf(identity: Identity): Kind | undefined {
  const { group, version } = parseApiVersion(identity.apiVersion)
  return findKindByGvk(group, version, identity.kind)
}

/** The live object of that identity; undefined when it is gone or another has its name. */
async function readLive(
  { context }: Collector,
  kind: Kind,
  identity: Identity,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const namespace = kind.namespaced ? identity.namespace : undefined
  try {
    const live = await context.client.resource(kind, namespace).get(identity.name, { signal })
    return live.metadata.uid === identity.uid ? live : undefined
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

async function collect(collector: Collector, uid: string, signal: AbortSignal): Promise<void> {
  const { graph } = collector
  const node = graph.get(uid)
  if (!node || (node.isDeleting && !node.isWaiting)) return
  const kind = kindOf(node.identity)
  // An owner of a kind that this server does not know: nobody can say whether it is there.
  if (!kind) return
  const live = await readLive(collector, kind, node.identity, signal)
  if (!live) {
    removeNode(collector, uid)
    return
  }
  if (node.isVirtual) return
  if (node.isWaiting) {
    await finishForeground(collector, { node, kind, live, signal })
    return
  }
  const owners: OwnerFinding[] = []
  for (const reference of live.metadata.ownerReferences ?? []) {
    owners.push({ reference, state: await lookAtOwner(collector, { reference, live, signal }) })
  }
  const action = decide({ live, owners, dependents: graph.dependentsOf(uid) })
  await carryOut(collector, { kind, live, action, signal })
}

interface LookAt {
  readonly reference: OwnerReference
  readonly live: KubeObject
  readonly signal: AbortSignal
}

async function lookAtOwner(collector: Collector, { reference, live, signal }: LookAt): Promise<OwnerState> {
  const identity = ownerIdentity(reference, live.metadata.namespace)
  const kind = kindOf(identity)
  if (!kind) return 'unknown'
  // A namespaced owner of a cluster-wide object cannot be found: such a reference is an error, not an absence.
  if (kind.namespaced && identity.namespace === undefined) {
    reportInvalid(collector, reference, live)
    return 'unknown'
  }
  const scoped = kind.namespaced ? identity : { ...identity, namespace: undefined }
  if (collector.absent.has(scoped)) return 'dangling'
  const owner = await readLive(collector, kind, scoped, signal)
  if (!owner) {
    collector.absent.add(scoped)
    if (collector.graph.get(reference.uid)?.isVirtual === false) reportInvalid(collector, reference, live)
    return 'dangling'
  }
  const isGoing = owner.metadata.deletionTimestamp !== undefined
  return isGoing && owner.metadata.finalizers?.includes(foregroundFinalizer) ? 'waiting' : 'solid'
}

/** Says so when a reference names an object that lives in another namespace. */
function reportInvalid(
  { context, graph }: Collector,
  { apiVersion, kind, name, uid }: OwnerReference,
  live: ApiObject,
): void {
  const known = graph.get(uid)
  const { namespace = '' } = live.metadata
  if (known && known.identity.namespace === (namespace || undefined)) return
  const message = `ownerRef [${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}] does not exist in namespace "${namespace}"`
  context.recorder('garbage-collector-controller').event(live, 'Warning', 'OwnerRefInvalidNamespace', message)
}

interface CarryOut {
  readonly kind: Kind
  readonly live: KubeObject
  readonly action: CollectAction
  readonly signal: AbortSignal
}

async function carryOut(collector: Collector, { kind, live, action, signal }: CarryOut): Promise<void> {
  switch (action.type) {
    case 'none':
      return
    case 'drop-references':
      await patchMetadata(collector, { kind, live, signal }, withoutOwners(live, action.uids))
      return
    case 'delete': {
      const current = action.unblock
        ? await patchMetadata(collector, { kind, live, signal }, unblocked(live))
        : live
      if (current) await deleteLive(collector, { kind, live: current, signal }, action.policy)
      return
    }
    default:
      unreachable(action)
  }
}

interface Target {
  readonly kind: Kind
  readonly live: KubeObject
  readonly signal: AbortSignal
}

async function deleteLive(
  { context }: Collector,
  { kind, live, signal }: Target,
  propagationPolicy: 'Background' | 'Foreground' | 'Orphan',
): Promise<void> {
  const { uid, resourceVersion, namespace, name = '' } = live.metadata
  const preconditions = { uid, resourceVersion }
  try {
    await context.client.resource(kind, namespace).delete(name, { propagationPolicy, preconditions, signal })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

/** Patches metadata as it was read: another change in between makes it a conflict, and the queue tries again. */
async function patchMetadata(
  { context }: Collector,
  { kind, live, signal }: Target,
  metadata: Readonly<Record<string, unknown>>,
): Promise<KubeObject | undefined> {
  const { uid, resourceVersion, namespace, name = '' } = live.metadata
  const patch = { metadata: { uid, resourceVersion, ...metadata } }
  try {
    return await context.client.resource(kind, namespace).patch(name, patch, { type: 'merge', signal })
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

function withoutOwners({ metadata }: ApiObject, uids: readonly string[]): Readonly<Record<string, unknown>> {
  const left = (metadata.ownerReferences ?? []).filter(({ uid }) => !uids.includes(uid))
  return { ownerReferences: left.length > 0 ? left : null }
}

function unblocked({ metadata }: ApiObject): Readonly<Record<string, unknown>> {
  return {
    ownerReferences: (metadata.ownerReferences ?? []).map((owner) => ({
      ...owner,
      blockOwnerDeletion: false,
    })),
  }
}

function withoutFinalizer({ metadata }: ApiObject, finalizer: string): Readonly<Record<string, unknown>> {
  const left = (metadata.finalizers ?? []).filter((name) => name !== finalizer)
  return { finalizers: left.length > 0 ? left : null }
}

/** Foreground deletion of an owner: wait for the blocking dependents, then take the finalizer off. */
async function finishForeground(
  collector: Collector,
  { node, kind, live, signal }: Target & { readonly node: GraphNode },
): Promise<void> {
  const { uid } = node.identity
  const blocking = blockingDependents(uid, collector.graph.dependentsOf(uid))
  if (blocking.length > 0) {
    for (const dependent of blocking)
      if (!dependent.isWaiting) collector.deletions.add(dependent.identity.uid)
    return
  }
  if (!live.metadata.finalizers?.includes(foregroundFinalizer)) return
  await patchMetadata(collector, { kind, live, signal }, withoutFinalizer(live, foregroundFinalizer))
}

/** Sets the dependents of an owner free, then takes its finalizer off. */
async function orphan(collector: Collector, uid: string, signal: AbortSignal): Promise<void> {
  const node = collector.graph.get(uid)
  const kind = node && kindOf(node.identity)
  if (!node || !kind) return
  for (const dependent of collector.graph.dependentsOf(uid)) {
    const dependentKind = kindOf(dependent.identity)
    if (!dependentKind) continue
    const live = await readLive(collector, dependentKind, dependent.identity, signal)
    if (!live?.metadata.ownerReferences?.some((owner) => owner.uid === uid)) continue
    await patchMetadata(collector, { kind: dependentKind, live, signal }, withoutOwners(live, [uid]))
  }
  const live = await readLive(collector, kind, node.identity, signal)
  if (!live?.metadata.finalizers?.includes(orphanFinalizer)) return
  await patchMetadata(collector, { kind, live, signal }, withoutFinalizer(live, orphanFinalizer)).catch(
    (error: unknown) => {
      if (!isConflict(error)) throw error
      collector.orphans.add(uid)
    },
  )
}

/**
 * Who owns whom, as the informers tell it. Owns the graph, decides nothing.
 *
 *   Deployment ◄─── ReplicaSet ◄─── Pod      (dependents point to owners; the graph keeps both directions)
 *
 * An owner that is referred to but was never seen stands there as a virtual node until it is seen or a live
 * look has shown that it is not there. What the graph says is never enough to delete: each deletion is
 * checked by live reads (see decide.ts).
 * Source: Kubernetes pkg/controller/garbagecollector/graph_builder.go.
 */
import type { KubeObject } from '../../api/kind.ts'
import type { OwnerReference } from '../../api/types.ts'
import type { ApiObject } from '../../client/index.ts'

export const foregroundFinalizer = 'foregroundDeletion'
export const orphanFinalizer = 'orphan'

/** How to find an object at the server. */
export interface Identity {
  readonly apiVersion: string
  readonly kind: string
  /** Undefined at cluster scope. */
  readonly namespace: string | undefined
  readonly name: string
  readonly uid: string
}

export interface GraphNode {
  readonly identity: Identity
  readonly owners: readonly OwnerReference[]
  readonly dependents: ReadonlySet<string>
  /** Referred to, never seen. */
  readonly isVirtual: boolean
  readonly isDeleting: boolean
  /** Foreground deletion: waits until what blocks it is gone. */
  readonly isWaiting: boolean
}

interface MutableNode {
  identity: Identity
  owners: readonly OwnerReference[]
  readonly dependents: Set<string>
  isVirtual: boolean
  isDeleting: boolean
  isWaiting: boolean
  isOrphaning: boolean
}

/** What a change of the graph asks to be looked at, by uid. */
export interface GraphEffects {
  readonly toDelete: readonly string[]
  readonly toOrphan: readonly string[]
}

export class OwnerGraph {
  readonly #nodes = new Map<string, MutableNode>()

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid)
  }

  get size(): number {
    return this.#nodes.size
  }

  /** The dependents of a node that the graph knows, in the order in which they came. */
  dependentsOf(uid: string): readonly GraphNode[] {
    return [...(this.#nodes.get(uid)?.dependents ?? [])].flatMap(
      (dependent) => this.#nodes.get(dependent) ?? [],
    )
  }

  /** Takes an object as an informer shows it, new or changed. */
  put(object: ApiObject): GraphEffects {
    const toDelete: string[] = []
    const toOrphan: string[] = []
    const { uid = '', ownerReferences = [], finalizers = [], deletionTimestamp } = object.metadata
    const node = this.#nodes.get(uid) ?? this.#insert(identityOf(object))
    if (node.isVirtual && !isSameIdentity(node.identity, identityOf(object))) {
      // A reference described it otherwise: whoever refers to it so must be looked at again.
      toDelete.push(...node.dependents)
    }
    node.identity = identityOf(object)
    node.isVirtual = false
    toDelete.push(...this.#setOwners(uid, node, ownerReferences ?? []))
    const isDeleting = deletionTimestamp !== undefined
    const isWaiting = isDeleting && finalizers.includes(foregroundFinalizer)
    const isOrphaning = isDeleting && finalizers.includes(orphanFinalizer)
    if (isWaiting && !node.isWaiting) toDelete.push(...node.dependents, uid)
    if (isOrphaning && !node.isOrphaning) toOrphan.push(uid)
    if (isDeleting && !node.isDeleting) toDelete.push(...this.#waitingOwners(node))
    node.isDeleting = isDeleting
    node.isWaiting = isWaiting
    node.isOrphaning = isOrphaning
    return { toDelete, toOrphan }
  }

  /** Takes an object away: an informer saw its deletion, or a live look did not find it. */
  remove(uid: string): GraphEffects {
    const node = this.#nodes.get(uid)
    if (!node) return { toDelete: [], toOrphan: [] }
    this.#nodes.delete(uid)
    const waiting = this.#waitingOwners(node)
    for (const owner of node.owners) this.#unlink(owner.uid, uid)
    return { toDelete: [...node.dependents, ...waiting], toOrphan: [] }
  }

  #insert(identity: Identity): MutableNode {
    const node: MutableNode = {
      identity,
      owners: [],
      dependents: new Set(),
      isVirtual: true,
      isDeleting: false,
      isWaiting: false,
      isOrphaning: false,
    }
    this.#nodes.set(identity.uid, node)
    return node
  }

  /** Links to new owners and unlinks old ones; gives owners to look at: unseen ones, and waiting ones set free. */
  #setOwners(uid: string, node: MutableNode, owners: readonly OwnerReference[]): readonly string[] {
    const before = new Map(node.owners.map((owner) => [owner.uid, owner]))
    const after = new Map(owners.map((owner) => [owner.uid, owner]))
    const look: string[] = []
    for (const [ownerUid, owner] of before) {
      const next = after.get(ownerUid)
      const isUnblocked = owner.blockOwnerDeletion === true && next?.blockOwnerDeletion !== true
      if (isUnblocked && this.#nodes.get(ownerUid)?.isWaiting) look.push(ownerUid)
      if (!next) this.#unlink(ownerUid, uid)
    }
    for (const [ownerUid, owner] of after) {
      const known = this.#nodes.get(ownerUid)
      const ownerNode = known ?? this.#insert(ownerIdentity(owner, node.identity.namespace))
      ownerNode.dependents.add(uid)
      if (!known) look.push(ownerUid)
      else if (known.isWaiting && !before.has(ownerUid)) look.push(uid)
    }
    node.owners = owners
    return look
  }

  #unlink(ownerUid: string, uid: string): void {
    const owner = this.#nodes.get(ownerUid)
    owner?.dependents.delete(uid)
    if (owner?.isVirtual && owner.dependents.size === 0) this.#nodes.delete(ownerUid)
  }

  #waitingOwners(node: MutableNode): readonly string[] {
    return node.owners.flatMap(({ uid }) => (this.#nodes.get(uid)?.isWaiting ? [uid] : []))
  }
}

export function identityOf(object: ApiObject | KubeObject): Identity {
  const { namespace, name = '', uid = '' } = object.metadata
  return { apiVersion: object.apiVersion, kind: object.kind, namespace: namespace || undefined, name, uid }
}

function isSameIdentity(a: Identity, b: Identity): boolean {
  return (
    a.apiVersion === b.apiVersion && a.kind === b.kind && a.namespace === b.namespace && a.name === b.name
  )
}

/** An owner lives in its dependent's namespace or, when its kind has none, at cluster scope. */
export function ownerIdentity(owner: OwnerReference, namespace: string | undefined): Identity {
  const { apiVersion, kind, name, uid } = owner
  return { apiVersion, kind, namespace, name, uid }
}

/**
 * What to do with an object whose owners may be gone. Pure: from live facts to one action.
 *
 *   owners of the live object     solid        at least one is there and stays
 *                                 dangling     is not there (or another object has its name)
 *                                 waiting      is going, in the foreground, and waits for its dependents
 *
 * An object with one solid owner is never deleted.
 * Source: Kubernetes pkg/controller/garbagecollector/garbagecollector.go (attemptToDeleteItem).
 */
import type { OwnerReference } from '../../api/types.ts'
import type { ApiObject } from '../../client/index.ts'
import { foregroundFinalizer, type GraphNode, orphanFinalizer } from './graph.ts'

/** What a live look at an owner showed. `unknown`: a kind that cannot be looked up. */
export type OwnerState = 'solid' | 'dangling' | 'waiting' | 'unknown'

export interface OwnerFinding {
  readonly reference: OwnerReference
  readonly state: OwnerState
}

export type PropagationPolicy = 'Background' | 'Foreground' | 'Orphan'

export type CollectAction =
  | { readonly type: 'none' }
  | { readonly type: 'drop-references'; readonly uids: readonly string[] }
  | {
      readonly type: 'delete'
      readonly policy: PropagationPolicy
      /** The object's own references no longer block: it is part of a circle that waits for itself. */
      readonly unblock: boolean
    }

export interface ObservedItem {
  /** Read live, just now. */
  readonly live: ApiObject
  readonly owners: readonly OwnerFinding[]
  readonly dependents: readonly Pick<GraphNode, 'isWaiting'>[]
}

export function decide({ live, owners, dependents }: ObservedItem): CollectAction {
  if (owners.length === 0 || owners.some(({ state }) => state === 'unknown')) return { type: 'none' }
  const gone = owners.filter(({ state }) => state !== 'solid')
  if (gone.length === 0) return { type: 'none' }
  if (gone.length < owners.length) {
    return { type: 'drop-references', uids: gone.map(({ reference }) => reference.uid) }
  }
  if (owners.some(({ state }) => state === 'waiting') && dependents.length > 0) {
    return { type: 'delete', policy: 'Foreground', unblock: dependents.some(({ isWaiting }) => isWaiting) }
  }
  return { type: 'delete', policy: policyOf(live), unblock: false }
}

/** What the object's finalizers ask for already, so that deleting it again does not take that back. */
function policyOf({ metadata }: ApiObject): PropagationPolicy {
  if (metadata.finalizers?.includes(orphanFinalizer)) return 'Orphan'
  return metadata.finalizers?.includes(foregroundFinalizer) ? 'Foreground' : 'Background'
}

/** The dependents that hold a foreground deletion back. */
export function blockingDependents(uid: string, dependents: readonly GraphNode[]): readonly GraphNode[] {
  return dependents.filter(({ owners }) =>
    owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true),
  )
}

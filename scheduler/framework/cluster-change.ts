/**
 * What can happen in the cluster that may make an unschedulable pod schedulable, and the hints by which
 * a plugin says which of these concern a pod that it rejected. A pod is tried again only when a plugin
 * that rejected it finds a change worth trying.
 *
 * Source: KEP-4247 (per-plugin queueing hints).
 */
import type { Node, Pod } from '../../api/types.ts'
import type { PodInfo } from '../cache/pod-info.ts'

export type NodeAction =
  | 'add'
  | 'delete'
  | 'updateAllocatable'
  | 'updateLabel'
  | 'updateTaint'
  | 'updateCondition'
export type AssignedPodAction = 'add' | 'delete' | 'updateLabel' | 'updateScaleDown'
export type OwnPodAction = 'updateLabel' | 'updateScaleDown' | 'updateTolerations' | 'updateGates'
export type NamespaceAction = 'add' | 'delete' | 'update'

export type ClusterChange =
  | {
      readonly resource: 'node'
      readonly action: NodeAction
      readonly previous?: Node | undefined
      readonly next?: Node | undefined
    }
  /** A pod that occupies a node, bound or assumed. */
  | {
      readonly resource: 'assignedPod'
      readonly action: AssignedPodAction
      readonly previous?: Pod | undefined
      readonly next?: Pod | undefined
    }
  /** The waiting pod itself was changed. */
  | {
      readonly resource: 'ownPod'
      readonly action: OwnPodAction
      readonly previous: Pod
      readonly next: Pod
    }
  | { readonly resource: 'namespace'; readonly action: NamespaceAction }
  /** Every waiting pod is tried again, whatever the plugins say. */
  | { readonly resource: '*'; readonly action: 'all' }

/** One line of what a plugin wants to hear about pods that it rejected. */
export interface QueueingHint {
  readonly resource: ClusterChange['resource']
  readonly actions: readonly ClusterChange['action'][]
  /** Whether `pod` should be tried again. Without it, always. Must be cheap: it runs for each waiting pod. */
  readonly isWorthTrying?: (pod: PodInfo, change: ClusterChange) => boolean
}

/** Whether `hint` wants to hear of `change`, before looking at any pod. */
export function hintCovers(hint: QueueingHint, change: ClusterChange): boolean {
  return hint.resource === change.resource && hint.actions.includes(change.action)
}

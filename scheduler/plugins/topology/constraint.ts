/**
 * A topology spread constraint, ready to be counted with: its selector parsed, its defaults filled in.
 * Source: `pkg/scheduler/framework/plugins/podtopologyspread/common.go`.
 */
import { matchesRequiredNodeAffinity } from '../../../api/core/node-affinity.ts'
import { findUntoleratedTaint } from '../../../api/core/taints.ts'
import {
  labelSelectorFrom,
  matchesLabels,
  type Selector,
  selectorFromLabels,
} from '../../../api/meta/selector.ts'
import type { TopologySpreadConstraint } from '../../../api/types.ts'
import type { NodeInfo } from '../../cache/node-info.ts'
import type { PodInfo } from '../../cache/pod-info.ts'

export const hostnameKey = 'kubernetes.io/hostname'
const zoneKey = 'topology.kubernetes.io/zone'

export interface Constraint {
  readonly maxSkew: number
  readonly topologyKey: string
  readonly selector: Selector
  readonly minDomains: number
  /** Nodes that the pod's affinity excludes do not count. */
  readonly honorsAffinity: boolean
  /** Nodes with taints that the pod does not tolerate do not count. */
  readonly honorsTaints: boolean
}

/** The pod's own constraints of one strictness. */
export function constraintsOf(
  pod: PodInfo,
  whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway',
): readonly Constraint[] {
  return (pod.pod.spec?.topologySpreadConstraints ?? [])
    .filter((constraint) => constraint.whenUnsatisfiable === whenUnsatisfiable)
    .map((constraint) => ({
      maxSkew: constraint.maxSkew,
      topologyKey: constraint.topologyKey,
      selector: selectorOf(constraint, pod),
      minDomains: constraint.minDomains ?? 1,
      honorsAffinity: constraint.nodeAffinityPolicy !== 'Ignore',
      honorsTaints: constraint.nodeTaintsPolicy === 'Honor',
    }))
}

/** What holds for pods without constraints of their own: replicas of one owner spread over nodes and zones. */
export function systemDefaultConstraints(selector: Selector): readonly Constraint[] {
  const shared = { selector, minDomains: 1, honorsAffinity: true, honorsTaints: false }
  return [
    { ...shared, maxSkew: 3, topologyKey: hostnameKey },
    { ...shared, maxSkew: 5, topologyKey: zoneKey },
  ]
}

/** Whether the node has every topology key. */
export function hasAllKeys(node: NodeInfo, constraints: readonly Constraint[]): boolean {
  return constraints.every(({ topologyKey }) => node.labels[topologyKey] !== undefined)
}

/** Whether pods of this node count for the constraint. */
export function countsNode(constraint: Constraint, pod: PodInfo, { node }: NodeInfo): boolean {
  if (constraint.honorsAffinity && !matchesRequiredNodeAffinity(pod.pod, node)) return false
  if (!constraint.honorsTaints) return true
  const { tolerations } = pod.pod.spec ?? {}
  return findUntoleratedTaint(node.spec?.taints, tolerations, ['NoSchedule', 'NoExecute']) === undefined
}

/** How many pods of the namespace on the node match; those on their way out do not count. */
export function countMatching(node: NodeInfo, selector: Selector, namespace: string): number {
  let count = 0
  for (const { pod, namespace: theirs, labels } of node.pods) {
    if (theirs !== namespace || pod.metadata.deletionTimestamp !== undefined) continue
    if (matchesLabels(selector, labels)) count += 1
  }
  return count
}

function selectorOf(constraint: TopologySpreadConstraint, pod: PodInfo): Selector {
  const selector = labelSelectorFrom(constraint.labelSelector)
  const own: Record<string, string> = {}
  for (const key of constraint.matchLabelKeys ?? []) {
    const value = pod.labels[key]
    if (value !== undefined) own[key] = value
  }
  const more = selectorFromLabels(own).requirements
  return more.length === 0 ? selector : { ...selector, requirements: [...selector.requirements, ...more] }
}

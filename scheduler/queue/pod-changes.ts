/**
 * Which of the changes of a pod or node can matter to a pod that waits.
 * Source: `pkg/scheduler/framework/events.go`.
 */
import { deepEqual } from '../../api/meta/json.ts'
import type { Node, Pod } from '../../api/types.ts'
import { type Amounts, podAmounts } from '../cache/amounts.ts'
import type { ClusterChange, NodeAction } from '../framework/cluster-change.ts'

/** What changed of a waiting pod. */
export function ownPodChanges(previous: Pod, next: Pod): readonly ClusterChange[] {
  const changes: ClusterChange[] = []
  if (!deepEqual(previous.metadata.labels, next.metadata.labels)) {
    changes.push({ resource: 'ownPod', action: 'updateLabel', previous, next })
  }
  if (isScaledDown(previous, next))
    changes.push({ resource: 'ownPod', action: 'updateScaleDown', previous, next })
  if (!deepEqual(previous.spec?.tolerations, next.spec?.tolerations)) {
    changes.push({ resource: 'ownPod', action: 'updateTolerations', previous, next })
  }
  if ((previous.spec?.schedulingGates?.length ?? 0) > (next.spec?.schedulingGates?.length ?? 0)) {
    changes.push({ resource: 'ownPod', action: 'updateGates', previous, next })
  }
  return changes
}

/** What changed of a pod that occupies a node. */
export function assignedPodChanges(previous: Pod, next: Pod): readonly ClusterChange[] {
  const changes: ClusterChange[] = []
  if (!deepEqual(previous.metadata.labels, next.metadata.labels)) {
    changes.push({ resource: 'assignedPod', action: 'updateLabel', previous, next })
  }
  if (isScaledDown(previous, next)) {
    changes.push({ resource: 'assignedPod', action: 'updateScaleDown', previous, next })
  }
  return changes
}

/** What changed of a node; nothing for a mere heartbeat. */
export function nodeChanges(previous: Node, next: Node): readonly ClusterChange[] {
  const differs = (of: (node: Node) => unknown) => !deepEqual(of(previous), of(next))
  const actions: NodeAction[] = []
  if (differs((node) => node.status?.allocatable)) actions.push('updateAllocatable')
  if (differs((node) => node.metadata.labels)) actions.push('updateLabel')
  if (differs((node) => node.spec?.taints) || differs((node) => node.spec?.unschedulable ?? false)) {
    actions.push('updateTaint')
  }
  const conditions = (node: Node) => node.status?.conditions?.map(({ type, status }) => [type, status])
  if (differs(conditions)) actions.push('updateCondition')
  return actions.map((action) => ({ resource: 'node', action, previous, next }))
}

function isScaledDown(previous: Pod, next: Pod): boolean {
  if (previous.spec === next.spec) return false
  const before = podAmounts(previous)
  const after = podAmounts(next)
  return (
    after.milliCpu < before.milliCpu ||
    after.memoryBytes < before.memoryBytes ||
    after.ephemeralBytes < before.ephemeralBytes ||
    hasLessScalars(after, before)
  )
}

function hasLessScalars(after: Amounts, before: Amounts): boolean {
  for (const [name, value] of before.scalars) if ((after.scalars.get(name) ?? 0) < value) return true
  return false
}

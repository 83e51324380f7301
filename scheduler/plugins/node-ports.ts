/** Two pods of one node cannot have the same host port. */
import { type PodInfo, podInfoOf, portsConflict } from '../cache/pod-info.ts'
import type { NodeInfo } from '../cache/node-info.ts'
import type { Plugin } from '../framework/extension-points.ts'
import { unschedulable } from '../framework/rejection.ts'

const name = 'NodePorts'

export function nodePorts(): Plugin {
  return {
    name,
    hints: [
      {
        resource: 'assignedPod',
        actions: ['delete'],
        isWorthTrying: (pod, change) =>
          change.resource !== 'assignedPod' ||
          change.previous === undefined ||
          collides(pod, podInfoOf(change.previous)),
      },
      { resource: 'node', actions: ['add'] },
    ],
    preFilter: (_state, pod) => (pod.hostPorts.length === 0 ? { kind: 'skip' } : undefined),
    filter(_state, pod, node) {
      if (!collides(pod, node)) return undefined
      return unschedulable(name, "node(s) didn't have free ports for the requested pod ports")
    },
  }
}

function collides(pod: PodInfo, other: Pick<PodInfo, 'hostPorts'> | Pick<NodeInfo, 'hostPorts'>): boolean {
  return pod.hostPorts.some((wanted) => other.hostPorts.some((used) => portsConflict(wanted, used)))
}

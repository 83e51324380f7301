/** Keeps pods off cordoned nodes (`spec.unschedulable`), unless they tolerate the taint that stands for it. */
import { isTaintTolerated } from '../../api/core/taints.ts'
import type { Node } from '../../api/types.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import type { Plugin } from '../framework/extension-points.ts'
import { unresolvable } from '../framework/rejection.ts'

const name = 'NodeUnschedulable'
const cordonTaint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }

export function nodeUnschedulable(): Plugin {
  return {
    name,
    hints: [
      {
        resource: 'node',
        actions: ['add', 'updateTaint'],
        isWorthTrying: (pod, change) =>
          change.resource !== 'node' || change.next === undefined || isWelcome(pod, change.next),
      },
      { resource: 'ownPod', actions: ['updateTolerations'] },
    ],
    filter(_state, pod, { node }) {
      return isWelcome(pod, node) ? undefined : unresolvable(name, 'node(s) were unschedulable')
    },
  }
}

function isWelcome(pod: PodInfo, node: Node): boolean {
  return node.spec?.unschedulable !== true || isTaintTolerated(pod.pod.spec?.tolerations, cordonTaint)
}

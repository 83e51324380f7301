/**
 * Keeps pods off nodes with taints that they do not tolerate, and prefers nodes with fewer
 * PreferNoSchedule taints of that kind.
 */
import { findUntoleratedTaint, isTaintTolerated } from '../../api/core/taints.ts'
import type { Toleration } from '../../api/types.ts'
import { StateSlot } from '../framework/cycle-state.ts'
import type { Plugin } from '../framework/extension-points.ts'
import { unresolvable } from '../framework/rejection.ts'
import { stretchScores } from '../framework/stretch-scores.ts'

const name = 'TaintToleration'
const hardEffects = ['NoSchedule', 'NoExecute']

export function taintToleration(): Plugin {
  const softTolerations = new StateSlot<readonly Toleration[]>()
  return {
    name,
    hints: [
      {
        resource: 'node',
        actions: ['add', 'updateTaint'],
        isWorthTrying: (pod, change) =>
          change.resource !== 'node' ||
          findUntoleratedTaint(change.next?.spec?.taints, pod.pod.spec?.tolerations, hardEffects) ===
            undefined,
      },
      { resource: 'ownPod', actions: ['updateTolerations'] },
    ],
    filter(_state, pod, { node }) {
      const taint = findUntoleratedTaint(node.spec?.taints, pod.pod.spec?.tolerations, hardEffects)
      if (taint === undefined) return undefined
      return unresolvable(name, `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`)
    },
    preScore(state, pod) {
      const tolerations = pod.pod.spec?.tolerations ?? []
      const isSoft = ({ effect = '' }: Toleration) => effect === '' || effect === 'PreferNoSchedule'
      softTolerations.write(state, tolerations.filter(isSoft))
      return undefined
    },
    score(state, _pod, { node }) {
      const tolerations = softTolerations.read(state)
      const taints = node.spec?.taints ?? []
      return taints.filter(
        (taint) => taint.effect === 'PreferNoSchedule' && !isTaintTolerated(tolerations, taint),
      ).length
    },
    normalizeScore: (_state, _pod, scores) => stretchScores(scores, true),
  }
}

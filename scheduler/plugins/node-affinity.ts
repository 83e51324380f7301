/**
 * `nodeSelector` and node affinity: required terms filter, preferred terms score by their weights. A pod
 * whose every required term names its node (as DaemonSets' do) is looked at only there.
 */
import { matchesRequiredNodeAffinity, preferredNodeWeight } from '../../api/core/node-affinity.ts'
import type { NodeSelectorTerm } from '../../api/types.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import type { Plugin } from '../framework/extension-points.ts'
import { unresolvable } from '../framework/rejection.ts'
import { stretchScores } from '../framework/stretch-scores.ts'

const name = 'NodeAffinity'

export function nodeAffinity(): Plugin {
  return {
    name,
    hints: [
      {
        resource: 'node',
        actions: ['add', 'updateLabel'],
        isWorthTrying: (pod, change) =>
          change.resource !== 'node' ||
          change.next === undefined ||
          matchesRequiredNodeAffinity(pod.pod, change.next),
      },
    ],
    preFilter(_state, pod) {
      const required = requiredTerms(pod)
      if (required === undefined && Object.keys(pod.pod.spec?.nodeSelector ?? {}).length === 0) {
        return { kind: 'skip' }
      }
      const names = namedNodes(required ?? [])
      if (names === undefined) return undefined
      if (names.size > 0) return { kind: 'only', nodeNames: names }
      return { kind: 'rejected', rejection: unresolvable(name, 'pod affinity terms conflict') }
    },
    filter(_state, pod, { node }) {
      if (matchesRequiredNodeAffinity(pod.pod, node)) return undefined
      return unresolvable(name, "node(s) didn't match Pod's node affinity/selector")
    },
    preScore: (_state, pod) => (preferredTerms(pod).length === 0 ? 'skip' : undefined),
    score: (_state, pod, { node }) => preferredNodeWeight(preferredTerms(pod), node),
    normalizeScore: (_state, _pod, scores) => stretchScores(scores, false),
  }
}

function requiredTerms(pod: PodInfo): readonly NodeSelectorTerm[] | undefined {
  return pod.pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
    ?.nodeSelectorTerms
}

function preferredTerms(pod: PodInfo) {
  return pod.pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
}

/** The nodes that the terms name; undefined when some term names none. Terms are alternatives. */
function namedNodes(terms: readonly NodeSelectorTerm[]): ReadonlySet<string> | undefined {
  if (terms.length === 0) return undefined
  const names = new Set<string>()
  for (const term of terms) {
    let ofTerm: readonly string[] | undefined
    for (const { key, operator, values = [] } of term.matchFields ?? []) {
      if (key !== 'metadata.name' || operator !== 'In') continue
      ofTerm = ofTerm === undefined ? values : ofTerm.filter((value) => values.includes(value))
    }
    if (ofTerm === undefined) return undefined
    for (const value of ofTerm) names.add(value)
  }
  return names
}

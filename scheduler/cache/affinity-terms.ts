/**
 * A pod's affinity to other pods, parsed once: whom each term means, and over which topology.
 * Source: kube-scheduler framework `AffinityTerm`; KEP-3633 (matchLabelKeys).
 */
import {
  isEverything,
  labelSelectorFrom,
  matchesLabels,
  nothing,
  type Requirement,
  type Selector,
  SelectorError,
} from '../../api/meta/selector.ts'
import type { LabelSelector, Pod, PodAffinityTerm } from '../../api/types.ts'

export interface AffinityTerm {
  readonly topologyKey: string
  readonly selector: Selector
  /** Named ones, or the pod's own when the term says nothing about namespaces. */
  readonly namespaces: ReadonlySet<string>
  /** Namespaces by their labels, besides the named ones. */
  readonly namespaceSelector: Selector
}

export interface WeightedTerm {
  readonly term: AffinityTerm
  /** Negative for anti-affinity. */
  readonly weight: number
}

export interface AffinityTerms {
  readonly required: readonly AffinityTerm[]
  readonly requiredAnti: readonly AffinityTerm[]
  /** Preferences for and against. */
  readonly preferred: readonly WeightedTerm[]
}

/** A pod without any. */
export const noTerms: AffinityTerms = { required: [], requiredAnti: [], preferred: [] }

/** The terms of a pod; the shared `noTerms` when it has none. */
export function affinityTermsOf(pod: Pod): AffinityTerms {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {}
  if (podAffinity === undefined && podAntiAffinity === undefined) return noTerms
  const parse = (term: PodAffinityTerm) => parseTerm(term, pod)
  const weighted =
    (sign: 1 | -1) => (entry: { readonly weight: number; readonly podAffinityTerm: PodAffinityTerm }) => ({
      term: parse(entry.podAffinityTerm),
      weight: sign * entry.weight,
    })
  return {
    required: (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(parse),
    requiredAnti: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(parse),
    preferred: [
      ...(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(weighted(1)),
      ...(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(weighted(-1)),
    ],
  }
}

/** Whether the term means `other`. `labelsOf` gives a namespace's labels; undefined when there is none. */
export function meansPod(
  term: AffinityTerm,
  other: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> },
  labelsOf: (namespace: string) => Readonly<Record<string, string>> | undefined,
): boolean {
  const { namespaces, namespaceSelector, selector } = term
  const isNamespaceMeant =
    namespaces.has(other.namespace) ||
    isEverything(namespaceSelector) ||
    (namespaceSelector.nothing !== true && matchesLabels(namespaceSelector, labelsOf(other.namespace) ?? {}))
  return isNamespaceMeant && matchesLabels(selector, other.labels)
}

function parseTerm(term: PodAffinityTerm, pod: Pod): AffinityTerm {
  const { namespaces = [], namespaceSelector } = term
  const isSilent = namespaces.length === 0 && namespaceSelector === undefined
  return {
    topologyKey: term.topologyKey,
    selector: withOwnLabels(selectorOf(term.labelSelector), term, pod),
    namespaces: new Set(isSilent ? [pod.metadata.namespace ?? ''] : namespaces),
    namespaceSelector: selectorOf(namespaceSelector),
  }
}

/** A selector that the apiserver should not have let in means nobody: one bad pod must not stop the others. */
function selectorOf(selector: LabelSelector | undefined): Selector {
  try {
    return labelSelectorFrom(selector)
  } catch (error) {
    if (error instanceof SelectorError) return nothing
    throw error
  }
}

/** Labels of the pod itself that others must share, or must not. */
function withOwnLabels(selector: Selector, term: PodAffinityTerm, pod: Pod): Selector {
  const more: Requirement[] = []
  const add = (keys: readonly string[] | undefined, operator: 'in' | 'notin') => {
    for (const key of keys ?? []) {
      const value = pod.metadata.labels?.[key]
      if (value !== undefined) more.push({ key, operator, values: [value] })
    }
  }
  add(term.matchLabelKeys, 'in')
  add(term.mismatchLabelKeys, 'notin')
  return more.length === 0 ? selector : { ...selector, requirements: [...selector.requirements, ...more] }
}

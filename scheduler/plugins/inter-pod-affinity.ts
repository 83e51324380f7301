/**
 * Affinity and anti-affinity between pods. Required terms filter, the pod's own as well as the anti-affinity of
 * pods that are there already; preferences of both sides score.
 *
 * A domain is a topology key with a value, such as (zone, a). Counted are, per domain:
 *   wanted    pods that all required terms of the incoming pod mean
 *   shunned   pods that some required anti-affinity term of the incoming pod means
 *   shunning  pods there whose required anti-affinity means the incoming pod
 *
 * Source: `pkg/scheduler/framework/plugins/interpodaffinity`, KEP-2249 (namespaceSelector).
 */
import { type AffinityTerm, meansPod } from '../cache/affinity-terms.ts'
import type { NodeInfo } from '../cache/node-info.ts'
import { type PodInfo, podInfoOf } from '../cache/pod-info.ts'
import { StateSlot } from '../framework/cycle-state.ts'
import {
  type ClusterChange,
  maxNodeScore,
  type NodeScore,
  type Plugin,
} from '../framework/extension-points.ts'
import type { Handle } from '../framework/handle.ts'
import { type Rejection, unresolvable, unschedulable } from '../framework/rejection.ts'

const name = 'InterPodAffinity'
/** What a required affinity of a pod that is there counts for when nodes are scored. */
const requiredWeight = 1

/** Counts by domain, written `key=value`. */
type Counts = Map<string, number>

interface FilterState {
  readonly wanted: Counts
  readonly shunned: Counts
  readonly shunning: Counts
}

export function interPodAffinity(handle: Handle): Plugin {
  const { namespaceLabels } = handle.listers
  const means = (term: AffinityTerm, other: PodInfo) => meansPod(term, other, namespaceLabels)
  const filterState = new StateSlot<FilterState>((state) => ({
    wanted: new Map(state.wanted),
    shunned: new Map(state.shunned),
    shunning: new Map(state.shunning),
  }))
  const scores = new StateSlot<ReadonlyMap<string, number>>()
  const isWorthTrying = (pod: PodInfo, change: ClusterChange) => concerns(pod, change, means)
  return {
    name,
    hints: [
      { resource: 'assignedPod', actions: ['add', 'delete', 'updateLabel'], isWorthTrying },
      { resource: 'node', actions: ['add', 'updateLabel'] },
      { resource: 'ownPod', actions: ['updateLabel'] },
      { resource: 'namespace', actions: ['add', 'update'] },
    ],
    preFilter(state, pod, nodes) {
      const found: FilterState = { wanted: new Map(), shunned: new Map(), shunning: new Map() }
      for (const node of nodes) count(found, { pod, node, means })
      const { required, requiredAnti } = pod.affinity
      if (required.length + requiredAnti.length + found.shunning.size === 0) return { kind: 'skip' }
      filterState.write(state, found)
      return undefined
    },
    adjust(state, pod, { kind, other, node }) {
      const current = filterState.read(state)
      if (current) countPod(current, { pod, other, node, means, delta: kind === 'added' ? 1 : -1 })
    },
    filter(state, pod, node) {
      const current = filterState.read(state)
      return current && check(current, pod, node, means)
    },
    preScore(state, pod) {
      const { nodes } = handle.snapshot()
      const found = scoreDomains(pod, nodes, means)
      if (found.size === 0) return 'skip'
      scores.write(state, found)
      return undefined
    },
    score(state, _pod, node) {
      let sum = 0
      for (const [domain, score] of scores.read(state) ?? []) if (isIn(node, domain)) sum += score
      return sum
    },
    normalizeScore: (_state, _pod, list) => spreadOut(list),
  }
}

type Means = (term: AffinityTerm, other: PodInfo) => boolean

function count(
  state: FilterState,
  scope: { readonly pod: PodInfo; readonly node: NodeInfo; readonly means: Means },
): void {
  const { pod, node, means } = scope
  const { required, requiredAnti } = pod.affinity
  // Most pods have no terms: then only those matter that shun others.
  const others = required.length + requiredAnti.length > 0 ? node.pods : node.podsWithAffinity
  for (const other of others) countPod(state, { pod, other, node, means, delta: 1 })
}

function countPod(
  state: FilterState,
  change: {
    readonly pod: PodInfo
    readonly other: PodInfo
    readonly node: NodeInfo
    readonly means: Means
    readonly delta: 1 | -1
  },
): void {
  const { pod, other, node, means, delta } = change
  const { required, requiredAnti } = pod.affinity
  if (required.length > 0 && required.every((term) => means(term, other))) {
    for (const term of required) add(state.wanted, domainOf(node, term), delta)
  }
  for (const term of requiredAnti) if (means(term, other)) add(state.shunned, domainOf(node, term), delta)
  for (const term of other.affinity.requiredAnti) {
    if (means(term, pod)) add(state.shunning, domainOf(node, term), delta)
  }
}

function check(state: FilterState, pod: PodInfo, node: NodeInfo, means: Means): Rejection | undefined {
  const { required, requiredAnti } = pod.affinity
  const has = (counts: Counts, term: AffinityTerm) => {
    const domain = domainOf(node, term)
    return domain !== undefined && counts.has(domain)
  }
  if (required.some((term) => node.labels[term.topologyKey] === undefined)) return affinityUnmet()
  // The first of a group that wants to be together has nobody to be with: it may go anywhere.
  const isFirst = state.wanted.size === 0 && required.every((term) => means(term, pod))
  if (!isFirst && !required.every((term) => has(state.wanted, term))) return affinityUnmet()
  if (requiredAnti.some((term) => has(state.shunned, term))) {
    return unschedulable(name, "node(s) didn't match pod anti-affinity rules")
  }
  for (const domain of state.shunning.keys()) {
    if (isIn(node, domain))
      return unschedulable(name, "node(s) didn't satisfy existing pods anti-affinity rules")
  }
  return undefined
}

function affinityUnmet(): Rejection {
  return unresolvable(name, "node(s) didn't match pod affinity rules")
}

/** What each domain is worth, by the preferences of the pod and of those that are there. */
function scoreDomains(pod: PodInfo, nodes: readonly NodeInfo[], means: Means): ReadonlyMap<string, number> {
  const scores: Counts = new Map()
  const { preferred } = pod.affinity
  for (const node of nodes) {
    for (const other of preferred.length > 0 ? node.pods : node.podsWithAffinity) {
      for (const { term, weight } of preferred)
        if (means(term, other)) add(scores, domainOf(node, term), weight)
      for (const term of other.affinity.required) {
        if (means(term, pod)) add(scores, domainOf(node, term), requiredWeight)
      }
      for (const { term, weight } of other.affinity.preferred) {
        if (means(term, pod)) add(scores, domainOf(node, term), weight)
      }
    }
  }
  return scores
}

/** From the worst to the best, whatever the sums are. All equal: all nothing. */
function spreadOut(list: readonly NodeScore[]): void {
  const sums = list.map(({ score }) => score)
  const least = Math.min(...sums)
  const range = Math.max(...sums) - least
  for (const entry of list) {
    entry.score = range === 0 ? 0 : Math.floor((maxNodeScore * (entry.score - least)) / range)
  }
}

/** A pod that came or changed may be one that is wanted; one that went or changed may have been in the way. */
function concerns(pod: PodInfo, change: ClusterChange, means: Means): boolean {
  if (change.resource !== 'assignedPod') return true
  const { required, requiredAnti } = pod.affinity
  const came = change.next && podInfoOf(change.next)
  if (came && required.some((term) => means(term, came))) return true
  const went = change.previous && podInfoOf(change.previous)
  if (went === undefined) return false
  return (
    requiredAnti.some((term) => means(term, went)) ||
    went.affinity.requiredAnti.some((term) => means(term, pod))
  )
}

function domainOf(node: NodeInfo, { topologyKey }: AffinityTerm): string | undefined {
  const value = node.labels[topologyKey]
  return value === undefined ? undefined : `${topologyKey}=${value}`
}

function isIn(node: NodeInfo, domain: string): boolean {
  const at = domain.indexOf('=')
  return node.labels[domain.slice(0, at)] === domain.slice(at + 1)
}

function add(counts: Counts, domain: string | undefined, delta: number): void {
  if (domain === undefined) return
  const sum = (counts.get(domain) ?? 0) + delta
  if (sum === 0) counts.delete(domain)
  else counts.set(domain, sum)
}

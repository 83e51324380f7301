/**
 * Spreads matching pods over topology domains (nodes, zones…). DoNotSchedule constraints filter,
 * ScheduleAnyway constraints score; a pod without any gets the system's defaults, by which replicas of
 * one Service or controller spread over nodes (and zones, where nodes have them).
 *
 *   skew of a domain = matching pods there + 1 for the pod itself if it matches − the least of any domain
 *
 * Source: KEP-895, KEP-3022 (minDomains), KEP-3094 (node inclusion policies), KEP-3243 (matchLabelKeys).
 */
import { isEverything, matchesLabels } from '../../api/meta/selector.ts'
import type { NodeInfo } from '../cache/node-info.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import { type CycleState, StateSlot } from '../framework/cycle-state.ts'
import {
  type ClusterChange,
  maxNodeScore,
  type NodeScore,
  type Plugin,
} from '../framework/extension-points.ts'
import type { Handle } from '../framework/handle.ts'
import { type Rejection, unresolvable, unschedulable } from '../framework/rejection.ts'
import {
  type Constraint,
  constraintsOf,
  countMatching,
  countsNode,
  hasAllKeys,
  hostnameKey,
  systemDefaultConstraints,
} from './topology/constraint.ts'

const name = 'PodTopologySpread'
const skewReason = "node(s) didn't match pod topology spread constraints"
const labelReason = `${skewReason} (missing required label)`

/** Matching pods by domain, for each hard constraint. */
interface HardState {
  readonly constraints: readonly Constraint[]
  readonly counts: readonly Map<string, number>[]
  /** The least count of any domain, by constraint; 0 while there are fewer domains than asked for. */
  least: readonly number[]
}

interface SoftState {
  readonly constraints: readonly Constraint[]
  readonly ignored: ReadonlySet<string>
  /** By domain; empty for the hostname, which is counted per node. */
  readonly counts: readonly ReadonlyMap<string, number>[]
  /** Grows with the number of domains, so that small topologies are not drowned by large ones. */
  readonly weights: readonly number[]
}

export function podTopologySpread(handle: Handle): Plugin {
  const hard = new StateSlot<HardState>((state) => ({
    constraints: state.constraints,
    counts: state.counts.map((count) => new Map(count)),
    least: state.least,
  }))
  const soft = new StateSlot<SoftState>()
  return {
    name,
    hints: [
      {
        resource: 'assignedPod',
        actions: ['add', 'delete', 'updateLabel'],
        isWorthTrying: concernsConstraints,
      },
      { resource: 'node', actions: ['add', 'delete', 'updateLabel', 'updateTaint'] },
      { resource: 'ownPod', actions: ['updateLabel'] },
    ],
    preFilter(state, pod, nodes) {
      const constraints = constraintsOf(pod, 'DoNotSchedule')
      if (constraints.length === 0) return { kind: 'skip' }
      hard.write(state, countHard(constraints, pod, nodes))
      return undefined
    },
    adjust(state, pod, { kind, other, node }) {
      const current = hard.read(state)
      if (current) adjustHard(current, { pod, other, node, delta: kind === 'added' ? 1 : -1 })
    },
    filter(state, pod, node) {
      const current = hard.read(state)
      return current ? checkSkew(current, pod, node) : undefined
    },
    preScore(state, pod, feasible) {
      const found = softConstraints(pod, handle)
      if (found.constraints.length === 0) return 'skip'
      soft.write(state, countSoft({ ...found, pod, feasible, all: handle.snapshot().nodes }))
      return undefined
    },
    score: (state, pod, node) => rawScore(soft.read(state), pod, node),
    normalizeScore: (state, _pod, scores) => normalize(soft, state, scores),
  }
}

function concernsConstraints(pod: PodInfo, change: ClusterChange): boolean {
  if (change.resource !== 'assignedPod') return true
  const other = change.next ?? change.previous
  if (other?.metadata.namespace !== pod.namespace) return false
  return constraintsOf(pod, 'DoNotSchedule').some(
    ({ selector }) =>
      matchesLabels(selector, change.previous?.metadata.labels) ||
      matchesLabels(selector, change.next?.metadata.labels),
  )
}

function countHard(constraints: readonly Constraint[], pod: PodInfo, nodes: readonly NodeInfo[]): HardState {
  const counts = constraints.map(() => new Map<string, number>())
  for (const node of nodes) {
    if (!hasAllKeys(node, constraints)) continue
    constraints.forEach((constraint, index) => {
      if (!countsNode(constraint, pod, node)) return
      addTo(
        counts[index],
        node.labels[constraint.topologyKey],
        countMatching(node, constraint.selector, pod.namespace),
      )
    })
  }
  return { constraints, counts, least: leastCounts(constraints, counts) }
}

function leastCounts(
  constraints: readonly Constraint[],
  counts: readonly Map<string, number>[],
): readonly number[] {
  return constraints.map(({ minDomains }, index) => {
    const byDomain = counts[index] ?? new Map<string, number>()
    let least = byDomain.size < minDomains ? 0 : Number.POSITIVE_INFINITY
    for (const count of byDomain.values()) least = Math.min(least, count)
    return least
  })
}

function adjustHard(
  state: HardState,
  change: { readonly pod: PodInfo; readonly other: PodInfo; readonly node: NodeInfo; readonly delta: number },
): void {
  const { pod, other, node, delta } = change
  const { constraints, counts } = state
  if (other.namespace !== pod.namespace || !hasAllKeys(node, constraints)) return
  constraints.forEach((constraint, index) => {
    if (!matchesLabels(constraint.selector, other.labels) || !countsNode(constraint, pod, node)) return
    addTo(counts[index], node.labels[constraint.topologyKey], delta)
  })
  state.least = leastCounts(constraints, counts)
}

function addTo(counts: Map<string, number> | undefined, domain: string | undefined, value: number): void {
  if (counts && domain !== undefined) counts.set(domain, (counts.get(domain) ?? 0) + value)
}

function checkSkew(
  { constraints, counts, least }: HardState,
  pod: PodInfo,
  node: NodeInfo,
): Rejection | undefined {
  for (const [index, constraint] of constraints.entries()) {
    const domain = node.labels[constraint.topologyKey]
    if (domain === undefined) return unresolvable(name, labelReason)
    const self = matchesLabels(constraint.selector, pod.labels) ? 1 : 0
    const skew = (counts[index]?.get(domain) ?? 0) + self - (least[index] ?? 0)
    if (skew > constraint.maxSkew) return unschedulable(name, skewReason)
  }
  return undefined
}

/** `needsAllKeys`: nodes without some topology key are not scored; not so for the system's defaults. */
function softConstraints(
  pod: PodInfo,
  handle: Handle,
): { constraints: readonly Constraint[]; needsAllKeys: boolean } {
  if ((pod.pod.spec?.topologySpreadConstraints?.length ?? 0) > 0) {
    return { constraints: constraintsOf(pod, 'ScheduleAnyway'), needsAllKeys: true }
  }
  const selector = handle.listers.defaultSelector(pod)
  const isEmpty = selector.nothing === true || isEverything(selector)
  return { constraints: isEmpty ? [] : systemDefaultConstraints(selector), needsAllKeys: false }
}

function countSoft(options: {
  readonly constraints: readonly Constraint[]
  readonly needsAllKeys: boolean
  readonly pod: PodInfo
  readonly feasible: readonly NodeInfo[]
  readonly all: readonly NodeInfo[]
}): SoftState {
  const { constraints, needsAllKeys, pod, feasible, all } = options
  const isIgnored = (node: NodeInfo) => needsAllKeys && !hasAllKeys(node, constraints)
  const ignored = new Set(feasible.filter(isIgnored).map((node) => node.name))
  const counts = constraints.map(({ topologyKey }) => {
    const domains = new Map<string, number>()
    if (topologyKey === hostnameKey) return domains
    for (const node of feasible) if (!ignored.has(node.name)) domains.set(node.labels[topologyKey] ?? '', 0)
    return domains
  })
  for (const node of all) {
    if (isIgnored(node)) continue
    constraints.forEach((constraint, index) => {
      const domain = node.labels[constraint.topologyKey] ?? ''
      const byDomain = counts[index]
      if (!byDomain?.has(domain) || !countsNode(constraint, pod, node)) return
      addTo(byDomain, domain, countMatching(node, constraint.selector, pod.namespace))
    })
  }
  const weights = constraints.map(({ topologyKey }, index) => {
    const domains = topologyKey === hostnameKey ? feasible.length - ignored.size : (counts[index]?.size ?? 0)
    return Math.log(domains + 2)
  })
  return { constraints, ignored, counts, weights }
}

function rawScore(state: SoftState | undefined, pod: PodInfo, node: NodeInfo): number {
  if (state === undefined || state.ignored.has(node.name)) return 0
  let score = 0
  state.constraints.forEach((constraint, index) => {
    const domain = node.labels[constraint.topologyKey]
    if (domain === undefined) return
    const count =
      constraint.topologyKey === hostnameKey
        ? countMatching(node, constraint.selector, pod.namespace)
        : (state.counts[index]?.get(domain) ?? 0)
    score += count * (state.weights[index] ?? 0) + (constraint.maxSkew - 1)
  })
  return Math.round(score)
}

/** The fewer matching pods, the better; ignored nodes get nothing. */
function normalize(slot: StateSlot<SoftState>, state: CycleState, scores: readonly NodeScore[]): void {
  const ignored = slot.read(state)?.ignored ?? new Set()
  const counted = scores.filter(({ node }) => !ignored.has(node.name))
  const least = counted.reduce((min, { score }) => Math.min(min, score), Number.POSITIVE_INFINITY)
  const most = counted.reduce((max, { score }) => Math.max(max, score), 0)
  for (const entry of scores) {
    if (ignored.has(entry.node.name)) entry.score = 0
    else if (most === 0) entry.score = maxNodeScore
    else entry.score = Math.floor((maxNodeScore * (most + least - entry.score)) / most)
  }
}

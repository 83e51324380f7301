/**
 * Which pods would have to go so that a more important one fits: pure, given what a node looks like.
 *
 * On each node that preemption can help: take away every less important pod; if the pod then fits, give
 * them back one by one, those first whose disruption budget would be violated, then the most important
 * (reprieve), and keep out only those without whose going it does not fit. Of all nodes choose the one with
 *
 *   fewest budget violations → lowest highest victim → lowest sum of victims → fewest victims → latest start of
 *   the most important victims → first
 *
 * Source: `pkg/scheduler/framework/preemption`, `…/plugins/defaultpreemption`.
 */
import { labelSelectorFrom, matchesLabels } from '../api/meta/selector.ts'
import type { PodDisruptionBudget } from '../api/types.ts'
import { parseTime } from '../platform/clock.ts'
import { type NodeInfo, withoutPod, withPod } from './cache/node-info.ts'
import type { PodInfo } from './cache/pod-info.ts'
import type { CycleState } from './framework/cycle-state.ts'
import type { FilterRunner } from './framework/handle.ts'
import { type Rejection, unresolvable, unschedulable } from './framework/rejection.ts'

/** A node and who would have to go, most important first. */
export interface Candidate {
  readonly nodeName: string
  readonly victims: readonly PodInfo[]
  readonly budgetViolations: number
}

export interface Trial {
  readonly filters: FilterRunner
  /** As preFilter left it; not changed. */
  readonly state: CycleState
  readonly pod: PodInfo
  readonly budgets: readonly PodDisruptionBudget[]
}

const plugin = 'DefaultPreemption'

/** The least set of victims on one node, or why there is none. */
export function selectVictims(trial: Trial, node: NodeInfo): Candidate | Rejection {
  const { filters, pod } = trial
  const state = trial.state.clone()
  const lesser = node.pods.filter((other) => other.priority < pod.priority)
  if (lesser.length === 0) return unresolvable(plugin, 'No preemption victims found for incoming pod')
  let emptied = node
  for (const other of lesser) {
    emptied = withoutPod(emptied, other.uid)
    filters.adjust(state, pod, { kind: 'removed', other, node: emptied })
  }
  const rejection = filters.filterWithNominated(state, pod, emptied)
  if (rejection) return rejection

  const { violating, others } = splitByBudget([...lesser].sort(byImportance), trial.budgets)
  const victims: PodInfo[] = []
  let budgetViolations = 0
  let current = emptied
  const isReprieved = (other: PodInfo): boolean => {
    const with_ = withPod(current, other)
    filters.adjust(state, pod, { kind: 'added', other, node: with_ })
    if (filters.filterWithNominated(state, pod, with_) === undefined) {
      current = with_
      return true
    }
    filters.adjust(state, pod, { kind: 'removed', other, node: current })
    victims.push(other)
    return false
  }
  for (const other of violating) if (!isReprieved(other)) budgetViolations += 1
  for (const other of others) isReprieved(other)
  if (victims.length === 0) return unschedulable(plugin, 'No preemption victims found for incoming pod')
  return { nodeName: node.name, victims: victims.sort(byImportance), budgetViolations }
}

/** The best of several candidates; undefined when there are none. */
export function pickCandidate(candidates: readonly Candidate[]): Candidate | undefined {
  const offset = 2 ** 31
  const criteria: readonly ((candidate: Candidate) => number)[] = [
    ({ budgetViolations }) => budgetViolations,
    ({ victims }) => victims[0]?.priority ?? 0,
    // The offset keeps many negative priorities from counting less than few.
    ({ victims }) => victims.reduce((sum, { priority }) => sum + priority + offset, 0),
    ({ victims }) => victims.length,
    (candidate) => -earliestStartOfHighest(candidate),
  ]
  let best = candidates
  for (const criterion of criteria) {
    if (best.length <= 1) break
    const least = Math.min(...best.map(criterion))
    best = best.filter((candidate) => criterion(candidate) === least)
  }
  return best[0]
}

/** More important first: by priority, then by who has run longer. */
export function byImportance(a: PodInfo, b: PodInfo): number {
  if (a.priority !== b.priority) return b.priority - a.priority
  const byStart = startMs(a) - startMs(b)
  if (byStart !== 0) return byStart
  return a.key < b.key ? -1 : 1
}

function earliestStartOfHighest({ victims }: Candidate): number {
  const highest = victims[0]?.priority
  return Math.min(...victims.filter(({ priority }) => priority === highest).map(startMs))
}

/** A pod that has not started is younger than any that has. */
function startMs({ pod }: PodInfo): number {
  return parseTime(pod.status?.startTime ?? '') ?? Number.MAX_SAFE_INTEGER
}

/** Budgets are used up in the order of the pods, so the order decides which pods violate one. */
function splitByBudget(
  pods: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): { readonly violating: readonly PodInfo[]; readonly others: readonly PodInfo[] } {
  const left = budgets.map((budget) => budget.status?.disruptionsAllowed ?? 0)
  const selectors = budgets.map((budget) => labelSelectorFrom(budget.spec?.selector))
  const violating: PodInfo[] = []
  const others: PodInfo[] = []
  for (const pod of pods) {
    let isViolating = false
    budgets.forEach((budget, index) => {
      const selector = selectors[index]
      if (budget.metadata.namespace !== pod.namespace || selector === undefined) return
      if (Object.keys(pod.labels).length === 0 || !matchesLabels(selector, pod.labels)) return
      // It is being disrupted already: it has been counted.
      if (budget.status?.disruptedPods?.[pod.name] !== undefined) return
      left[index] = (left[index] ?? 0) - 1
      if ((left[index] ?? 0) < 0) isViolating = true
    })
    if (isViolating) violating.push(pod)
    else others.push(pod)
  }
  return { violating, others }
}

/**
 * Chooses a node for one pod: synchronous, over one snapshot, without any effect but the plugins' notes in
 * the cycle's state. Of many nodes only a part is looked at (`nodesToFind`), each time starting where the
 * last cycle ended, so that all nodes get their turn; of equally good ones one is drawn.
 *
 * Source: `pkg/scheduler/schedule_one.go`.
 */
import type { Random } from '../platform/random.ts'
import type { NodeInfo } from './cache/node-info.ts'
import type { PodInfo } from './cache/pod-info.ts'
import type { Snapshot } from './cache/snapshot.ts'
import type { CycleState } from './framework/cycle-state.ts'
import type { Diagnosis } from './framework/diagnosis.ts'
import type { Framework, TotalScore } from './framework/framework.ts'
import type { Rejection } from './framework/rejection.ts'

/** Where the next cycle starts to look. Kept from cycle to cycle by the scheduler. */
export interface Rotation {
  nextIndex: number
}

export type Choice =
  | {
      readonly kind: 'node'
      readonly nodeName: string
      readonly evaluated: number
      readonly feasible: number
    }
  | { readonly kind: 'unfit'; readonly diagnosis: Diagnosis }

export interface Cycle {
  readonly framework: Framework
  readonly state: CycleState
  readonly pod: PodInfo
  readonly snapshot: Snapshot
  readonly rotation: Rotation
  readonly random: Random
}

/** Up to this many nodes, all are looked at. */
const nodesToFindMin = 100
const percentMin = 5

/** How many feasible nodes are enough among `nodesTotal`: all of few, half of hundreds, a twentieth of many. */
export function nodesToFind(nodesTotal: number): number {
  if (nodesTotal < nodesToFindMin) return nodesTotal
  const percent = Math.max(percentMin, 50 - Math.floor(nodesTotal / 125))
  return Math.max(nodesToFindMin, Math.floor((nodesTotal * percent) / 100))
}

/** Chooses a node for `pod`, or says why none fits. */
export function chooseNode(cycle: Cycle): Choice {
  const found = findFeasible(cycle)
  if (found.feasible.length === 0) return { kind: 'unfit', diagnosis: found.diagnosis }
  const evaluated = found.feasible.length + found.diagnosis.rejections.size
  const [only] = found.feasible
  const winner =
    found.feasible.length === 1 && only
      ? only
      : pickBest(cycle.framework.score(cycle.state, cycle.pod, found.feasible), cycle.random)
  return { kind: 'node', nodeName: winner.name, evaluated, feasible: found.feasible.length }
}

interface Found {
  readonly feasible: readonly NodeInfo[]
  readonly diagnosis: Diagnosis
}

function findFeasible(cycle: Cycle): Found {
  const { framework, state, pod, snapshot } = cycle
  const nodesTotal = snapshot.nodes.length
  const outcome = framework.preFilter(state, pod, snapshot.nodes)
  if (outcome.kind === 'rejected') {
    const { rejection } = outcome
    return refused({ nodesTotal, absent: rejection, preFilterMessage: rejection.reasons.join(', ') })
  }
  const nominated = tryNominated(cycle, outcome.nodeNames)
  if (nominated)
    return { feasible: [nominated], diagnosis: refused({ nodesTotal, absent: undefined }).diagnosis }
  const candidates = outcome.nodeNames
    ? snapshot.nodes.filter(({ name }) => outcome.nodeNames?.has(name))
    : snapshot.nodes
  return filterNodes(cycle, { candidates, nodesTotal, absent: outcome.absent })
}

function refused(options: {
  readonly nodesTotal: number
  readonly absent: Rejection | undefined
  readonly preFilterMessage?: string
}): Found {
  const { nodesTotal, absent, preFilterMessage = '' } = options
  return {
    feasible: [],
    diagnosis: { nodesTotal, rejections: new Map(), absentRejection: absent, preFilterMessage },
  }
}

/** A node that preemption has promised is taken if it fits, before others are looked at. */
function tryNominated(cycle: Cycle, nodeNames: ReadonlySet<string> | undefined): NodeInfo | undefined {
  const name = cycle.pod.pod.status?.nominatedNodeName ?? ''
  if (name === '' || nodeNames?.has(name) === false) return undefined
  const node = cycle.snapshot.get(name)
  if (node === undefined) return undefined
  return cycle.framework.filterWithNominated(cycle.state, cycle.pod, node) === undefined ? node : undefined
}

function filterNodes(
  cycle: Cycle,
  scope: {
    readonly candidates: readonly NodeInfo[]
    readonly nodesTotal: number
    readonly absent: Rejection | undefined
  },
): Found {
  const { framework, state, pod, rotation } = cycle
  const { candidates, nodesTotal, absent } = scope
  const enough = nodesToFind(candidates.length)
  const feasible: NodeInfo[] = []
  const rejections = new Map<string, Rejection>()
  let looked = 0
  for (; looked < candidates.length && feasible.length < enough; looked += 1) {
    const node = candidates[(rotation.nextIndex + looked) % candidates.length]
    if (node === undefined) continue
    const rejection = framework.filterWithNominated(state, pod, node)
    if (rejection) rejections.set(node.name, rejection)
    else feasible.push(node)
  }
  if (candidates.length > 0) rotation.nextIndex = (rotation.nextIndex + looked) % candidates.length
  return { feasible, diagnosis: { nodesTotal, rejections, absentRejection: absent, preFilterMessage: '' } }
}

/** Of the best, each with the same chance: the n-th of them replaces the choice with probability 1/n. */
function pickBest(scores: readonly TotalScore[], random: Random): NodeInfo {
  let best: TotalScore | undefined
  let ties = 0
  for (const score of scores) {
    if (best === undefined || score.total > best.total) {
      best = score
      ties = 1
    } else if (score.total === best.total) {
      ties += 1
      if (random.int(ties) === 0) best = score
    }
  }
  if (best === undefined) throw new Error('pickBest: no node to pick from')
  return best.node
}

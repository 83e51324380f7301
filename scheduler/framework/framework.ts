/**
 * Runs the plugins of the catalogue at each extension point, in the catalogue's order. Built once per
 * scheduler; holds no state of its own.
 *
 * Invariants: a plugin that skipped in preFilter is not asked to filter in that cycle, one that skipped
 * in preScore not to score; every rejection carries its plugin's name.
 *
 * Source: `pkg/scheduler/framework/runtime/framework.go`.
 */
import { assert } from '../../platform/assert.ts'
import { type Clock, DeadlineExceeded, withDeadline } from '../../platform/clock.ts'
import { type NodeInfo, withPod } from '../cache/node-info.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import type { Nominator } from '../queue/nominator.ts'
import type { QueueingHint } from './cluster-change.ts'
import type { CycleState } from './cycle-state.ts'
import type { Diagnosis } from './diagnosis.ts'
import {
  maxNodeScore,
  type NodeScore,
  type Orderable,
  type Plugin,
  type PostFilterResult,
} from './extension-points.ts'
import type { FilterRunner } from './handle.ts'
import { type Rejection, unresolvable } from './rejection.ts'

export interface WeightedPlugin {
  readonly plugin: Plugin
  readonly weight: number
}

/** `nodeNames`: undefined when every node is to be looked at. */
export type PreFilterOutcome =
  | {
      readonly kind: 'go'
      readonly nodeNames: ReadonlySet<string> | undefined
      readonly absent: Rejection | undefined
    }
  | { readonly kind: 'rejected'; readonly rejection: Rejection }

/** A node's total over all score plugins. */
export interface TotalScore {
  readonly node: NodeInfo
  readonly total: number
}

export class Framework implements FilterRunner {
  readonly #plugins: readonly WeightedPlugin[]
  readonly #clock: Clock
  readonly #nominator: () => Nominator

  /** `nominator` is asked for later: the queue that owns it is built with this framework. */
  constructor(options: { plugins: readonly WeightedPlugin[]; clock: Clock; nominator: () => Nominator }) {
    this.#plugins = options.plugins
    this.#clock = options.clock
    this.#nominator = options.nominator
    const names = new Set(options.plugins.map(({ plugin }) => plugin.name))
    assert(names.size === options.plugins.length, 'two scheduler plugins have one name')
  }

  /** What wakes the pods that each plugin rejected. */
  hints(): ReadonlyMap<string, readonly QueueingHint[]> {
    return new Map(this.#plugins.map(({ plugin }) => [plugin.name, plugin.hints ?? []]))
  }

  less(a: Orderable, b: Orderable): boolean {
    for (const { plugin } of this.#plugins) if (plugin.less) return plugin.less(a, b)
    return a.sequence < b.sequence
  }

  preEnqueue(pod: PodInfo): Rejection | undefined {
    for (const { plugin } of this.#plugins) {
      const rejection = plugin.preEnqueue?.(pod)
      if (rejection) return rejection
    }
    return undefined
  }

  preFilter(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): PreFilterOutcome {
    let nodeNames: ReadonlySet<string> | undefined
    const narrowing: string[] = []
    for (const { plugin } of this.#plugins) {
      const result = plugin.preFilter?.(state, pod, nodes)
      if (result === undefined) continue
      if (result.kind === 'rejected') return result
      if (result.kind === 'skip') {
        state.skippedFilters.add(plugin.name)
        continue
      }
      narrowing.push(plugin.name)
      nodeNames = intersection(nodeNames, result.nodeNames)
      if (nodeNames.size === 0) {
        return { kind: 'rejected', rejection: noNodeLeft(narrowing) }
      }
    }
    const [first] = narrowing
    if (first === undefined) return { kind: 'go', nodeNames: undefined, absent: undefined }
    const reason = `node(s) didn't satisfy plugin(s) [${narrowing.sort().join(' ')}]`
    return { kind: 'go', nodeNames, absent: unresolvable(first, reason) }
  }

  adjust(
    state: CycleState,
    pod: PodInfo,
    change: { readonly kind: 'added' | 'removed'; readonly other: PodInfo; readonly node: NodeInfo },
  ): void {
    for (const { plugin } of this.#plugins) {
      if (!state.skippedFilters.has(plugin.name)) plugin.adjust?.(state, pod, change)
    }
  }

  /** The first rejection, by the catalogue's order. */
  filter(state: CycleState, pod: PodInfo, node: NodeInfo): Rejection | undefined {
    for (const { plugin } of this.#plugins) {
      if (plugin.filter === undefined || state.skippedFilters.has(plugin.name)) continue
      const rejection = plugin.filter(state, pod, node)
      if (rejection) return rejection
    }
    return undefined
  }

  /**
   * Filters twice where pods are nominated to the node: with them (they will come) and without them
   * (they may not, and the pod may need what they would take along, such as affinity to them).
   */
  filterWithNominated(state: CycleState, pod: PodInfo, node: NodeInfo): Rejection | undefined {
    const nominated = this.#nominator()
      .podsOn(node.name)
      .filter((other) => other.uid !== pod.uid && other.priority >= pod.priority)
    if (nominated.length > 0) {
      const stateWith = state.clone()
      let nodeWith = node
      for (const other of nominated) {
        nodeWith = withPod(nodeWith, other)
        this.adjust(stateWith, pod, { kind: 'added', other, node: nodeWith })
      }
      const rejection = this.filter(stateWith, pod, nodeWith)
      if (rejection) return rejection
    }
    return this.filter(state, pod, node)
  }

  /** The first plugin that nominates a node wins; messages are joined. */
  postFilter(state: CycleState, pod: PodInfo, diagnosis: Diagnosis): PostFilterResult {
    let nominatedNodeName: string | undefined
    const messages: string[] = []
    for (const { plugin } of this.#plugins) {
      const result = plugin.postFilter?.(state, pod, diagnosis)
      if (result === undefined) continue
      if (result.nominatedNodeName !== undefined) nominatedNodeName = result.nominatedNodeName
      if (result.nominatedNodeName) return { nominatedNodeName, message: '' }
      if (result.message !== '') messages.push(result.message)
    }
    return { nominatedNodeName, message: messages.join(', ') }
  }

  /** Scores every node with every score plugin, normalized, weighted and summed. */
  score(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): readonly TotalScore[] {
    for (const { plugin } of this.#plugins) {
      if (plugin.preScore?.(state, pod, nodes) === 'skip') state.skippedScores.add(plugin.name)
    }
    const totals = nodes.map(() => 0)
    for (const { plugin, weight } of this.#plugins) {
      if (plugin.score === undefined || state.skippedScores.has(plugin.name)) continue
      const scores: NodeScore[] = []
      for (const node of nodes) scores.push({ node, score: plugin.score(state, pod, node) })
      plugin.normalizeScore?.(state, pod, scores)
      scores.forEach(({ node, score }, index) => {
        assert(score >= 0 && score <= maxNodeScore, () => `${plugin.name} scored ${node.name} with ${score}`)
        totals[index] = (totals[index] ?? 0) + score * weight
      })
    }
    return nodes.map((node, index) => ({ node, total: totals[index] ?? 0 }))
  }

  reserve(state: CycleState, pod: PodInfo, nodeName: string): Rejection | undefined {
    for (const { plugin } of this.#plugins) {
      const rejection = plugin.reserve?.(state, pod, nodeName)
      if (rejection) return rejection
    }
    return undefined
  }

  /** In reverse order: what was reserved last is given back first. */
  unreserve(state: CycleState, pod: PodInfo, nodeName: string): void {
    for (const { plugin } of this.#plugins.toReversed()) plugin.unreserve?.(state, pod, nodeName)
  }

  /** Resolves when every plugin permits; a plugin whose time is over rejects. */
  async permit(
    state: CycleState,
    pod: PodInfo,
    nodeName: string,
    signal: AbortSignal,
  ): Promise<Rejection | undefined> {
    for (const { plugin } of this.#plugins) {
      const result = plugin.permit?.(state, pod, nodeName)
      if (result === undefined) continue
      if (!('wait' in result)) return result
      const attempted = `permit pod ${pod.key} (${plugin.name})`
      try {
        const options = { clock: this.#clock, timeoutMs: result.timeoutMs, attempted, parent: signal }
        const rejection = await withDeadline(options, result.wait)
        if (rejection) return rejection
      } catch (error) {
        if (!(error instanceof DeadlineExceeded)) throw error
        return { code: 'unschedulable', plugin: plugin.name, reasons: [error.message] }
      }
    }
    return undefined
  }

  async preBind(
    state: CycleState,
    pod: PodInfo,
    nodeName: string,
    signal: AbortSignal,
  ): Promise<Rejection | undefined> {
    for (const { plugin } of this.#plugins) {
      const rejection = await plugin.preBind?.(state, pod, nodeName, signal)
      if (rejection) return rejection
    }
    return undefined
  }

  /** @throws what the bind plugin threw; or when no plugin binds */
  async bind(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<void> {
    for (const { plugin } of this.#plugins) {
      if ((await plugin.bind?.(state, pod, nodeName, signal)) === 'bound') return
    }
    throw new Error(`bind pod ${pod.key} to ${nodeName}: no bind plugin took it`)
  }

  postBind(state: CycleState, pod: PodInfo, nodeName: string): void {
    for (const { plugin } of this.#plugins) plugin.postBind?.(state, pod, nodeName)
  }
}

function intersection(a: ReadonlySet<string> | undefined, b: ReadonlySet<string>): ReadonlySet<string> {
  return a === undefined ? b : new Set(Array.from(a).filter((name) => b.has(name)))
}

function noNodeLeft(plugins: readonly string[]): Rejection {
  const [first = ''] = plugins
  const reason =
    plugins.length === 1
      ? `node(s) didn't satisfy plugin ${first}`
      : `node(s) didn't satisfy plugin(s) [${[...plugins].sort().join(' ')}] simultaneously`
  return unresolvable(first, reason)
}

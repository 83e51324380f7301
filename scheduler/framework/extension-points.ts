/**
 * The extension points, each an interface of one method. A plugin is an object with a name and any of
 * these methods; the framework finds them by their presence. The whole way of a pod, top down:
 *
 *   queue:     preEnqueue → less (queue sort)
 *   cycle:     preFilter → filter (per node) → [postFilter when no node fits]
 *              → preScore → score (per node) → normalizeScore → reserve → permit
 *   binding:   preBind → bind → postBind        (unreserve when anything after reserve fails)
 *
 * Everything in `cycle` is synchronous: a cycle sees one moment of the cluster. Binding is asynchronous.
 *
 * Source: KEP-624 (scheduling framework).
 */
import type { NodeInfo } from '../cache/node-info.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import type { ClusterChange, QueueingHint } from './cluster-change.ts'
import type { CycleState } from './cycle-state.ts'
import type { Diagnosis } from './diagnosis.ts'
import type { Rejection } from './rejection.ts'

/** The best score a node can get from one plugin; the worst is 0. */
export const maxNodeScore = 100

/** A pod as the queue orders it. Times are monotonic milliseconds. */
export interface Orderable {
  readonly info: PodInfo
  /** When it was queued last. */
  readonly queuedAtMs: number
  /** Order of arrival, to tell pods of one millisecond apart. */
  readonly sequence: number
}

export interface QueueSortPoint {
  /** Whether `a` is to be scheduled before `b`. A strict total order. */
  less(a: Orderable, b: Orderable): boolean
}

export interface PreEnqueuePoint {
  /** A rejection keeps the pod out of the active queue until one of the plugin's hints asks for it. */
  preEnqueue(pod: PodInfo): Rejection | undefined
}

/** `skip`: nothing to filter for this pod. `nodeNames`: only these nodes need to be looked at. */
export type PreFilterResult =
  | undefined
  | { readonly kind: 'skip' }
  | { readonly kind: 'only'; readonly nodeNames: ReadonlySet<string> }
  | { readonly kind: 'rejected'; readonly rejection: Rejection }

export interface PreFilterPoint {
  preFilter(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): PreFilterResult
}

export interface PreFilterAdjustPoint {
  /** Corrects what `preFilter` computed as if `other` were added to or removed from `node`. */
  adjust(
    state: CycleState,
    pod: PodInfo,
    change: { readonly kind: 'added' | 'removed'; readonly other: PodInfo; readonly node: NodeInfo },
  ): void
}

export interface FilterPoint {
  filter(state: CycleState, pod: PodInfo, node: NodeInfo): Rejection | undefined
}

/** `nominatedNodeName`: '' clears a nomination, undefined leaves it as it is. */
export interface PostFilterResult {
  readonly nominatedNodeName: string | undefined
  /** Appended to the event's text when the pod stays unschedulable. */
  readonly message: string
}

export interface PostFilterPoint {
  postFilter(state: CycleState, pod: PodInfo, diagnosis: Diagnosis): PostFilterResult
}

export interface PreScorePoint {
  preScore(state: CycleState, pod: PodInfo, feasible: readonly NodeInfo[]): 'skip' | undefined
}

export interface ScorePoint {
  /** An integer; after `normalizeScore`, where there is one, in [0, maxNodeScore]. */
  score(state: CycleState, pod: PodInfo, node: NodeInfo): number
}

/** A node's score, changed in place by `normalizeScore`. */
export interface NodeScore {
  readonly node: NodeInfo
  score: number
}

export interface NormalizeScorePoint {
  normalizeScore(state: CycleState, pod: PodInfo, scores: readonly NodeScore[]): void
}

export interface ReservePoint {
  reserve(state: CycleState, pod: PodInfo, nodeName: string): Rejection | undefined
}

export interface UnreservePoint {
  /** Must be idempotent, and is also called when `reserve` of another plugin has failed. */
  unreserve(state: CycleState, pod: PodInfo, nodeName: string): void
}

export interface PermitPoint {
  /** A promise holds the binding back until it resolves; the framework bounds the wait. */
  permit(
    state: CycleState,
    pod: PodInfo,
    nodeName: string,
  ):
    | Rejection
    | undefined
    | { readonly wait: (signal: AbortSignal) => Promise<Rejection | undefined>; readonly timeoutMs: number }
}

export interface PreBindPoint {
  preBind(
    state: CycleState,
    pod: PodInfo,
    nodeName: string,
    signal: AbortSignal,
  ): Promise<Rejection | undefined>
}

export interface BindPoint {
  /** `skip` hands on to the next bind plugin. @throws when the pod was not bound, or may not have been */
  bind(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<'bound' | 'skip'>
}

export interface PostBindPoint {
  postBind(state: CycleState, pod: PodInfo, nodeName: string): void
}

/** A plugin: a name, what should wake pods that it rejected, and the extension points it fills. */
export interface Plugin
  extends Partial<QueueSortPoint>,
    Partial<PreEnqueuePoint>,
    Partial<PreFilterPoint>,
    Partial<PreFilterAdjustPoint>,
    Partial<FilterPoint>,
    Partial<PostFilterPoint>,
    Partial<PreScorePoint>,
    Partial<ScorePoint>,
    Partial<NormalizeScorePoint>,
    Partial<ReservePoint>,
    Partial<UnreservePoint>,
    Partial<PermitPoint>,
    Partial<PreBindPoint>,
    Partial<BindPoint>,
    Partial<PostBindPoint> {
  readonly name: string
  readonly hints?: readonly QueueingHint[]
}

export type { ClusterChange, QueueingHint }

/** What a plugin may use beyond its arguments. Handed to its factory once, when the framework is built. */
import type { Pod, PodDisruptionBudget } from '../../api/types.ts'
import type { Selector } from '../../api/meta/selector.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { Random } from '../../platform/random.ts'
import type { TaskGroup } from '../../platform/tasks.ts'
import type { NodeInfo } from '../cache/node-info.ts'
import type { PodInfo } from '../cache/pod-info.ts'
import type { Snapshot } from '../cache/snapshot.ts'
import type { Nominator } from '../queue/nominator.ts'
import type { SchedulerApi } from '../scheduler-api.ts'
import type { CycleState } from './cycle-state.ts'
import type { Plugin } from './extension-points.ts'
import type { Rejection } from './rejection.ts'

/** The API objects, besides pods and nodes, that plugins look at. Read from informers. */
export interface Listers {
  disruptionBudgets(): readonly PodDisruptionBudget[]
  /** What the Services and the owning controller of a pod select together; matches nothing when there are none. */
  defaultSelector(pod: PodInfo): Selector
  namespaceLabels(namespace: string): Readonly<Record<string, string>> | undefined
}

/** Filters, as preemption needs them: on nodes that exist only on paper. */
export interface FilterRunner {
  filter(state: CycleState, pod: PodInfo, node: NodeInfo): Rejection | undefined
  /** Counts pods nominated to the node that are at least as important. */
  filterWithNominated(state: CycleState, pod: PodInfo, node: NodeInfo): Rejection | undefined
  adjust(
    state: CycleState,
    pod: PodInfo,
    change: { readonly kind: 'added' | 'removed'; readonly other: PodInfo; readonly node: NodeInfo },
  ): void
}

export interface Handle {
  /** The snapshot of the cycle at hand. */
  snapshot(): Snapshot
  /** The pod as the informer has it now, if it still is the same one. */
  podNow(pod: PodInfo): Pod | undefined
  readonly filters: FilterRunner
  readonly nominator: Nominator
  readonly listers: Listers
  readonly api: SchedulerApi
  /** Tries a waiting pod at once. */
  activate(uid: string): void
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly tasks: TaskGroup
}

/** One line of the plugin catalogue. */
export interface CatalogEntry {
  readonly create: (handle: Handle) => Plugin
  /** How much its score counts; 0 where it has none. */
  readonly weight: number
}

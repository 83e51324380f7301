/** What plugins ask of the API besides pods and nodes, answered from informers. */
import { replicaSets } from '../api/apps/replica-set.ts'
import { statefulSets } from '../api/apps/stateful-set.ts'
import { namespaces } from '../api/core/namespace.ts'
import { replicationControllers } from '../api/core/replication-controller.ts'
import { services } from '../api/core/service.ts'
import { controllerOf } from '../api/meta/owner.ts'
import {
  labelSelectorFrom,
  matchesLabels,
  nothing,
  type Selector,
  selectorFromLabels,
} from '../api/meta/selector.ts'
import { podDisruptionBudgets } from '../api/policy/pod-disruption-budget.ts'
import type { Namespace } from '../api/types.ts'
import type { Informer, Informers } from '../client/index.ts'
import type { PodInfo } from './cache/pod-info.ts'
import type { Listers } from './framework/handle.ts'

/** The listers, and the informer among them whose changes can wake pods. */
export interface InformedListers extends Listers {
  readonly namespaces: Informer<Namespace>
}

/** Asks for the informers; call before they are waited for. */
export function createListers(informers: Informers): InformedListers {
  const budgets = informers.for(podDisruptionBudgets)
  const serviceInformer = informers.for(services)
  const namespaceInformer = informers.for(namespaces)
  const replicaSetInformer = informers.for(replicaSets)
  const statefulSetInformer = informers.for(statefulSets)
  const replicationControllerInformer = informers.for(replicationControllers)

  const ownerSelector = (pod: PodInfo): Selector => {
    const owner = controllerOf(pod.pod)
    if (owner === undefined) return nothing
    if (owner.kind === 'ReplicaSet') {
      return labelSelectorFrom(replicaSetInformer.get(pod.namespace, owner.name)?.spec?.selector)
    }
    if (owner.kind === 'StatefulSet') {
      return labelSelectorFrom(statefulSetInformer.get(pod.namespace, owner.name)?.spec?.selector)
    }
    if (owner.kind !== 'ReplicationController') return nothing
    const selector = replicationControllerInformer.get(pod.namespace, owner.name)?.spec?.selector
    return selector ? selectorFromLabels(selector) : nothing
  }
  const serviceLabels = (pod: PodInfo): Readonly<Record<string, string>> => {
    const labels: Record<string, string> = {}
    for (const { spec } of serviceInformer.list(pod.namespace)) {
      const selector = spec?.selector
      if (selector === undefined || Object.keys(selector).length === 0) continue
      if (matchesLabels(selectorFromLabels(selector), pod.labels)) Object.assign(labels, selector)
    }
    return labels
  }
  return {
    namespaces: namespaceInformer,
    disruptionBudgets: () => budgets.list(),
    defaultSelector(pod) {
      const requirements = [
        ...selectorFromLabels(serviceLabels(pod)).requirements,
        ...ownerSelector(pod).requirements,
      ]
      return requirements.length === 0 ? nothing : { requirements }
    },
    namespaceLabels: (name) => {
      const namespace = namespaceInformer.get(undefined, name)
      return namespace && (namespace.metadata.labels ?? {})
    },
  }
}

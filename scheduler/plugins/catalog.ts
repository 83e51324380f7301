/**
 * Every plugin, in the order in which each extension point asks them. A new plugin is a file in this folder
 * and a line here. Order and weights are kube-scheduler's defaults.
 *
 * catalogues: `^[a-z-]+\.ts$`
 */
import type { CatalogEntry } from '../framework/handle.ts'
import { defaultBinder } from './default-binder.ts'
import { defaultPreemption } from './default-preemption.ts'
import { imageLocality } from './image-locality.ts'
import { interPodAffinity } from './inter-pod-affinity.ts'
import { nodeAffinity } from './node-affinity.ts'
import { nodeName } from './node-name.ts'
import { nodePorts } from './node-ports.ts'
import { nodeResourcesBalancedAllocation } from './node-resources-balanced-allocation.ts'
import { nodeResourcesFit } from './node-resources-fit.ts'
import { nodeUnschedulable } from './node-unschedulable.ts'
import { podTopologySpread } from './pod-topology-spread.ts'
import { prioritySort } from './priority-sort.ts'
import { schedulingGates } from './scheduling-gates.ts'
import { taintToleration } from './taint-toleration.ts'

export const catalog: readonly CatalogEntry[] = [
  { create: schedulingGates, weight: 0 },
  { create: prioritySort, weight: 0 },
  { create: nodeUnschedulable, weight: 0 },
  { create: nodeName, weight: 0 },
  { create: taintToleration, weight: 3 },
  { create: nodeAffinity, weight: 2 },
  { create: nodePorts, weight: 0 },
  { create: nodeResourcesFit, weight: 1 },
  { create: podTopologySpread, weight: 2 },
  { create: interPodAffinity, weight: 2 },
  { create: defaultPreemption, weight: 0 },
  { create: nodeResourcesBalancedAllocation, weight: 1 },
  { create: imageLocality, weight: 1 },
  { create: defaultBinder, weight: 0 },
]

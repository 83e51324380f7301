/**
 * A node must have room for what a pod requests; among those that have, the emptier is better
 * (LeastAllocated: the share of CPU and memory that is left, both counted alike).
 */
import { type Amounts, amountsOf } from '../cache/amounts.ts'
import type { NodeInfo } from '../cache/node-info.ts'
import { type PodInfo, podInfoOf } from '../cache/pod-info.ts'
import type { ClusterChange, Plugin } from '../framework/extension-points.ts'
import { maxNodeScore } from '../framework/extension-points.ts'
import type { Rejection } from '../framework/rejection.ts'

const name = 'NodeResourcesFit'

/** Something a node has too little of; `isHopeless` when the pod asks for more than the whole node has. */
interface Shortage {
  readonly reason: string
  readonly isHopeless: boolean
}

export function nodeResourcesFit(): Plugin {
  return {
    name,
    hints: [
      { resource: 'assignedPod', actions: ['delete', 'updateScaleDown'], isWorthTrying: isRoomMade },
      { resource: 'ownPod', actions: ['updateScaleDown'] },
      { resource: 'node', actions: ['add', 'updateAllocatable'], isWorthTrying: couldFitEmptyNode },
    ],
    filter(_state, pod, node) {
      const shortages = findShortages(pod, node)
      if (shortages.length === 0) return undefined
      const code = shortages.some(({ isHopeless }) => isHopeless) ? 'unresolvable' : 'unschedulable'
      return { code, plugin: name, reasons: shortages.map(({ reason }) => reason) } satisfies Rejection
    },
    score(_state, pod, node) {
      const cpu = freeShare(node.scoredMilliCpu + pod.scoredMilliCpu, node.allocatable.milliCpu)
      const memory = freeShare(node.scoredMemoryBytes + pod.scoredMemoryBytes, node.allocatable.memoryBytes)
      const shares = [cpu, memory].filter((share) => share !== undefined)
      if (shares.length === 0) return 0
      return Math.floor(shares.reduce((sum, share) => sum + share, 0) / shares.length)
    },
  }
}

/** What `node` is short of for `pod`, in the order in which users see it. */
export function findShortages(pod: PodInfo, node: NodeInfo): readonly Shortage[] {
  const shortages: Shortage[] = []
  if (node.pods.length + 1 > node.podsMax) shortages.push({ reason: 'Too many pods', isHopeless: false })
  const { requests } = pod
  const { allocatable, requested } = node
  const check = (resource: string, wanted: number, capacity: number, used: number) => {
    if (wanted === 0 || wanted <= capacity - used) return
    shortages.push({ reason: `Insufficient ${resource}`, isHopeless: wanted > capacity })
  }
  check('cpu', requests.milliCpu, allocatable.milliCpu, requested.milliCpu)
  check('memory', requests.memoryBytes, allocatable.memoryBytes, requested.memoryBytes)
  check('ephemeral-storage', requests.ephemeralBytes, allocatable.ephemeralBytes, requested.ephemeralBytes)
  for (const [resource, wanted] of requests.scalars) {
    check(resource, wanted, allocatable.scalars.get(resource) ?? 0, requested.scalars.get(resource) ?? 0)
  }
  return shortages
}

function freeShare(requested: number, capacity: number): number | undefined {
  if (capacity === 0) return undefined
  return requested > capacity ? 0 : Math.floor(((capacity - requested) * maxNodeScore) / capacity)
}

/** A pod that went or shrank helps when it held something that the waiting pod wants; its slot always helps. */
function isRoomMade(pod: PodInfo, change: ClusterChange): boolean {
  if (change.resource !== 'assignedPod' || change.previous === undefined) return true
  if (change.action === 'delete') return true
  const before = podInfoOf(change.previous).requests
  const after = change.next ? podInfoOf(change.next).requests : before
  return overlaps(pod.requests, before, after)
}

function overlaps(wanted: Amounts, before: Amounts, after: Amounts): boolean {
  if (wanted.milliCpu > 0 && after.milliCpu < before.milliCpu) return true
  if (wanted.memoryBytes > 0 && after.memoryBytes < before.memoryBytes) return true
  if (wanted.ephemeralBytes > 0 && after.ephemeralBytes < before.ephemeralBytes) return true
  for (const [name] of wanted.scalars) {
    if ((after.scalars.get(name) ?? 0) < (before.scalars.get(name) ?? 0)) return true
  }
  return false
}

/** Whether the pod would fit the changed node if that were empty. */
function couldFitEmptyNode({ requests }: PodInfo, change: ClusterChange): boolean {
  if (change.resource !== 'node' || change.next === undefined) return true
  const has = amountsOf(change.next.status?.allocatable)
  if (requests.milliCpu > has.milliCpu || requests.memoryBytes > has.memoryBytes) return false
  if (requests.ephemeralBytes > has.ephemeralBytes) return false
  for (const [resource, wanted] of requests.scalars)
    if (wanted > (has.scalars.get(resource) ?? 0)) return false
  return true
}

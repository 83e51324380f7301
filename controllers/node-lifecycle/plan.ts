/**
 * What becomes of a node that falls silent. Pure.
 *
 *   heartbeat (Lease or status) ──── grace 50 s ────► conditions Unknown, taint unreachable:NoSchedule
 *                                                      └─ by zone, at a rate ─► unreachable:NoExecute
 *
 * Silence is measured by the watcher's own monotonic clock from the moment in which it saw the last change;
 * the node's own times are only compared for being other than before.
 * Source: Kubernetes pkg/controller/nodelifecycle/node_lifecycle_controller.go.
 */
import { findCondition } from '../../api/meta/conditions.ts'
import { isSameTaint } from '../../api/core/taints.ts'
import type { Lease, Node, NodeCondition, Taint } from '../../api/types.ts'

export const graceMs = 50_000
/** A node that never reported gets longer. */
export const startupGraceMs = 60_000

export const notReadyTaint = 'node.kubernetes.io/not-ready'
export const unreachableTaint = 'node.kubernetes.io/unreachable'
const unschedulableTaint = 'node.kubernetes.io/unschedulable'

/** What the watcher remembers of a node. */
export interface NodeHealth {
  /** Monotonic moment of the last sign of life. */
  readonly seenMs: number
  readonly heartbeat: string | undefined
  readonly renewal: string | undefined
}

/** The health after a look: a changed heartbeat or renewal is a sign of life. */
export function nextHealth(
  previous: NodeHealth | undefined,
  observed: { readonly node: Node; readonly lease: Lease | undefined; readonly monotonicMs: number },
): NodeHealth {
  const heartbeat = readyCondition(observed.node)?.lastHeartbeatTime
  const renewal = observed.lease?.spec?.renewTime
  const isAlive = !previous || heartbeat !== previous.heartbeat || renewal !== previous.renewal
  return { seenMs: isAlive ? observed.monotonicMs : previous.seenMs, heartbeat, renewal }
}

export function readyCondition(node: Node): NodeCondition | undefined {
  return findCondition(node.status?.conditions, 'Ready')
}

export function isNodeReady(node: Node): boolean {
  return readyCondition(node)?.status === 'True'
}

/** Whether a node has been silent for longer than it may. */
export function isSilent(node: Node, health: NodeHealth, monotonicMs: number): boolean {
  const limitMs = readyCondition(node) ? graceMs : startupGraceMs
  return monotonicMs - health.seenMs > limitMs
}

const silentTypes = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

/** The conditions of a silent node: all Unknown. The same list when they are so already. */
export function silentConditions(node: Node, now: string): readonly NodeCondition[] {
  let conditions = node.status?.conditions ?? []
  for (const type of silentTypes) {
    const known = findCondition(conditions, type)
    if (known?.status === 'Unknown') continue
    const unknown: NodeCondition = {
      type,
      status: 'Unknown',
      reason: known ? 'NodeStatusUnknown' : 'NodeStatusNeverUpdated',
      message: known ? 'Kubelet stopped posting node status.' : 'Kubelet never posted node status.',
      lastHeartbeatTime: known?.lastHeartbeatTime ?? node.metadata.creationTimestamp,
      lastTransitionTime: now,
    }
    conditions = [...conditions.filter((condition) => condition !== known), unknown]
  }
  return conditions
}

const conditionTaints: readonly (readonly [type: string, status: string, key: string])[] = [
  ['Ready', 'False', notReadyTaint],
  ['Ready', 'Unknown', unreachableTaint],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
]
const ownedKeys = new Set([...conditionTaints.map(([, , key]) => key), unschedulableTaint])

/** The NoSchedule taints that a node's conditions and cordon ask for. */
export function noScheduleTaints(node: Node): readonly Taint[] {
  const taints: Taint[] = []
  for (const [type, status, key] of conditionTaints) {
    if (findCondition(node.status?.conditions, type)?.status === status)
      taints.push({ key, effect: 'NoSchedule' })
  }
  if (node.spec?.unschedulable) taints.push({ key: unschedulableTaint, effect: 'NoSchedule' })
  return taints
}

/** The key of the NoExecute taint that a node has earned; undefined for a ready one. */
export function earnedNoExecute(node: Node): string | undefined {
  switch (readyCondition(node)?.status) {
    case 'True':
    case undefined:
      return undefined
    case 'Unknown':
      return unreachableTaint
    default:
      return notReadyTaint
  }
}

/** All taints of a node with ours brought up to date; the same list when they are so already. */
export function nextTaints(
  node: Node,
  wanted: { readonly noExecute: string | undefined; readonly now: string },
): readonly Taint[] {
  const current = node.spec?.taints ?? []
  const ours: readonly Taint[] = [
    ...noScheduleTaints(node),
    ...(wanted.noExecute ? [{ key: wanted.noExecute, effect: 'NoExecute' }] : []),
  ]
  const kept = current.filter((taint) => !isOurs(taint) || ours.some((own) => isSameTaint(own, taint)))
  const added = ours.filter((own) => !current.some((taint) => isSameTaint(own, taint)))
  if (kept.length === current.length && added.length === 0) return current
  return [...kept, ...added.map((taint) => ({ ...taint, timeAdded: wanted.now }))]
}

function isOurs(taint: Taint): boolean {
  if (taint.effect === 'NoSchedule') return ownedKeys.has(taint.key)
  return taint.effect === 'NoExecute' && (taint.key === notReadyTaint || taint.key === unreachableTaint)
}

/** The NoExecute taint of ours that a node carries. */
export function carriedNoExecute(node: Node): string | undefined {
  return node.spec?.taints?.find((taint) => taint.effect === 'NoExecute' && isOurs(taint))?.key
}

export type ZoneState = 'Normal' | 'PartialDisruption' | 'FullDisruption'

const unhealthyZoneThreshold = 0.55
const largeZoneMin = 50

/** How much of a zone is down: all of it rather tells of a cut network than of dead nodes. */
export function zoneState(nodes: readonly Node[]): ZoneState {
  const notReady = nodes.filter((node) => !isNodeReady(node)).length
  if (notReady > 0 && notReady === nodes.length) return 'FullDisruption'
  return notReady > 2 && notReady / nodes.length >= unhealthyZoneThreshold ? 'PartialDisruption' : 'Normal'
}

/** Nodes per second that may get the NoExecute taint in a zone. */
export function evictionRate(state: ZoneState, nodeCount: number): number {
  if (state !== 'PartialDisruption') return 0.1
  return nodeCount > largeZoneMin ? 0.01 : 0
}

/** `region:zone`, by which nodes fail together. */
export function zoneOf(node: Node): string {
  const labels = node.metadata.labels ?? {}
  return `${labels['topology.kubernetes.io/region'] ?? ''}:${labels['topology.kubernetes.io/zone'] ?? ''}`
}

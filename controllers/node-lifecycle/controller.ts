/**
 * Node lifecycle: looks at every node each five seconds, and at a node whenever it changes.
 * Source: Kubernetes pkg/controller/nodelifecycle; evictions themselves are taint-eviction's.
 */
import { leases } from '../../api/coordination/lease.ts'
import { nodes as nodeResource } from '../../api/core/node.ts'
import { isPodReady } from '../../api/core/pod-conditions.ts'
import { pods as podResource } from '../../api/core/pod.ts'
import { setCondition } from '../../api/meta/conditions.ts'
import { isConflict } from '../../api/meta/status.ts'
import type { Node, Pod } from '../../api/types.ts'
import { keyOf, TokenBucket } from '../../client/index.ts'
import { byName } from '../framework/claim.ts'
import type { Controller, ControllerContext } from '../framework/controller.ts'
import { ignoreNotFound } from '../framework/errors.ts'
import {
  carriedNoExecute,
  earnedNoExecute,
  evictionRate,
  isSilent,
  type NodeHealth,
  nextHealth,
  nextTaints,
  silentConditions,
  zoneOf,
  zoneState,
} from './plan.ts'

const monitorPeriodMs = 5000
export const nodeLeaseNamespace = 'kube-node-lease'
export const nodeNameIndex = 'node-name'

interface Zone {
  readonly rate: number
  readonly bucket: TokenBucket
}

interface Monitor {
  readonly context: ControllerContext
  readonly health: Map<string, NodeHealth>
  readonly zones: Map<string, Zone>
  /** Every node is down: more likely we are. Nothing is evicted. */
  isAllDown: boolean
}

/** Pods by the node that they are bound to. */
export function addNodeNameIndex(context: ControllerContext): void {
  context
    .informer(podResource)
    .addIndex(nodeNameIndex, (pod) => (pod.spec?.nodeName ? [pod.spec.nodeName] : []))
}

/** The controller. */
export const nodeLifecycleController: Controller = {
  name: 'node-lifecycle-controller',
  start: (context) => {
    const monitor: Monitor = { context, health: new Map(), zones: new Map(), isAllDown: false }
    addNodeNameIndex(context)
    context.informer(leases, { namespace: nodeLeaseNamespace })
    const queue = context.reconciler('node-taints', {
      reconcile: (name, signal) => syncTaints(monitor, name, signal),
    })
    const recorder = context.recorder('node-controller')
    context.informer(nodeResource).onChange({
      add: (node) => queue.add(keyOf(node)),
      update: (_, node) => queue.add(keyOf(node)),
      delete: (node) => {
        const { name = '' } = node.metadata
        monitor.health.delete(name)
        recorder.event(
          node,
          'Normal',
          'RemovingNode',
          `Node ${name} event: Removing Node ${name} from Controller`,
        )
      },
    })
    context.every('node-monitor', monitorPeriodMs, (signal) => look(monitor, signal))
  },
}

/** One round over all nodes, by name. */
async function look(monitor: Monitor, signal: AbortSignal): Promise<void> {
  const { context } = monitor
  const nodes = [...context.informer(nodeResource).list()].sort(byName)
  for (const node of nodes) await lookAtNode(monitor, node, signal)
  rateZones(monitor, nodes)
  for (const node of nodes) {
    await syncTaints(monitor, node.metadata.name ?? '', signal).catch((error: unknown) => {
      if (!isConflict(error)) throw error
    })
  }
}

async function lookAtNode(monitor: Monitor, node: Node, signal: AbortSignal): Promise<void> {
  const { context, health } = monitor
  const name = node.metadata.name ?? ''
  const monotonicMs = context.powers.clock.monotonicMs()
  const previous = health.get(name)
  const lease = context.informer(leases, { namespace: nodeLeaseNamespace }).get(nodeLeaseNamespace, name)
  const next = nextHealth(previous, { node, lease, monotonicMs })
  health.set(name, next)
  const recorder = context.recorder('node-controller')
  if (!previous) {
    recorder.event(
      node,
      'Normal',
      'RegisteredNode',
      `Node ${name} event: Registered Node ${name} in Controller`,
    )
  }
  if (!isSilent(node, next, monotonicMs)) return
  const conditions = silentConditions(node, context.now())
  if (conditions !== node.status?.conditions) {
    const status = { ...node.status, conditions }
    try {
      await ignoreNotFound(
        context.client.resource(nodeResource).updateStatus({ ...node, status }, { signal }),
      )
    } catch (error) {
      // Somebody, most likely its kubelet, has just written: it lives, or the next round sees.
      if (isConflict(error)) return
      throw error
    }
    recorder.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`)
  }
  await markPodsNotReady(context, name, signal)
}

/** The kubelet cannot say any more that its pods are not ready; Services must not wait for it. */
async function markPodsNotReady(
  context: ControllerContext,
  nodeName: string,
  signal: AbortSignal,
): Promise<void> {
  for (const pod of context.informer(podResource).byIndex(nodeNameIndex, nodeName)) {
    if (!isPodReady(pod)) continue
    const ready = { type: 'Ready', status: 'False', reason: 'NodeNotReady' }
    const conditions = setCondition(pod.status?.conditions, ready, context.now())
    const next: Pod = { ...pod, status: { ...pod.status, conditions } }
    try {
      await ignoreNotFound(
        context.client.resource(podResource, pod.metadata.namespace).updateStatus(next, { signal }),
      )
    } catch (error) {
      if (!isConflict(error)) throw error
    }
  }
}

/** Sets each zone's rate by how much of it is down. */
function rateZones(monitor: Monitor, nodes: readonly Node[]): void {
  const { context, zones, health } = monitor
  const byZone = new Map<string, Node[]>()
  for (const node of nodes) byZone.set(zoneOf(node), [...(byZone.get(zoneOf(node)) ?? []), node])
  const states = [...byZone].map(([zone, members]) => ({ zone, members, state: zoneState(members) }))
  const wasAllDown = monitor.isAllDown
  monitor.isAllDown = states.length > 0 && states.every(({ state }) => state === 'FullDisruption')
  if (wasAllDown && !monitor.isAllDown) {
    const seenMs = context.powers.clock.monotonicMs()
    for (const [name, known] of health) health.set(name, { ...known, seenMs })
  }
  for (const { zone, members, state } of states) {
    const rate = evictionRate(state, members.length)
    if (zones.get(zone)?.rate === rate) continue
    zones.set(zone, { rate, bucket: new TokenBucket(context.powers.clock, { perSecond: rate, burst: 1 }) })
  }
}

async function syncTaints(monitor: Monitor, name: string, signal: AbortSignal): Promise<void> {
  const { context } = monitor
  const node = context.informer(nodeResource).get(undefined, name)
  if (!node) return
  const taints = nextTaints(node, { noExecute: chooseNoExecute(monitor, node), now: context.now() })
  if (taints === node.spec?.taints || (taints.length === 0 && !node.spec?.taints)) return
  const spec = { ...node.spec, taints }
  await ignoreNotFound(context.client.resource(nodeResource).update({ ...node, spec }, { signal }))
}

/** Which NoExecute taint of ours the node shall carry now: a new one only when its zone's rate allows. */
function chooseNoExecute({ zones, isAllDown }: Monitor, node: Node): string | undefined {
  const earned = earnedNoExecute(node)
  if (earned === undefined || isAllDown) return undefined
  if (carriedNoExecute(node) !== undefined) return earned
  return zones.get(zoneOf(node))?.bucket.tryTake() ? earned : undefined
}

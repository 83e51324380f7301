/**
 * Taint eviction: pods go from nodes whose NoExecute taints they do not tolerate, or no longer.
 *
 * The moment is counted from when the taint was added (or the pod came, if later), so that a change of
 * leader neither hurries nor delays it. Source: Kubernetes pkg/controller/tainteviction.
 */
import { nodes } from '../api/core/node.ts'
import { isPodTerminating } from '../api/core/pod-conditions.ts'
import { pods as podResource } from '../api/core/pod.ts'
import { toleratesTaint } from '../api/core/taints.ts'
import { setCondition } from '../api/meta/conditions.ts'
import { parseTime } from '../api/meta/time.ts'
import type { Node, Pod, Taint } from '../api/types.ts'
import { keyOf, splitKey } from '../client/index.ts'
import type { Controller, ControllerContext, ReconcileResult } from './framework/controller.ts'
import { ignoreNotFound } from './framework/errors.ts'
import { addNodeNameIndex, nodeNameIndex } from './node-lifecycle/controller.ts'

/** When the taints drive the pod away, in milliseconds since 1970; undefined: never. Pure. */
export function evictionMs(pod: Pod, taints: readonly Taint[], nowMs: number): number | undefined {
  const cameMs = parseTime(pod.status?.startTime) ?? parseTime(pod.metadata.creationTimestamp) ?? nowMs
  let earliest: number | undefined
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue
    const tolerations = (pod.spec?.tolerations ?? []).filter((toleration) =>
      toleratesTaint(toleration, taint),
    )
    if (tolerations.length === 0) return nowMs
    const seconds = tolerations.flatMap(({ tolerationSeconds }) =>
      tolerationSeconds === undefined || tolerationSeconds === null ? [] : [Math.max(tolerationSeconds, 0)],
    )
    if (seconds.length === 0) continue
    const sinceMs = Math.max(parseTime(taint.timeAdded) ?? nowMs, cameMs)
    const untilMs = sinceMs + Math.min(...seconds) * 1000
    earliest = Math.min(earliest ?? untilMs, untilMs)
  }
  return earliest
}

/** The controller. */
export const taintEvictionController: Controller = {
  name: 'taint-eviction-controller',
  start: (context) => {
    addNodeNameIndex(context)
    const pods = context.informer(podResource)
    const queue = context.reconciler('taint-eviction', {
      reconcile: (key, signal) => reconcile(context, key, signal),
    })
    const hasNoExecute = (node: Node) =>
      node.spec?.taints?.some(({ effect }) => effect === 'NoExecute') ?? false
    const lookAtNode = (node: Node) => {
      for (const pod of pods.byIndex(nodeNameIndex, node.metadata.name ?? '')) queue.add(keyOf(pod))
    }
    context.informer(nodes).onChange({
      add: (node) => {
        if (hasNoExecute(node)) lookAtNode(node)
      },
      update: (previous, node) => {
        if (previous.spec?.taints !== node.spec?.taints && hasNoExecute(node)) lookAtNode(node)
      },
    })
    const lookAtPod = (pod: Pod) => {
      const node = context.informer(nodes).get(undefined, pod.spec?.nodeName ?? '')
      if (node && hasNoExecute(node)) queue.add(keyOf(pod))
    }
    pods.onChange({ add: lookAtPod, update: (_, pod) => lookAtPod(pod) })
  },
}

async function reconcile(
  context: ControllerContext,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult | undefined> {
  const { namespace, name } = splitKey(key)
  const pod = context.informer(podResource).get(namespace, name)
  if (!pod || isPodTerminating(pod)) return undefined
  const node = context.informer(nodes).get(undefined, pod.spec?.nodeName ?? '')
  const atMs = evictionMs(pod, node?.spec?.taints ?? [], context.nowMs())
  if (atMs === undefined) return undefined
  if (atMs > context.nowMs()) return { requeueAfterMs: atMs - context.nowMs() }
  await evict(context, pod, signal)
  return undefined
}

async function evict(context: ControllerContext, pod: Pod, signal: AbortSignal): Promise<void> {
  const { name = '', namespace, uid } = pod.metadata
  const resource = context.client.resource(podResource, namespace)
  const message = `Marking for deletion Pod ${namespace}/${name}`
  context.recorder('taint-eviction-controller').event(pod, 'Normal', 'TaintManagerEviction', message)
  const target = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
  }
  const conditions = setCondition(pod.status?.conditions, target, context.now())
  const marked = { ...pod, status: { ...pod.status, conditions } }
  if (!(await ignoreNotFound(resource.updateStatus(marked, { signal })))) return
  await ignoreNotFound(resource.delete(name, { preconditions: { uid }, signal }))
}

/**
 * Which nodes a DaemonSet wants a pod on, and the pod that it makes for one: bound by affinity to the node's
 * name, tolerating what a daemon must.
 * Source: Kubernetes pkg/controller/daemon/util/daemonset_util.go, daemon_controller.go (NodeShouldRunDaemonPod).
 */
import { daemonSets } from '../../api/apps/daemon-set.ts'
import { matchesRequiredNodeAffinity } from '../../api/core/node-affinity.ts'
import { findUntoleratedTaint } from '../../api/core/taints.ts'
import { deepEqual } from '../../api/meta/json.ts'
import type { DaemonSet, Node, Pod, PodSpec, Toleration } from '../../api/types.ts'
import { podFromTemplate } from '../framework/pod-control.ts'
import { revisionHashLabel } from '../framework/revisions.ts'

const taint = (name: string, effect: string): Toleration => ({
  key: `node.kubernetes.io/${name}`,
  operator: 'Exists',
  effect,
})

const daemonTolerations: readonly Toleration[] = [
  taint('not-ready', 'NoExecute'),
  taint('unreachable', 'NoExecute'),
  taint('disk-pressure', 'NoSchedule'),
  taint('memory-pressure', 'NoSchedule'),
  taint('pid-pressure', 'NoSchedule'),
  taint('unschedulable', 'NoSchedule'),
]

function withDaemonTolerations(spec: PodSpec): PodSpec {
  const own = spec.tolerations ?? []
  const wanted = [
    ...daemonTolerations,
    ...(spec.hostNetwork ? [taint('network-unavailable', 'NoSchedule')] : []),
  ]
  const missing = wanted.filter((toleration) => !own.some((known) => deepEqual(known, toleration)))
  return { ...spec, tolerations: [...own, ...missing] }
}

export interface NodeFit {
  readonly shouldRun: boolean
  /** A pod that is there may stay: false only for what the node's NoExecute taints drive away. */
  readonly mayStay: boolean
}

export function fitOf(set: DaemonSet, node: Node): NodeFit {
  const spec = set.spec?.template.spec
  const no = { shouldRun: false, mayStay: false }
  if (!spec || (spec.nodeName && spec.nodeName !== node.metadata.name)) return no
  if (!matchesRequiredNodeAffinity({ spec }, node)) return no
  const { tolerations } = withDaemonTolerations(spec)
  const taints = node.spec?.taints
  if (!findUntoleratedTaint(taints, tolerations, ['NoSchedule', 'NoExecute']))
    return { shouldRun: true, mayStay: true }
  return { shouldRun: false, mayStay: !findUntoleratedTaint(taints, tolerations, ['NoExecute']) }
}

/** The pod of `set` for a node. The node was chosen by the template's demands; its name replaces them. */
export function daemonPod(
  set: DaemonSet,
  options: { readonly nodeName: string; readonly hash: string },
): Pod {
  const pod = podFromTemplate(set.spec?.template, set, daemonSets)
  const spec = withDaemonTolerations(pod.spec ?? { containers: [] })
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [options.nodeName] }]
  const affinity = {
    ...spec.affinity,
    nodeAffinity: {
      ...spec.affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
    },
  }
  return {
    ...pod,
    metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, [revisionHashLabel]: options.hash } },
    spec: { ...spec, affinity },
  }
}

/** The node for which a daemon's pod was made: where it is, or where its affinity sends it. */
export function targetNode(pod: Pod): string | undefined {
  if (pod.spec?.nodeName) return pod.spec.nodeName
  const terms =
    pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  const fields = terms.flatMap((term) => term.matchFields ?? [])
  return fields.find(({ key, operator }) => key === 'metadata.name' && operator === 'In')?.values?.[0]
}

/**
 * A pod with what the scheduler asks of it again and again, computed once when it arrives.
 * Source: kube-scheduler framework `PodInfo`; non-zero requests as in `pkg/scheduler/util/pod_resources.go`.
 */
import type { ContainerPort, Pod } from '../../api/types.ts'
import { type AffinityTerms, affinityTermsOf } from './affinity-terms.ts'
import { type Amounts, podAmounts, scoredPodAmounts } from './amounts.ts'

/** What a container without requests counts as when nodes are scored, so that such pods spread too. */
export const defaultMilliCpu = 100
export const defaultMemoryBytes = 200 * 1024 * 1024

export interface HostPort {
  readonly protocol: string
  /** '0.0.0.0': every address of the node. */
  readonly hostIp: string
  readonly port: number
}

export interface PodInfo {
  readonly pod: Pod
  readonly uid: string
  /** `namespace/name`, as users read it. */
  readonly key: string
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly priority: number
  readonly requests: Amounts
  /** Requests with defaults where a container has none; only for scoring. */
  readonly scoredMilliCpu: number
  readonly scoredMemoryBytes: number
  readonly hostPorts: readonly HostPort[]
  readonly affinity: AffinityTerms
}

const noLabels: Readonly<Record<string, string>> = {}

/** Computes a pod's facts. `pod` is shared and never changed. */
export function podInfoOf(pod: Pod): PodInfo {
  const namespace = pod.metadata.namespace ?? ''
  const name = pod.metadata.name ?? ''
  const scored = scoredPodAmounts(pod, { milliCpu: defaultMilliCpu, memoryBytes: defaultMemoryBytes })
  return {
    pod,
    uid: pod.metadata.uid ?? `${namespace}/${name}`,
    key: `${namespace}/${name}`,
    namespace,
    name,
    labels: pod.metadata.labels ?? noLabels,
    priority: pod.spec?.priority ?? 0,
    requests: podAmounts(pod),
    scoredMilliCpu: scored.milliCpu,
    scoredMemoryBytes: scored.memoryBytes,
    hostPorts: hostPortsOf(pod),
    affinity: affinityTermsOf(pod),
  }
}

/** The same facts for a pod that is going to `nodeName`. */
export function withNodeName(info: PodInfo, nodeName: string): PodInfo {
  const { pod } = info
  return { ...info, pod: { ...pod, spec: { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName } } }
}

/** Whether two host ports cannot be had by two pods of one node. */
export function portsConflict(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false
  return a.hostIp === b.hostIp || a.hostIp === '0.0.0.0' || b.hostIp === '0.0.0.0'
}

function hostPortsOf(pod: Pod): readonly HostPort[] {
  const ports: HostPort[] = []
  const take = (port: ContainerPort) => {
    if (!port.hostPort) return
    ports.push({ protocol: port.protocol ?? 'TCP', hostIp: port.hostIP || '0.0.0.0', port: port.hostPort })
  }
  for (const container of pod.spec?.containers ?? []) container.ports?.forEach(take)
  for (const container of pod.spec?.initContainers ?? []) {
    if (container.restartPolicy === 'Always') container.ports?.forEach(take)
  }
  return ports
}

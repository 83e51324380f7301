/**
 * A node with the pods on it and the sums over them. Never changed: adding a pod gives a new one, so a
 * scheduling cycle may keep what it has seen, and preemption may try things out on the side.
 */
import type { Node } from '../../api/types.ts'
import { noTerms } from './affinity-terms.ts'
import { type Amounts, amountsOf, combine, noAmounts } from './amounts.ts'
import type { HostPort, PodInfo } from './pod-info.ts'

export interface NodeInfo {
  readonly name: string
  readonly node: Node
  readonly labels: Readonly<Record<string, string>>
  readonly allocatable: Amounts
  readonly podsMax: number
  /** Bytes of each image on the node, by every name it has. */
  readonly imageBytes: ReadonlyMap<string, number>
  /** Bound and assumed pods, in order of arrival. */
  readonly pods: readonly PodInfo[]
  readonly requested: Amounts
  readonly scoredMilliCpu: number
  readonly scoredMemoryBytes: number
  readonly hostPorts: readonly HostPort[]
  /** Those with affinity or anti-affinity to other pods. */
  readonly podsWithAffinity: readonly PodInfo[]
}

/** A node's facts with these pods on it. */
export function nodeInfoOf(node: Node, pods: readonly PodInfo[] = []): NodeInfo {
  const allocatable = node.status?.allocatable ?? node.status?.capacity
  let requested = noAmounts
  for (const pod of pods) requested = combine(requested, pod.requests, 1)
  return {
    name: node.metadata.name ?? '',
    node,
    labels: node.metadata.labels ?? {},
    allocatable: amountsOf(allocatable),
    podsMax: Number(allocatable?.pods ?? 0),
    imageBytes: imageBytesOf(node),
    pods,
    requested,
    scoredMilliCpu: sum(pods, (pod) => pod.scoredMilliCpu),
    scoredMemoryBytes: sum(pods, (pod) => pod.scoredMemoryBytes),
    hostPorts: pods.flatMap((pod) => pod.hostPorts),
    podsWithAffinity: pods.filter(hasAffinity),
  }
}

/** The node's own facts renewed, its pods kept. */
export function withNode(info: NodeInfo, node: Node): NodeInfo {
  return nodeInfoOf(node, info.pods)
}

/** With one pod more. The caller sees to it that the pod is not yet there. */
export function withPod(info: NodeInfo, pod: PodInfo): NodeInfo {
  return {
    ...info,
    pods: [...info.pods, pod],
    requested: combine(info.requested, pod.requests, 1),
    scoredMilliCpu: info.scoredMilliCpu + pod.scoredMilliCpu,
    scoredMemoryBytes: info.scoredMemoryBytes + pod.scoredMemoryBytes,
    hostPorts: pod.hostPorts.length > 0 ? [...info.hostPorts, ...pod.hostPorts] : info.hostPorts,
    podsWithAffinity: hasAffinity(pod) ? [...info.podsWithAffinity, pod] : info.podsWithAffinity,
  }
}

/** Without the pod of this uid; the same object when it is not there. */
export function withoutPod(info: NodeInfo, uid: string): NodeInfo {
  const index = info.pods.findIndex((pod) => pod.uid === uid)
  const pod = info.pods[index]
  if (pod === undefined) return info
  const pods = info.pods.filter((other) => other !== pod)
  return {
    ...info,
    pods,
    requested: combine(info.requested, pod.requests, -1),
    scoredMilliCpu: info.scoredMilliCpu - pod.scoredMilliCpu,
    scoredMemoryBytes: info.scoredMemoryBytes - pod.scoredMemoryBytes,
    hostPorts: pod.hostPorts.length > 0 ? pods.flatMap((other) => other.hostPorts) : info.hostPorts,
    podsWithAffinity: hasAffinity(pod) ? pods.filter(hasAffinity) : info.podsWithAffinity,
  }
}

/** Zone and region of a node as one text; '' when it has neither. */
export function zoneOf(node: Node): string {
  const labels = node.metadata.labels ?? {}
  const region = labels['topology.kubernetes.io/region'] ?? ''
  const zone = labels['topology.kubernetes.io/zone'] ?? ''
  return region === '' && zone === '' ? '' : `${region}/${zone}`
}

function hasAffinity(pod: PodInfo): boolean {
  return pod.affinity !== noTerms
}

function imageBytesOf(node: Node): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>()
  for (const image of node.status?.images ?? []) {
    for (const name of image.names ?? []) sizes.set(name, image.sizeBytes ?? 0)
  }
  return sizes
}

function sum(pods: readonly PodInfo[], value: (pod: PodInfo) => number): number {
  return pods.reduce((total, pod) => total + value(pod), 0)
}

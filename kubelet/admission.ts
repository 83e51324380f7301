/**
 * Whether this node takes a pod that the scheduler gave it. Pure: the last check before anything is made.
 * Source: kubelet `lifecycle/predicate.go`; reasons as users see them (OutOfcpu, NodeAffinity, NodePorts).
 */
import { matchesRequiredNodeAffinity } from '../api/core/node-affinity.ts'
import { podRequests } from '../api/core/pod-resources.ts'
import {
  compareQuantities,
  parseQuantity,
  subtractQuantities,
  toMilli,
  toWhole,
  type Quantity,
  zeroQuantity,
  addQuantities,
} from '../api/meta/quantity.ts'
import type { Node, Pod } from '../api/types.ts'

export interface Rejection {
  readonly reason: string
  readonly message: string
}

export interface AdmissionInput {
  readonly pod: Pod
  readonly nodeName: string
  /** The node's object as last seen; undefined before it is registered. */
  readonly node: Node | undefined
  readonly allocatable: Readonly<Record<string, string | number>>
  /** Pods that hold resources here already. */
  readonly others: readonly Pod[]
}

/** Undefined: admitted. */
export function admitPod(input: AdmissionInput): Rejection | undefined {
  const { pod, nodeName, node, others, allocatable } = input
  if (pod.spec?.nodeName !== nodeName) {
    return {
      reason: 'NodeName',
      message: `Pod was rejected: it is bound to ${pod.spec?.nodeName}, not to ${nodeName}`,
    }
  }
  if (node !== undefined && !matchesRequiredNodeAffinity(pod, node)) {
    return {
      reason: 'NodeAffinity',
      message:
        "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    }
  }
  return lackOf(pod, others, allocatable) ?? takenPort(pod, others)
}

function lackOf(
  pod: Pod,
  others: readonly Pod[],
  allocatable: AdmissionInput['allocatable'],
): Rejection | undefined {
  const podsMax = Number(allocatable.pods ?? 110)
  if (others.length + 1 > podsMax) return lack('pods', 1, others.length, podsMax)
  for (const [name, wanted] of podRequests(pod)) {
    const available = allocatable[name]
    if (wanted.nano === 0n) continue
    const total = available === undefined ? zeroQuantity : parseQuantity(available)
    const used = others.reduce(
      (sum, other) => addQuantities(sum, podRequests(other).get(name) ?? zeroQuantity),
      zeroQuantity,
    )
    if (compareQuantities(wanted, subtractQuantities(total, used)) <= 0) continue
    const number = (quantity: Quantity) => (name === 'cpu' ? toMilli(quantity) : toWhole(quantity))
    return lack(name, number(wanted), number(used), number(total))
  }
  return undefined
}

function lack(name: string, requested: number, used: number, capacity: number): Rejection {
  const message = `Pod was rejected: Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`
  return { reason: `OutOf${name}`, message }
}

function portsOf(pod: Pod): readonly string[] {
  return (pod.spec?.containers ?? []).flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => port.hostPort)
      .map((port) => `${port.protocol ?? 'TCP'}/${port.hostPort}`),
  )
}

function takenPort(pod: Pod, others: readonly Pod[]): Rejection | undefined {
  const taken = new Set(others.flatMap(portsOf))
  const clash = portsOf(pod).find((port) => taken.has(port))
  if (clash === undefined) return undefined
  return {
    reason: 'NodePorts',
    message: `Pod was rejected: Predicate NodePorts failed: host port ${clash} is taken by another pod`,
  }
}

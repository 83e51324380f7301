/**
 * A Service that changes its type loses the fields that belonged to the old one, as long as the change left
 * them as they were: `kubectl patch svc x -p '{"spec":{"type":"ClusterIP"}}'` must just work.
 * Source: k8s.io/kubernetes pkg/registry/core/service/strategy.go, dropTypeDependentFields. Pure.
 */
import { deepEqual, trusted } from '../../api/meta/json.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Service, ServiceSpec } from '../../api/types.ts'

const needsAddress = (spec: ServiceSpec) => spec.type !== 'ExternalName'
const needsNodePorts = (spec: ServiceSpec) =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)
const needsTrafficPolicy = (spec: ServiceSpec) =>
  spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0
const isBalanced = (spec: ServiceSpec) => spec.type === 'LoadBalancer'

interface Rule {
  readonly applies: (spec: ServiceSpec) => boolean
  readonly fields: readonly (keyof ServiceSpec)[]
}

const rules: readonly Rule[] = [
  { applies: needsAddress, fields: ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] },
  { applies: needsTrafficPolicy, fields: ['externalTrafficPolicy', 'healthCheckNodePort'] },
  { applies: isBalanced, fields: ['allocateLoadBalancerNodePorts', 'loadBalancerClass'] },
]

/** `next` without what only `previous`'s type had a use for. */
export function dropTypeDependentFields(next: KubeObject, previous: KubeObject): KubeObject {
  const after = trusted<Service>(next).spec
  const before = trusted<Service>(previous).spec
  if (!after || !before || after.type === before.type) return next
  const spec: Partial<Record<keyof ServiceSpec, unknown>> = { ...after }
  for (const rule of rules) {
    if (!rule.applies(before) || rule.applies(after)) continue
    for (const field of rule.fields) if (deepEqual(after[field], before[field])) delete spec[field]
  }
  if (needsNodePorts(before) && !needsNodePorts(after) && hasSamePorts(after, before))
    spec.ports = (after.ports ?? []).map(({ nodePort: _nodePort, ...port }) => port)
  return trusted<KubeObject>({ ...next, spec })
}

function hasSamePorts(a: ServiceSpec, b: ServiceSpec): boolean {
  const numbers = (spec: ServiceSpec) =>
    (spec.ports ?? []).map((port) => port.nodePort ?? 0).sort((x, y) => x - y)
  return deepEqual(numbers(a), numbers(b))
}

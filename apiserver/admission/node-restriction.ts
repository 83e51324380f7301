/**
 * NodeRestriction: a kubelet writes its own Node and Lease, and the status of its own pods, and nothing
 * else of the kind; it cannot free itself of taints or take labels that isolate nodes.
 * Source: k8s.io/kubernetes plugin/pkg/admission/noderestriction.
 */
import { deepEqual, fieldOf } from '../../api/meta/json.ts'
import { forbidden } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import { nodeNameOf } from '../authz/node.ts'
import type { AdmissionPlugin, Attributes } from './plugin.ts'

const restrictedLabels = 'node-restriction.kubernetes.io/'
const leaseNamespace = 'kube-node-lease'
const mirrorAnnotation = 'kubernetes.io/config.mirror'

export function nodeRestriction(): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    async validate(attributes) {
      const node = nodeNameOf(attributes.user)
      if (node === undefined) return
      const problem = problemOf(node, attributes)
      if (problem !== undefined) throw forbidden(attributes.kind, attributes.name, problem)
    },
  }
}

/** Why a kubelet may not do this, or undefined. Pure. */
export function problemOf(node: string, attributes: Attributes): string | undefined {
  const { kind } = attributes
  if (kind.group === '' && kind.resource === 'nodes') return nodeProblem(node, attributes)
  if (kind.group === '' && kind.resource === 'pods') return podProblem(node, attributes)
  if (kind.group === 'coordination.k8s.io' && kind.resource === 'leases')
    return leaseProblem(node, attributes)
  return undefined
}

function nodeProblem(node: string, attributes: Attributes): string | undefined {
  if (attributes.name !== node)
    return `node ${JSON.stringify(node)} is not allowed to modify node ${JSON.stringify(attributes.name)}`
  const { object, oldObject } = attributes
  if (attributes.operation === 'DELETE') return `node ${JSON.stringify(node)} is not allowed to delete itself`
  if (!object) return undefined
  const labels = changedLabels(object, oldObject).filter((label) => label.includes(restrictedLabels))
  if (labels.length > 0) return `is not allowed to modify labels: ${labels.join(', ')}`
  if (!oldObject) return undefined
  const before = fieldOf(oldObject['spec'], 'taints') ?? []
  const after = fieldOf(object['spec'], 'taints') ?? []
  return deepEqual(before, after) ? undefined : `node ${JSON.stringify(node)} is not allowed to modify taints`
}

function changedLabels(object: KubeObject, oldObject: KubeObject | undefined): readonly string[] {
  const before = oldObject?.metadata.labels ?? {}
  const after = object.metadata.labels ?? {}
  const all = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...all].filter((label) => before[label] !== after[label]).sort()
}

function podProblem(node: string, attributes: Attributes): string | undefined {
  const pod = attributes.oldObject ?? attributes.object
  const isMine = fieldOf(pod?.['spec'], 'nodeName') === node
  const isMirror = pod?.metadata.annotations?.[mirrorAnnotation] !== undefined
  if (attributes.operation === 'CREATE' && attributes.subresource === '') {
    if (!isMirror)
      return 'pod does not have "kubernetes.io/config.mirror" annotation, node can only create mirror pods'
    return isMine
      ? undefined
      : `node ${JSON.stringify(node)} can only create pods with spec.nodeName set to itself`
  }
  if (isMine) return undefined
  const action = attributes.operation === 'DELETE' ? 'delete' : 'update'
  return `node ${JSON.stringify(node)} can only ${action} pods with spec.nodeName set to itself`
}

function leaseProblem(node: string, attributes: Attributes): string | undefined {
  if (attributes.namespace === leaseNamespace && attributes.name === node) return undefined
  return `can only access node lease with the same name as the requesting node in namespace ${JSON.stringify(leaseNamespace)}`
}

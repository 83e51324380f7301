/**
 * TaintNodesByCondition: a new node is tainted not-ready until the node lifecycle controller has seen it
 * ready, so that no pod lands on it before. Source: k8s.io/kubernetes plugin/pkg/admission/nodetaint.
 */
import { trusted } from '../../api/meta/json.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Node } from '../../api/types.ts'
import { type AdmissionPlugin, isCore } from './plugin.ts'

const notReady = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' } as const

export function taintNodesByCondition(): AdmissionPlugin {
  return {
    name: 'TaintNodesByCondition',
    async mutate(attributes, object) {
      const isNew = attributes.operation === 'CREATE' && isCore(attributes, 'nodes')
      if (!isNew || attributes.subresource !== '') return object
      const node = trusted<Node>(object)
      const taints = node.spec?.taints ?? []
      if (taints.some((taint) => taint.key === notReady.key && taint.effect === notReady.effect))
        return object
      return trusted<KubeObject>({ ...node, spec: { ...node.spec, taints: [...taints, notReady] } })
    },
  }
}

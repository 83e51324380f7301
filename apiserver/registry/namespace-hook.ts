/**
 * A new namespace is Active, holds the finalizer that the namespace controller works off, and carries its
 * name as a label. Source: k8s.io/kubernetes pkg/registry/core/namespace/strategy.go.
 */
import type { KubeObject } from '../../api/kind.ts'
import { fieldOf } from '../../api/meta/json.ts'
import { asObject } from '../storage/parse.ts'
import { type ResourceHook, unprepared } from './hooks.ts'

const finalizer = 'kubernetes'
const nameLabel = 'kubernetes.io/metadata.name'

export function namespaceHook(): ResourceHook {
  return {
    beforeCreate: async (_scope, object) => unprepared(newNamespace(object)),
    beforeUpdate: async (_scope, next) => unprepared(labelled(next)),
  }
}

function newNamespace(object: KubeObject): KubeObject {
  const given = fieldOf(object['spec'], 'finalizers')
  const finalizers = Array.isArray(given) ? given.filter((name) => name !== finalizer) : []
  return asObject({
    ...labelled(object),
    spec: { finalizers: [...finalizers, finalizer] },
    status: { phase: 'Active' },
  })
}

function labelled(object: KubeObject): KubeObject {
  const { name = '', labels } = object.metadata
  if (labels?.[nameLabel] === name) return object
  return asObject({
    ...object,
    metadata: { ...object.metadata, labels: { ...labels, [nameLabel]: name } },
  })
}

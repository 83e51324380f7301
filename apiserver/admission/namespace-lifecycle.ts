/**
 * NamespaceLifecycle: nothing is created in a namespace that does not exist or is going away; the
 * namespaces that the system needs cannot be deleted.
 * Source: k8s.io/apiserver pkg/admission/plugin/namespace/lifecycle.
 */
import { namespaces } from '../../api/core/namespace.ts'
import { fieldOf } from '../../api/meta/json.ts'
import { forbidden, namespaceTerminating, notFound } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import { objectKey } from '../storage/keys.ts'
import { findObject, type Lookup } from './lookup.ts'
import { type AdmissionPlugin, type Attributes, isCore } from './plugin.ts'

const immortal = new Set(['default', 'kube-system', 'kube-public'])
/** Reviews ask about namespaces, they create nothing in them. */
const questions = new Set(['localsubjectaccessreviews'])

export function namespaceLifecycle(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    async mutate(attributes, object) {
      if (attributes.operation === 'CREATE') await demandLiving(lookup, attributes)
      return object
    },
    async validate(attributes) {
      if (attributes.operation !== 'DELETE' || !isCore(attributes, 'namespaces')) return
      if (immortal.has(attributes.name))
        throw forbidden(attributes.kind, attributes.name, 'this namespace may not be deleted')
    },
  }
}

async function demandLiving(lookup: Lookup, attributes: Attributes): Promise<void> {
  const { kind, namespace } = attributes
  if (!kind.namespaced || questions.has(kind.resource)) return
  const cached = await findObject(lookup, namespaces, '', namespace)
  if (!cached) throw notFound(namespaces, namespace)
  if (!isTerminating(cached)) return
  const stored = await lookup.storage.get(objectKey(namespaces, '', namespace))
  if (!stored) throw notFound(namespaces, namespace)
  if (isTerminating(stored.object())) throw namespaceTerminating(kind, attributes.name, namespace)
}

function isTerminating(namespace: KubeObject): boolean {
  return (
    namespace.metadata.deletionTimestamp !== undefined ||
    fieldOf(namespace['status'], 'phase') === 'Terminating'
  )
}

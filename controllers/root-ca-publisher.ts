/**
 * Root CA publisher: ConfigMap `kube-root-ca.crt` in every active namespace, from which pods learn whom to
 * trust. Edits are undone. Source: Kubernetes pkg/controller/certificates/rootcacertpublisher.
 */
import { configMaps } from '../api/core/config-map.ts'
import { namespaces } from '../api/core/namespace.ts'
import { deepEqual } from '../api/meta/json.ts'
import type { ConfigMap } from '../api/types.ts'
import { keyOf } from '../client/index.ts'
import type { Controller, ControllerContext } from './framework/controller.ts'
import { ignoreNotFound } from './framework/errors.ts'
import { createOnce, isActiveNamespace } from './service-account.ts'

export const rootCaName = 'kube-root-ca.crt'
const descriptionAnnotation = 'kubernetes.io/description'
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.'

/** The map as it must be, keeping the rest of `existing`; undefined when it is so already. Pure. */
export function planRootCa(
  namespace: string,
  rootCa: string,
  existing: ConfigMap | undefined,
): ConfigMap | undefined {
  const data = { 'ca.crt': rootCa }
  if (existing && deepEqual(existing.data, data) && existing.metadata.annotations?.[descriptionAnnotation]) {
    return undefined
  }
  const metadata = existing?.metadata ?? { name: rootCaName, namespace }
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    ...existing,
    metadata: { ...metadata, annotations: { ...metadata.annotations, [descriptionAnnotation]: description } },
    data,
  }
}

/** The controller. */
export const rootCaPublisher: Controller = {
  name: 'root-ca-certificate-publisher-controller',
  start: (context) => {
    const queue = context.reconciler('root-ca', {
      reconcile: (name, signal) => reconcile(context, name, signal),
    })
    context.informer(namespaces).onChange({
      add: (namespace) => queue.add(keyOf(namespace)),
      update: (_, namespace) => queue.add(keyOf(namespace)),
    })
    const look = ({ metadata }: ConfigMap) => {
      if (metadata.name === rootCaName) queue.add(metadata.namespace ?? '')
    }
    context.informer(configMaps).onChange({ update: (_, map) => look(map), delete: look })
  },
}

async function reconcile(context: ControllerContext, namespace: string, signal: AbortSignal): Promise<void> {
  if (!isActiveNamespace(context.informer(namespaces).get(undefined, namespace))) return
  const existing = context.informer(configMaps).get(namespace, rootCaName)
  const wanted = planRootCa(namespace, context.config.rootCa, existing)
  if (!wanted) return
  const maps = context.client.resource(configMaps, namespace)
  if (existing) await ignoreNotFound(maps.update(wanted, { signal }))
  else await createOnce(maps.create(wanted, { signal }))
}

/**
 * RuntimeClass: a pod that names a runtime class pays its overhead and goes to its nodes.
 * Source: k8s.io/kubernetes plugin/pkg/admission/runtimeclass.
 */
import { anyKind } from '../../api/meta/kind-definition.ts'
import { deepEqual, trusted } from '../../api/meta/json.ts'
import { forbidden } from '../../api/meta/status.ts'
import { runtimeClasses } from '../../api/node/runtime-class.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Pod, PodSpec, RuntimeClass } from '../../api/types.ts'
import { findObject, type Lookup } from './lookup.ts'
import { type AdmissionPlugin, type Attributes, isCore } from './plugin.ts'

export function runtimeClass(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'RuntimeClass',
    async mutate(attributes, object) {
      const isPod = isCore(attributes, 'pods') && attributes.subresource === ''
      const pod = trusted<Pod>(object)
      const name = pod.spec?.runtimeClassName
      if (!isPod || attributes.operation !== 'CREATE' || !pod.spec || !name) return object
      const found = await findObject(lookup, anyKind(runtimeClasses), '', name)
      if (!found)
        throw forbidden(
          attributes.kind,
          attributes.name,
          `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`,
        )
      const spec = withClass(attributes, pod.spec, trusted<RuntimeClass>(found))
      return trusted<KubeObject>({ ...pod, spec })
    },
  }
}

function withClass(attributes: Attributes, spec: PodSpec, found: RuntimeClass): PodSpec {
  const overhead = found.overhead?.podFixed
  if (spec.overhead !== undefined && !deepEqual(spec.overhead, overhead ?? {}))
    throw forbidden(
      attributes.kind,
      attributes.name,
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    )
  return {
    ...spec,
    ...(overhead === undefined ? {} : { overhead }),
    ...(found.scheduling?.nodeSelector === undefined
      ? {}
      : { nodeSelector: { ...found.scheduling.nodeSelector, ...spec.nodeSelector } }),
    ...(found.scheduling?.tolerations === undefined
      ? {}
      : { tolerations: [...(spec.tolerations ?? []), ...found.scheduling.tolerations] }),
  }
}

/**
 * DefaultStorageClass: a claim that names no class gets the default one. Source: k8s.io/kubernetes
 * plugin/pkg/admission/storage/storageclass/setdefault.
 */
import { anyKind } from '../../api/meta/kind-definition.ts'
import { fieldOf, trusted } from '../../api/meta/json.ts'
import { storageClasses } from '../../api/storage/storage-class.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { PersistentVolumeClaim } from '../../api/types.ts'
import { listObjectsOf, type Lookup } from './lookup.ts'
import { type AdmissionPlugin, isCore } from './plugin.ts'

const defaultAnnotation = 'storageclass.kubernetes.io/is-default-class'

export function defaultStorageClass(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    async mutate(attributes, object) {
      const isClaim = isCore(attributes, 'persistentvolumeclaims') && attributes.subresource === ''
      if (!isClaim || attributes.operation !== 'CREATE') return object
      if (fieldOf(object['spec'], 'storageClassName') !== undefined) return object
      const name = await defaultClassName(lookup)
      if (name === undefined) return object
      const claim = trusted<PersistentVolumeClaim>(object)
      return trusted<KubeObject>({ ...claim, spec: { ...claim.spec, storageClassName: name } })
    },
  }
}

/** The newest default class, or the first by name among those of one age. */
async function defaultClassName(lookup: Lookup): Promise<string | undefined> {
  const classes = await listObjectsOf(lookup, anyKind(storageClasses), undefined)
  const defaults = classes.filter(
    (candidate) => candidate.metadata.annotations?.[defaultAnnotation] === 'true',
  )
  const age = (object: KubeObject) => object.metadata.creationTimestamp ?? ''
  const newestFirst = defaults.sort((a, b) => (age(a) < age(b) ? 1 : age(a) > age(b) ? -1 : 0))
  return newestFirst[0]?.metadata.name
}

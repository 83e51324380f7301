/** PersistentVolumeClaim (v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { PersistentVolumeClaim } from '../types.ts'

/** The resource `persistentvolumeclaims`. */
export const persistentVolumeClaims = defineKind<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  resource: 'persistentvolumeclaims',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.PersistentVolumeClaim',
  shortNames: ['pvc'],
  hasStatus: true,
  columns: nameAndAge(),
})

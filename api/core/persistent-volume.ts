/** PersistentVolume (v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { PersistentVolume } from '../types.ts'

/** The resource `persistentvolumes`. */
export const persistentVolumes = defineKind<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  resource: 'persistentvolumes',
  namespaced: false,
  definition: 'io.k8s.api.core.v1.PersistentVolume',
  shortNames: ['pv'],
  hasStatus: true,
  columns: nameAndAge(),
})

/** StorageClass (storage.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { StorageClass } from '../types.ts'

/** The resource `storageclasses`. */
export const storageClasses = defineKind<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  resource: 'storageclasses',
  namespaced: false,
  definition: 'io.k8s.api.storage.v1.StorageClass',
  shortNames: ['sc'],
  hasGeneration: true,
  columns: nameAndAge(),
})

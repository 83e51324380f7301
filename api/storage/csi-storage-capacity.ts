/** CSIStorageCapacity (storage.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { CSIStorageCapacity } from '../types.ts'

/** The resource `csistoragecapacities`. */
export const csiStorageCapacities = defineKind<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  resource: 'csistoragecapacities',
  namespaced: true,
  definition: 'io.k8s.api.storage.v1.CSIStorageCapacity',
  columns: nameAndAge(),
})

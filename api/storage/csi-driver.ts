/** CSIDriver (storage.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { CSIDriver } from '../types.ts'

/** The resource `csidrivers`. */
export const csiDrivers = defineKind<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  resource: 'csidrivers',
  namespaced: false,
  definition: 'io.k8s.api.storage.v1.CSIDriver',
  hasGeneration: true,
  columns: nameAndAge(),
})

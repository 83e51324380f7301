/** CSINode (storage.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { CSINode } from '../types.ts'

/** The resource `csinodes`. */
export const csiNodes = defineKind<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  resource: 'csinodes',
  namespaced: false,
  definition: 'io.k8s.api.storage.v1.CSINode',
  columns: nameAndAge(),
})

/** ComponentStatus (v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ComponentStatus } from '../types.ts'

/** The resource `componentstatuses`. */
export const componentStatuses = defineKind<ComponentStatus>({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  resource: 'componentstatuses',
  namespaced: false,
  definition: 'io.k8s.api.core.v1.ComponentStatus',
  shortNames: ['cs'],
  verbs: ['get', 'list'],
  columns: nameAndAge(),
})

/** PriorityClass (scheduling.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { PriorityClass } from '../types.ts'

/** The resource `priorityclasses`. */
export const priorityClasses = defineKind<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  resource: 'priorityclasses',
  namespaced: false,
  definition: 'io.k8s.api.scheduling.v1.PriorityClass',
  shortNames: ['pc'],
  hasGeneration: true,
  columns: nameAndAge(),
})

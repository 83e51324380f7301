/** Binding (v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Binding } from '../types.ts'

/** The resource `bindings`. */
export const bindings = defineKind<Binding>({
  group: '',
  version: 'v1',
  kind: 'Binding',
  resource: 'bindings',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.Binding',
  verbs: ['create'],
  columns: nameAndAge(),
})

/** Namespace (v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind, fullVerbs } from '../meta/kind-definition.ts'
import type { Namespace } from '../types.ts'

/** The resource `namespaces`. */
export const namespaces = defineKind<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  resource: 'namespaces',
  namespaced: false,
  definition: 'io.k8s.api.core.v1.Namespace',
  shortNames: ['ns'],
  verbs: fullVerbs.filter((verb) => verb !== 'deletecollection'),
  nameFormat: 'label',
  hasStatus: true,
  subresources: [{ name: 'finalize', verbs: ['update'], group: '', version: 'v1', kind: 'Namespace' }],
  columns: nameAndAge(),
})

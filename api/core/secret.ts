/** Secret (v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Secret } from '../types.ts'

/** The resource `secrets`. */
export const secrets = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  resource: 'secrets',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.Secret',
  columns: nameAndAge(),
})

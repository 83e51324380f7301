/** Endpoints (v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Endpoints } from '../types.ts'

/** The resource `endpoints`. */
export const endpoints = defineKind<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  resource: 'endpoints',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.Endpoints',
  shortNames: ['ep'],
  storagePath: 'services/endpoints',
  columns: nameAndAge(),
})

/** Ingress (networking.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Ingress } from '../types.ts'

/** The resource `ingresses`. */
export const ingresses = defineKind<Ingress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  resource: 'ingresses',
  namespaced: true,
  definition: 'io.k8s.api.networking.v1.Ingress',
  shortNames: ['ing'],
  storagePath: 'ingress',
  hasStatus: true,
  hasGeneration: true,
  columns: nameAndAge(),
})

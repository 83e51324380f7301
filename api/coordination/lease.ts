/** Lease (coordination.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Lease } from '../types.ts'

/** The resource `leases`. */
export const leases = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  resource: 'leases',
  namespaced: true,
  definition: 'io.k8s.api.coordination.v1.Lease',
  columns: nameAndAge(),
})

/** ServiceCIDR (networking.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ServiceCIDR } from '../types.ts'

/** The resource `servicecidrs`. */
export const serviceCIDRs = defineKind<ServiceCIDR>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  resource: 'servicecidrs',
  namespaced: false,
  definition: 'io.k8s.api.networking.v1.ServiceCIDR',
  hasStatus: true,
  hasGeneration: true,
  columns: nameAndAge(),
})

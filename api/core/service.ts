/** Service (v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Service } from '../types.ts'

/** The resource `services`. */
export const services = defineKind<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  resource: 'services',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.Service',
  shortNames: ['svc'],
  categories: ['all'],
  storagePath: 'services/specs',
  nameFormat: 'service',
  hasStatus: true,
  subresources: [
    {
      name: 'proxy',
      verbs: ['create', 'delete', 'get', 'patch', 'update'],
      group: '',
      version: 'v1',
      kind: 'ServiceProxyOptions',
    },
  ],
  columns: nameAndAge(),
})

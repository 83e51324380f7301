/** APIService (apiregistration.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { APIService } from '../types.ts'

/** The resource `apiservices`. */
export const apiServices = defineKind<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  resource: 'apiservices',
  namespaced: false,
  definition: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
  categories: ['api-extensions'],
  storagePath: 'apiregistration.k8s.io/apiservices',
  hasStatus: true,
  columns: nameAndAge(),
})

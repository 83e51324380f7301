/** CustomResourceDefinition (apiextensions.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { CustomResourceDefinition } from '../types.ts'

/** The resource `customresourcedefinitions`. */
export const customResourceDefinitions = defineKind<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  resource: 'customresourcedefinitions',
  namespaced: false,
  definition: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  storagePath: 'apiextensions.k8s.io/customresourcedefinitions',
  hasStatus: true,
  hasGeneration: true,
  columns: nameAndAge(),
})

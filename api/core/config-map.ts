/** ConfigMap (v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ConfigMap } from '../types.ts'

/** The resource `configmaps`. */
export const configMaps = defineKind<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  resource: 'configmaps',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.ConfigMap',
  shortNames: ['cm'],
  columns: nameAndAge(),
})

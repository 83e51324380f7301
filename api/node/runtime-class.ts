/** RuntimeClass (node.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { RuntimeClass } from '../types.ts'

/** The resource `runtimeclasses`. */
export const runtimeClasses = defineKind<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  resource: 'runtimeclasses',
  namespaced: false,
  definition: 'io.k8s.api.node.v1.RuntimeClass',
  columns: nameAndAge(),
})

/** RoleBinding (rbac.authorization.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { RoleBinding } from '../types.ts'

/** The resource `rolebindings`. */
export const roleBindings = defineKind<RoleBinding>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'RoleBinding',
  resource: 'rolebindings',
  namespaced: true,
  definition: 'io.k8s.api.rbac.v1.RoleBinding',
  nameFormat: 'path-segment',
  columns: nameAndAge(),
})

/** Role (rbac.authorization.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Role } from '../types.ts'

/** The resource `roles`. */
export const roles = defineKind<Role>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'Role',
  resource: 'roles',
  namespaced: true,
  definition: 'io.k8s.api.rbac.v1.Role',
  nameFormat: 'path-segment',
  columns: nameAndAge(),
})

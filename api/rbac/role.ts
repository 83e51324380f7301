/** Role (rbac.authorization.k8s.io/v1): what may be done inside a namespace. */
import { createdAtColumn, nameColumn } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Role } from '../types.ts'
import { validateRules } from './rbac-validation.ts'

/** The resource `roles`. */
export const roles = defineKind<Role>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'Role',
  resource: 'roles',
  namespaced: true,
  definition: 'io.k8s.api.rbac.v1.Role',
  createsOnUpdate: true,
  nameFormat: 'path-segment',
  validate: ({ rules }) => validateRules(rules, false),
  columns: [nameColumn(), createdAtColumn()],
})

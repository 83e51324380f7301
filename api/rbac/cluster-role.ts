/** ClusterRole (rbac.authorization.k8s.io/v1): what may be done in all namespaces, or outside of any. */
import { createdAtColumn, nameColumn } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ClusterRole } from '../types.ts'
import { validateRules } from './rbac-validation.ts'

/** The resource `clusterroles`. */
export const clusterRoles = defineKind<ClusterRole>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRole',
  resource: 'clusterroles',
  namespaced: false,
  definition: 'io.k8s.api.rbac.v1.ClusterRole',
  createsOnUpdate: true,
  nameFormat: 'path-segment',
  validate: ({ rules }) => validateRules(rules, true),
  columns: [nameColumn(), createdAtColumn()],
})

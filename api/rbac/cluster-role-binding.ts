/** ClusterRoleBinding (rbac.authorization.k8s.io/v1): who has a role everywhere. */
import { defineKind } from '../meta/kind-definition.ts'
import type { ClusterRoleBinding } from '../types.ts'
import {
  bindingColumns,
  setBindingDefaults,
  validateBinding,
  validateBindingUpdate,
} from './rbac-validation.ts'

/** The resource `clusterrolebindings`. */
export const clusterRoleBindings = defineKind<ClusterRoleBinding>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  resource: 'clusterrolebindings',
  namespaced: false,
  definition: 'io.k8s.api.rbac.v1.ClusterRoleBinding',
  createsOnUpdate: true,
  nameFormat: 'path-segment',
  setDefaults: setBindingDefaults,
  validate: (binding) => validateBinding(binding, false),
  validateUpdate: validateBindingUpdate,
  columns: bindingColumns(),
})

/** RoleBinding (rbac.authorization.k8s.io/v1): who has a role inside a namespace. */
import { defineKind } from '../meta/kind-definition.ts'
import type { RoleBinding } from '../types.ts'
import {
  bindingColumns,
  setBindingDefaults,
  validateBinding,
  validateBindingUpdate,
} from './rbac-validation.ts'

/** The resource `rolebindings`. */
export const roleBindings = defineKind<RoleBinding>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'RoleBinding',
  resource: 'rolebindings',
  namespaced: true,
  definition: 'io.k8s.api.rbac.v1.RoleBinding',
  createsOnUpdate: true,
  nameFormat: 'path-segment',
  setDefaults: setBindingDefaults,
  validate: (binding) => validateBinding(binding, true),
  validateUpdate: validateBindingUpdate,
  columns: bindingColumns(),
})

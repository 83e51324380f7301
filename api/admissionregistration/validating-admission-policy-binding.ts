/** ValidatingAdmissionPolicyBinding (admissionregistration.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ValidatingAdmissionPolicyBinding } from '../types.ts'

/** The resource `validatingadmissionpolicybindings`. */
export const validatingAdmissionPolicyBindings = defineKind<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  resource: 'validatingadmissionpolicybindings',
  namespaced: false,
  definition: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding',
  categories: ['api-extensions'],
  hasGeneration: true,
  columns: nameAndAge(),
})

/** ValidatingAdmissionPolicyBinding (admissionregistration.k8s.io/v1): where a policy holds, and what follows. */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, unset } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { notSupported, required } from '../meta/field-error.ts'
import { withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ValidatingAdmissionPolicyBinding } from '../types.ts'
import { setMatchDefaults } from './webhook-configuration.ts'

const actions = ['Audit', 'Deny', 'Warn']

function setDefaults(binding: ValidatingAdmissionPolicyBinding): ValidatingAdmissionPolicyBinding {
  const match = binding.spec?.matchResources
  if (binding.spec === undefined || match === undefined) return binding
  return withFields(binding, { spec: withFields(binding.spec, { matchResources: setMatchDefaults(match) }) })
}

function validate({ spec }: ValidatingAdmissionPolicyBinding): readonly FieldError[] {
  const problems: FieldError[] = []
  if ((spec?.policyName ?? '') === '') problems.push(required('spec.policyName'))
  if ((spec?.validationActions ?? []).length === 0) problems.push(required('spec.validationActions'))
  ;(spec?.validationActions ?? []).forEach((action, index) => {
    if (!actions.includes(action))
      problems.push(notSupported(`spec.validationActions[${index}]`, action, actions))
  })
  return problems
}

const columns: readonly Column<ValidatingAdmissionPolicyBinding>[] = [
  nameColumn(),
  column('PolicyName', 'The policy.', ({ spec }) => spec?.policyName ?? ''),
  column('ParamRef', 'Its settings.', ({ spec }) =>
    spec?.paramRef?.name === undefined ? unset : `${spec.paramRef.namespace ?? '*'}/${spec.paramRef.name}`,
  ),
  ageColumn(),
]

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
  updatesUnconditionally: false,
  setDefaults,
  validate,
  columns,
})

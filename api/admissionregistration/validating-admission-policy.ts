/** ValidatingAdmissionPolicy (admissionregistration.k8s.io/v1): expressions that what is written must meet. */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, unset } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { required } from '../meta/field-error.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ValidatingAdmissionPolicy } from '../types.ts'
import { setMatchDefaults, validateRule } from './webhook-configuration.ts'

function setDefaults(policy: ValidatingAdmissionPolicy): ValidatingAdmissionPolicy {
  const spec = withDefaults(policy.spec ?? {}, { failurePolicy: 'Fail' })
  return withFields(policy, {
    spec: withFields(spec, {
      matchConstraints: spec.matchConstraints && setMatchDefaults(spec.matchConstraints),
    }),
  })
}

function validate({ spec }: ValidatingAdmissionPolicy): readonly FieldError[] {
  const problems: FieldError[] = []
  if ((spec?.validations ?? []).length === 0 && (spec?.auditAnnotations ?? []).length === 0) {
    problems.push(
      required('spec.validations', 'validations or auditAnnotations must contain at least one item'),
    )
  }
  ;(spec?.validations ?? []).forEach(({ expression }, index) => {
    if ((expression ?? '').trim() === '')
      problems.push(required(`spec.validations[${index}].expression`, 'expression is not specified'))
  })
  const rules = spec?.matchConstraints?.resourceRules ?? []
  if (spec?.matchConstraints === undefined) problems.push(required('spec.matchConstraints'))
  else if (rules.length === 0) problems.push(required('spec.matchConstraints.resourceRules'))
  return [
    ...problems,
    ...rules.flatMap((rule, index) => validateRule(rule, `spec.matchConstraints.resourceRules[${index}]`)),
  ]
}

const columns: readonly Column<ValidatingAdmissionPolicy>[] = [
  nameColumn(),
  column('Validations', 'Number of expressions.', ({ spec }) => (spec?.validations ?? []).length, {
    type: 'integer',
  }),
  column('ParamKind', 'Kind of its settings.', ({ spec }) =>
    spec?.paramKind === undefined ? unset : `${spec.paramKind.apiVersion ?? ''}/${spec.paramKind.kind ?? ''}`,
  ),
  ageColumn(),
]

/** The resource `validatingadmissionpolicies`. */
export const validatingAdmissionPolicies = defineKind<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  resource: 'validatingadmissionpolicies',
  namespaced: false,
  definition: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy',
  categories: ['api-extensions'],
  hasStatus: true,
  hasGeneration: true,
  updatesUnconditionally: false,
  setDefaults,
  validate,
  columns,
})

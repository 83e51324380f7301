/** PodDisruptionBudget (policy/v1): how many pods may be evicted at once. Source: pkg/apis/policy/validation. */
import type { Column } from '../kind.ts'
import { countOrPercentProblems } from '../apps/workload-validation.ts'
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, notSupported } from '../meta/field-error.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { validateLabelSelector } from '../meta/label-selector-validation.ts'
import type { PodDisruptionBudget } from '../types.ts'

const evictionPolicies = ['AlwaysAllow', 'IfHealthyBudget']

function validate({ spec }: PodDisruptionBudget): readonly FieldError[] {
  const problems: FieldError[] = []
  if (spec?.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
    problems.push(invalidValue('spec', spec, 'minAvailable and maxUnavailable cannot be both set'))
  }
  const policy = spec?.unhealthyPodEvictionPolicy
  if (policy !== undefined && !evictionPolicies.includes(policy)) {
    problems.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, evictionPolicies))
  }
  return [
    ...problems,
    ...countOrPercentProblems(spec?.minAvailable, 'spec.minAvailable'),
    ...countOrPercentProblems(spec?.maxUnavailable, 'spec.maxUnavailable'),
    ...validateLabelSelector(spec?.selector, 'spec.selector'),
  ]
}

const columns: readonly Column<PodDisruptionBudget>[] = [
  nameColumn(),
  column('Min Available', 'Pods that must stay.', ({ spec }) => String(spec?.minAvailable ?? 'N/A')),
  column('Max Unavailable', 'Pods that may go.', ({ spec }) => String(spec?.maxUnavailable ?? 'N/A')),
  column('Allowed Disruptions', 'Pods that may go now.', ({ status }) => status?.disruptionsAllowed ?? 0, {
    type: 'integer',
  }),
  ageColumn(),
]

/** The resource `poddisruptionbudgets`. */
export const podDisruptionBudgets = defineKind<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  resource: 'poddisruptionbudgets',
  namespaced: true,
  definition: 'io.k8s.api.policy.v1.PodDisruptionBudget',
  shortNames: ['pdb'],
  hasStatus: true,
  hasGeneration: true,
  updatesUnconditionally: false,
  validate,
  columns,
})

/** ServiceCIDR (networking.k8s.io/v1): a range that Services get their addresses from. */
import { immutableProblems } from '../apps/workload-validation.ts'
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, required, tooMany } from '../meta/field-error.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ServiceCIDR } from '../types.ts'

function validate({ spec }: ServiceCIDR): readonly FieldError[] {
  const cidrs = spec?.cidrs ?? []
  if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')]
  const problems: FieldError[] = cidrs.length > 2 ? [tooMany('spec.cidrs', cidrs.length, 2)] : []
  cidrs.forEach((cidr, index) => {
    if (!/^[0-9a-fA-F.:]+\/\d{1,3}$/.test(cidr)) {
      problems.push(
        invalidValue(
          `spec.cidrs[${index}]`,
          cidr,
          'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
        ),
      )
    }
  })
  return problems
}

/** The resource `servicecidrs`. */
export const serviceCIDRs = defineKind<ServiceCIDR>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  resource: 'servicecidrs',
  namespaced: false,
  definition: 'io.k8s.api.networking.v1.ServiceCIDR',
  hasStatus: true,
  hasGeneration: true,
  validate,
  validateUpdate: (next, previous) => immutableProblems(next.spec?.cidrs, previous.spec?.cidrs, 'spec.cidrs'),
  columns: [
    nameColumn(),
    column('CIDRs', 'The ranges.', ({ spec }) => (spec?.cidrs ?? []).join(',')),
    ageColumn(),
  ],
})

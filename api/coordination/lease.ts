/** Lease (coordination.k8s.io/v1): who leads, and until when. Source: pkg/apis/coordination/validation. */
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue } from '../meta/field-error.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Lease } from '../types.ts'

function validate({ spec }: Lease): readonly FieldError[] {
  const problems: FieldError[] = []
  const duration = spec?.leaseDurationSeconds
  const transitions = spec?.leaseTransitions
  if (duration !== undefined && duration <= 0) {
    problems.push(invalidValue('spec.leaseDurationSeconds', duration, 'must be greater than 0'))
  }
  if (transitions !== undefined && transitions < 0) {
    problems.push(invalidValue('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'))
  }
  return problems
}

/** The resource `leases`. */
export const leases = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  resource: 'leases',
  namespaced: true,
  definition: 'io.k8s.api.coordination.v1.Lease',
  createsOnUpdate: true,
  updatesUnconditionally: false,
  validate,
  columns: [
    nameColumn(),
    column('Holder', 'Who has it.', ({ spec }) => spec?.holderIdentity ?? ''),
    ageColumn(),
  ],
})

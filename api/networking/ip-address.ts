/** IPAddress (networking.k8s.io/v1): one address that a Service holds. */
import { immutableProblems } from '../apps/workload-validation.ts'
import { isIpAddress } from '../core/service-validation.ts'
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, required } from '../meta/field-error.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { IPAddress } from '../types.ts'

function validate({ metadata, spec }: IPAddress): readonly FieldError[] {
  const name = metadata.name ?? ''
  const problems: FieldError[] = isIpAddress(name)
    ? []
    : [invalidValue('metadata.name', name, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')]
  if (spec?.parentRef === undefined) return [...problems, required('spec.parentRef')]
  for (const field of ['resource', 'name'] as const) {
    if ((spec.parentRef[field] ?? '') === '') problems.push(required(`spec.parentRef.${field}`))
  }
  return problems
}

function parentText({ spec }: IPAddress): string {
  const parent = spec?.parentRef
  if (parent === undefined) return ''
  const resource = (parent.group ?? '') === '' ? parent.resource : `${parent.resource}.${parent.group}`
  return `${resource}/${(parent.namespace ?? '') === '' ? '' : `${parent.namespace}/`}${parent.name}`
}

/** The resource `ipaddresses`. */
export const ipAddresses = defineKind<IPAddress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  resource: 'ipaddresses',
  namespaced: false,
  definition: 'io.k8s.api.networking.v1.IPAddress',
  shortNames: ['ip'],
  nameFormat: 'path-segment',
  validate,
  validateUpdate: (next, previous) =>
    immutableProblems(next.spec?.parentRef, previous.spec?.parentRef, 'spec.parentRef'),
  columns: [nameColumn(), column('ParentRef', 'Who holds it.', parentText), ageColumn()],
  selectableFields: {
    'spec.parentRef.name': ({ spec }) => spec?.parentRef?.name ?? '',
  },
})

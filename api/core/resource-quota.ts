/** ResourceQuota (v1): how much a namespace may use. */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue } from '../meta/field-error.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { qualifiedNameProblems } from '../meta/names.ts'
import { canonicalQuantity, tryParseQuantity } from '../meta/quantity.ts'
import type { ResourceQuota } from '../types.ts'

function validate({ spec }: ResourceQuota): readonly FieldError[] {
  return Object.entries(spec?.hard ?? {}).flatMap(([name, text]) => {
    const field = `spec.hard[${name}]`
    const quantity = tryParseQuantity(text)
    const problems = qualifiedNameProblems(name).map((problem) => invalidValue(field, name, problem))
    if (quantity === undefined || quantity.nano < 0n)
      problems.push(invalidValue(field, String(text), 'must be greater than or equal to 0'))
    return problems
  })
}

function usageText({ status }: ResourceQuota, wantsLimits: boolean): string {
  return Object.keys(status?.hard ?? {})
    .filter((name) => name.startsWith('limits.') === wantsLimits)
    .sort()
    .map(
      (name) =>
        `${name}: ${canonicalQuantity(status?.used?.[name] ?? '0')}/${canonicalQuantity(status?.hard?.[name] ?? '0')}`,
    )
    .join(', ')
}

const columns: readonly Column<ResourceQuota>[] = [
  nameColumn(),
  column('Request', 'Used and allowed, of all but limits.', (quota) => usageText(quota, false)),
  column('Limit', 'Used and allowed, of limits.', (quota) => usageText(quota, true)),
  ageColumn(),
]

/** The resource `resourcequotas`. */
export const resourceQuotas = defineKind<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  resource: 'resourcequotas',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.ResourceQuota',
  shortNames: ['quota'],
  hasStatus: true,
  validate,
  columns,
})

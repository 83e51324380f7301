/** FlowSchema (flowcontrol.apiserver.k8s.io/v1): which requests belong to which priority level. */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, none } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, required } from '../meta/field-error.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { FlowSchema } from '../types.ts'

const precedenceDefault = 1000
const precedenceMax = 10_000

function setDefaults(schema: FlowSchema): FlowSchema {
  if (schema.spec === undefined) return schema
  return withFields(schema, { spec: withDefaults(schema.spec, { matchingPrecedence: precedenceDefault }) })
}

function validate({ spec }: FlowSchema): readonly FieldError[] {
  const problems: FieldError[] = []
  const precedence = spec?.matchingPrecedence ?? precedenceDefault
  if (precedence < 1 || precedence > precedenceMax) {
    problems.push(
      invalidValue('spec.matchingPrecedence', precedence, `must be between 1 and ${precedenceMax}`),
    )
  }
  if ((spec?.priorityLevelConfiguration?.name ?? '') === '') {
    problems.push(required('spec.priorityLevelConfiguration.name', 'must reference a priority level'))
  }
  return problems
}

const columns: readonly Column<FlowSchema>[] = [
  nameColumn(),
  column(
    'PriorityLevel',
    'Where its requests go.',
    ({ spec }) => spec?.priorityLevelConfiguration?.name ?? '',
  ),
  column(
    'MatchingPrecedence',
    'The lower, the earlier it is tried.',
    ({ spec }) => spec?.matchingPrecedence ?? 0,
    { type: 'integer' },
  ),
  column(
    'DistinguisherMethod',
    'How its flows are told apart.',
    ({ spec }) => spec?.distinguisherMethod?.type ?? none,
  ),
  ageColumn(),
  column(
    'MissingPL',
    'True when that level is not there.',
    ({ status }) => status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
  ),
]

/** The resource `flowschemas`. */
export const flowSchemas = defineKind<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  resource: 'flowschemas',
  namespaced: false,
  definition: 'io.k8s.api.flowcontrol.v1.FlowSchema',
  hasStatus: true,
  hasGeneration: true,
  setDefaults,
  validate,
  columns,
})

/** PriorityClass (scheduling.k8s.io/v1): a name for how important a pod is. Source: pkg/apis/scheduling. */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { forbiddenField, notSupported } from '../meta/field-error.ts'
import { withDefaults } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { PriorityClass } from '../types.ts'

/** Users' classes may not be more important. */
const userPriorityMax = 1_000_000_000
/** The classes that every cluster has, with their values. */
export const systemPriorities: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
}
const preemptionPolicies = ['Never', 'PreemptLowerPriority']

function validate(priority: PriorityClass): readonly FieldError[] {
  const name = priority.metadata.name ?? ''
  const problems: FieldError[] = []
  const isSystem = systemPriorities[name] === priority.value
  if (name.startsWith('system-') && !isSystem) {
    problems.push(
      forbiddenField(
        'metadata.name',
        "priority class names with 'system-' prefix are reserved for system use only. error: " +
          `${name} is not a known system priority class`,
      ),
    )
  }
  if (!isSystem && (priority.value ?? 0) > userPriorityMax) {
    problems.push(
      forbiddenField('value', `maximum allowed value of a user defined priority is ${userPriorityMax}`),
    )
  }
  if (!preemptionPolicies.includes(priority.preemptionPolicy ?? '')) {
    problems.push(notSupported('preemptionPolicy', priority.preemptionPolicy, preemptionPolicies))
  }
  return problems
}

function validateUpdate(next: PriorityClass, previous: PriorityClass): readonly FieldError[] {
  const problems: FieldError[] = []
  if (next.value !== previous.value)
    problems.push(forbiddenField('value', 'may not be changed in an update.'))
  if (next.preemptionPolicy !== previous.preemptionPolicy) {
    problems.push(forbiddenField('preemptionPolicy', 'may not be changed in an update.'))
  }
  return problems
}

const columns: readonly Column<PriorityClass>[] = [
  nameColumn(),
  column('Value', 'The more, the more important.', ({ value }) => value ?? 0, { type: 'integer' }),
  column(
    'Global-Default',
    'True for pods that name no class.',
    ({ globalDefault }) => globalDefault ?? false,
    { type: 'boolean' },
  ),
  ageColumn(),
  column(
    'PreemptionPolicy',
    'Whether others are evicted for it.',
    ({ preemptionPolicy }) => preemptionPolicy ?? '',
  ),
]

/** The resource `priorityclasses`. */
export const priorityClasses = defineKind<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  resource: 'priorityclasses',
  namespaced: false,
  definition: 'io.k8s.api.scheduling.v1.PriorityClass',
  shortNames: ['pc'],
  hasGeneration: true,
  setDefaults: (priority) => withDefaults(priority, { preemptionPolicy: 'PreemptLowerPriority', value: 0 }),
  validate,
  validateUpdate,
  columns,
})

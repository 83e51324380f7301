/** APIService (apiregistration.k8s.io/v1): a group and version that this server, or another, answers for. */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import { findCondition } from '../meta/conditions.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, required } from '../meta/field-error.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { APIService } from '../types.ts'

const groupPriorityMax = 20_000
const versionPriorityMax = 1000

function setDefaults(service: APIService): APIService {
  const reference = service.spec?.service
  if (service.spec === undefined || reference === undefined) return service
  return withFields(service, {
    spec: withFields(service.spec, { service: withDefaults(reference, { port: 443 }) }),
  })
}

function rangeProblems(value: number | undefined, max: number, field: string): FieldError[] {
  if (value !== undefined && value > 0 && value <= max) return []
  return [invalidValue(field, value ?? 0, `must be positive and less than ${max}`)]
}

function validate({ metadata, spec }: APIService): readonly FieldError[] {
  const problems: FieldError[] = []
  const name = `${spec?.version ?? ''}.${spec?.group ?? ''}`
  if (metadata.name !== name) {
    problems.push(
      invalidValue(
        'metadata.name',
        metadata.name,
        'must be `spec.version+"."+spec.group`: ' + JSON.stringify(name),
      ),
    )
  }
  if ((spec?.version ?? '') === '') problems.push(required('spec.version'))
  return [
    ...problems,
    ...rangeProblems(spec?.groupPriorityMinimum, groupPriorityMax, 'spec.groupPriorityMinimum'),
    ...rangeProblems(spec?.versionPriority, versionPriorityMax, 'spec.versionPriority'),
  ]
}

function availableText({ status }: APIService): string {
  const available = findCondition(status?.conditions, 'Available')
  if (available === undefined) return 'Unknown'
  return available.status === 'True' ? 'True' : `${available.status} (${available.reason ?? ''})`
}

const columns: readonly Column<APIService>[] = [
  nameColumn(),
  column('Service', 'Who answers.', ({ spec }) =>
    spec?.service === undefined ? 'Local' : `${spec.service.namespace ?? ''}/${spec.service.name ?? ''}`,
  ),
  column('Available', 'Whether it does.', availableText),
  ageColumn(),
]

/** The resource `apiservices`. */
export const apiServices = defineKind<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  resource: 'apiservices',
  namespaced: false,
  definition: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService',
  categories: ['api-extensions'],
  storagePath: 'apiregistration.k8s.io/apiservices',
  nameFormat: 'path-segment',
  hasStatus: true,
  updatesUnconditionally: false,
  setDefaults,
  validate,
  columns,
})

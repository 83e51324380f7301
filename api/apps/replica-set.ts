/**
 * ReplicaSet (apps/v1): a number of pods of one template.
 *
 * Source: kubernetes pkg/apis/apps/v1/defaults.go, validation, pkg/registry/apps/replicaset/strategy.go.
 */
import type { FieldError } from '../meta/field-error.ts'
import { required } from '../meta/field-error.ts'
import { setPodTemplateDefaults } from '../core/pod-spec-defaults.ts'
import { ageColumn, column, nameColumn, workloadColumns } from '../meta/columns.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ReplicaSet, ReplicaSetSpec } from '../types.ts'
import { countProblems, immutableProblems, validateSelectorAndTemplate } from './workload-validation.ts'

function setDefaults(replicaSet: ReplicaSet): ReplicaSet {
  const spec = withDefaults<ReplicaSetSpec>(replicaSet.spec ?? { selector: {} }, { replicas: 1 })
  return withFields(replicaSet, {
    spec: withFields(spec, { template: setPodTemplateDefaults(spec.template) }),
  })
}

function validate({ spec }: ReplicaSet): readonly FieldError[] {
  if (spec === undefined) return [required('spec.selector')]
  return [
    ...countProblems(spec.replicas, 'spec.replicas'),
    ...countProblems(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...validateSelectorAndTemplate(spec, 'replicaset'),
  ]
}

const integer = { type: 'integer' } as const

/** The resource `replicasets`. */
export const replicaSets = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  resource: 'replicasets',
  namespaced: true,
  definition: 'io.k8s.api.apps.v1.ReplicaSet',
  shortNames: ['rs'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  scale: {
    specReplicas: ['spec', 'replicas'],
    statusReplicas: ['status', 'replicas'],
    selector: ['spec', 'selector'],
  },
  setDefaults,
  validate,
  validateUpdate: (next, previous) =>
    immutableProblems(next.spec?.selector, previous.spec?.selector, 'spec.selector'),
  columns: [
    nameColumn(),
    column('Desired', 'Number of pods wanted.', ({ spec }) => spec?.replicas ?? 0, integer),
    column('Current', 'Number of pods there are.', ({ status }) => status?.replicas ?? 0, integer),
    column('Ready', 'Number of pods that are ready.', ({ status }) => status?.readyReplicas ?? 0, integer),
    ageColumn(),
    ...workloadColumns<ReplicaSet>(
      ({ spec }) => spec?.template?.spec?.containers,
      ({ spec }) => spec?.selector,
    ),
  ],
})

/**
 * ReplicationController (v1): what ReplicaSet was before it had set-based selectors.
 *
 * Source: kubernetes pkg/apis/core/v1/defaults.go (SetDefaults_ReplicationController), validation.go.
 */
import { countProblems } from '../apps/workload-validation.ts'
import { ageColumn, column, formatLabels, nameColumn, workloadColumns } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { required } from '../meta/field-error.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { labelProblems } from '../meta/labels.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ReplicationController, ReplicationControllerSpec } from '../types.ts'
import { setPodTemplateDefaults } from './pod-spec-defaults.ts'
import { validateWorkloadTemplate } from './pod-spec-validation.ts'

function setDefaults(controller: ReplicationController): ReplicationController {
  const given: ReplicationControllerSpec = controller.spec ?? {}
  const labels = given.template?.metadata?.labels
  const spec = withDefaults(given, { replicas: 1, selector: labels })
  return withFields(controller, {
    metadata: withDefaults(controller.metadata, { labels }),
    spec: withFields(spec, { template: spec.template && setPodTemplateDefaults(spec.template) }),
  })
}

function validate({ spec }: ReplicationController): readonly FieldError[] {
  const selector = spec?.selector ?? {}
  const problems = [
    ...countProblems(spec?.replicas, 'spec.replicas'),
    ...countProblems(spec?.minReadySeconds, 'spec.minReadySeconds'),
  ]
  problems.push(...labelProblems(spec?.selector, 'spec.selector'))
  if (Object.keys(selector).length === 0) problems.push(required('spec.selector'))
  if (spec?.template === undefined) problems.push(required('spec.template'))
  else problems.push(...validateWorkloadTemplate(spec.template, { matchLabels: selector }, 'spec.template'))
  return problems
}

const integer = { type: 'integer' } as const

/** The resource `replicationcontrollers`. */
export const replicationControllers = defineKind<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  resource: 'replicationcontrollers',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.ReplicationController',
  shortNames: ['rc'],
  categories: ['all'],
  storagePath: 'controllers',
  hasStatus: true,
  hasGeneration: true,
  scale: {
    specReplicas: ['spec', 'replicas'],
    statusReplicas: ['status', 'replicas'],
    selector: ['spec', 'selector'],
  },
  setDefaults,
  validate,
  columns: [
    nameColumn(),
    column('Desired', 'Number of pods wanted.', ({ spec }) => spec?.replicas ?? 0, integer),
    column('Current', 'Number of pods there are.', ({ status }) => status?.replicas ?? 0, integer),
    column('Ready', 'Number of pods that are ready.', ({ status }) => status?.readyReplicas ?? 0, integer),
    ageColumn(),
    ...workloadColumns<ReplicationController>(({ spec }) => spec?.template?.spec?.containers),
    column('Selector', 'Labels of the pods.', ({ spec }) => formatLabels(spec?.selector), { wide: true }),
  ],
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
})

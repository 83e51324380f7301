/**
 * Deployment (apps/v1): ReplicaSets rolled from one template to the next.
 *
 * Source: kubernetes pkg/apis/apps/v1/defaults.go, validation, pkg/registry/apps/deployment/strategy.go.
 */
import type { FieldError } from '../meta/field-error.ts'
import { forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts'
import { setPodTemplateDefaults } from '../core/pod-spec-defaults.ts'
import { ageColumn, column, nameColumn, workloadColumns } from '../meta/columns.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Deployment, DeploymentSpec, DeploymentStrategy } from '../types.ts'
import {
  countOrPercentProblems,
  countProblems,
  immutableProblems,
  isZeroCount,
  validateSelectorAndTemplate,
} from './workload-validation.ts'

const strategies = ['Recreate', 'RollingUpdate']

function setStrategyDefaults(strategy: DeploymentStrategy | undefined): DeploymentStrategy {
  const typed = withDefaults(strategy ?? {}, { type: 'RollingUpdate' })
  if (typed.type !== 'RollingUpdate') return typed
  const rollingUpdate = withDefaults(typed.rollingUpdate ?? {}, { maxUnavailable: '25%', maxSurge: '25%' })
  return withFields(typed, { rollingUpdate })
}

function setDefaults(deployment: Deployment): Deployment {
  const given = deployment.spec ?? { selector: {}, template: {} }
  const spec = withDefaults<DeploymentSpec>(given, {
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
  })
  return withFields(deployment, {
    spec: withFields(spec, {
      strategy: setStrategyDefaults(spec.strategy),
      template: setPodTemplateDefaults(spec.template),
    }),
  })
}

function validateStrategy(strategy: DeploymentStrategy | undefined): FieldError[] {
  const rolling = strategy?.rollingUpdate
  const type = strategy?.type ?? ''
  if (type === 'Recreate' && rolling !== undefined) {
    return [
      forbiddenField(
        'spec.strategy.rollingUpdate',
        "may not be specified when strategy `type` is 'Recreate'",
      ),
    ]
  }
  if (!strategies.includes(type)) return [notSupported('spec.strategy.type', type, strategies)]
  if (type === 'Recreate') return []
  if (rolling === undefined) {
    return [required('spec.strategy.rollingUpdate', 'this should be defaulted and never be nil')]
  }
  const field = 'spec.strategy.rollingUpdate'
  const problems = [
    ...countOrPercentProblems(rolling.maxUnavailable, `${field}.maxUnavailable`),
    ...countOrPercentProblems(rolling.maxSurge, `${field}.maxSurge`),
  ]
  if (isZeroCount(rolling.maxUnavailable) && isZeroCount(rolling.maxSurge)) {
    problems.push(
      invalidValue(`${field}.maxUnavailable`, rolling.maxUnavailable, 'may not be 0 when `maxSurge` is 0'),
    )
  }
  return problems
}

function validate(deployment: Deployment): readonly FieldError[] {
  const spec = deployment.spec
  if (spec === undefined) return [required('spec.selector')]
  const deadline = spec.progressDeadlineSeconds
  const minReady = spec.minReadySeconds ?? 0
  return [
    ...countProblems(spec.replicas, 'spec.replicas'),
    ...validateSelectorAndTemplate(spec, 'deployment'),
    ...validateStrategy(spec.strategy),
    ...countProblems(minReady, 'spec.minReadySeconds'),
    ...countProblems(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...countProblems(deadline, 'spec.progressDeadlineSeconds'),
    ...(deadline !== undefined && deadline <= minReady
      ? [invalidValue('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds')]
      : []),
  ]
}

/** The resource `deployments`. */
export const deployments = defineKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  resource: 'deployments',
  namespaced: true,
  definition: 'io.k8s.api.apps.v1.Deployment',
  shortNames: ['deploy'],
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
    column(
      'Ready',
      'Number of the pod with ready state',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    ),
    column('Up-to-date', 'Pods of the newest template.', ({ status }) => status?.updatedReplicas ?? 0),
    column('Available', 'Pods that are ready long enough.', ({ status }) => status?.availableReplicas ?? 0),
    ageColumn(),
    ...workloadColumns<Deployment>(
      ({ spec }) => spec?.template?.spec?.containers,
      ({ spec }) => spec?.selector,
    ),
  ],
})

/**
 * DaemonSet (apps/v1): one pod on each node.
 *
 * Source: kubernetes pkg/apis/apps/v1/defaults.go, validation, pkg/registry/apps/daemonset/strategy.go.
 */
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, notSupported, required } from '../meta/field-error.ts'
import { setPodTemplateDefaults } from '../core/pod-spec-defaults.ts'
import { ageColumn, column, formatLabels, nameColumn, workloadColumns } from '../meta/columns.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy } from '../types.ts'
import {
  countOrPercentProblems,
  countProblems,
  immutableProblems,
  isZeroCount,
  validateSelectorAndTemplate,
} from './workload-validation.ts'

const strategies = ['OnDelete', 'RollingUpdate']

function setStrategyDefaults(strategy: DaemonSetUpdateStrategy | undefined): DaemonSetUpdateStrategy {
  const typed = withDefaults(strategy ?? {}, { type: 'RollingUpdate' })
  if (typed.type !== 'RollingUpdate') return typed
  const rollingUpdate = withDefaults(typed.rollingUpdate ?? {}, { maxUnavailable: 1, maxSurge: 0 })
  return withFields(typed, { rollingUpdate })
}

function setDefaults(daemonSet: DaemonSet): DaemonSet {
  const given = daemonSet.spec ?? { selector: {}, template: {} }
  const spec = withDefaults<DaemonSetSpec>(given, { revisionHistoryLimit: 10 })
  return withFields(daemonSet, {
    spec: withFields(spec, {
      updateStrategy: setStrategyDefaults(spec.updateStrategy),
      template: setPodTemplateDefaults(spec.template),
    }),
  })
}

function validateStrategy(strategy: DaemonSetUpdateStrategy | undefined): FieldError[] {
  const type = strategy?.type ?? ''
  if (!strategies.includes(type)) return [notSupported('spec.updateStrategy.type', type, strategies)]
  if (type === 'OnDelete') return []
  const { maxUnavailable, maxSurge } = strategy?.rollingUpdate ?? {}
  const field = 'spec.updateStrategy.rollingUpdate'
  const problems = [
    ...countOrPercentProblems(maxUnavailable, `${field}.maxUnavailable`),
    ...countOrPercentProblems(maxSurge, `${field}.maxSurge`),
  ]
  if (isZeroCount(maxUnavailable) && isZeroCount(maxSurge)) {
    problems.push(required(`${field}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'))
  }
  if (!isZeroCount(maxUnavailable) && maxSurge !== undefined && !isZeroCount(maxSurge)) {
    problems.push(
      invalidValue(`${field}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'),
    )
  }
  return problems
}

function validate({ spec }: DaemonSet): readonly FieldError[] {
  if (spec === undefined) return [required('spec.selector')]
  return [
    ...validateSelectorAndTemplate(spec, 'daemonset'),
    ...countProblems(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...countProblems(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...validateStrategy(spec.updateStrategy),
  ]
}

const integer = { type: 'integer' } as const

/** The resource `daemonsets`. */
export const daemonSets = defineKind<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  resource: 'daemonsets',
  namespaced: true,
  definition: 'io.k8s.api.apps.v1.DaemonSet',
  shortNames: ['ds'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  setDefaults,
  validate,
  validateUpdate: (next, previous) =>
    immutableProblems(next.spec?.selector, previous.spec?.selector, 'spec.selector'),
  columns: [
    nameColumn(),
    column(
      'Desired',
      'Nodes that should run it.',
      ({ status }) => status?.desiredNumberScheduled ?? 0,
      integer,
    ),
    column('Current', 'Nodes that do run it.', ({ status }) => status?.currentNumberScheduled ?? 0, integer),
    column('Ready', 'Nodes where it is ready.', ({ status }) => status?.numberReady ?? 0, integer),
    column(
      'Up-to-date',
      'Nodes with the newest template.',
      ({ status }) => status?.updatedNumberScheduled ?? 0,
      integer,
    ),
    column(
      'Available',
      'Nodes where it is ready long enough.',
      ({ status }) => status?.numberAvailable ?? 0,
      integer,
    ),
    column('Node Selector', 'Labels of the nodes that it is for.', ({ spec }) =>
      formatLabels(spec?.template?.spec?.nodeSelector),
    ),
    ageColumn(),
    ...workloadColumns<DaemonSet>(
      ({ spec }) => spec?.template?.spec?.containers,
      ({ spec }) => spec?.selector,
    ),
  ],
})

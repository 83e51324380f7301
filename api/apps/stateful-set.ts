/**
 * StatefulSet (apps/v1): pods with names and volumes of their own.
 *
 * Source: kubernetes pkg/apis/apps/v1/defaults.go, validation, pkg/registry/apps/statefulset/strategy.go.
 */
import type { FieldError } from '../meta/field-error.ts'
import { forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts'
import { setClaimDefaults } from '../core/claim-defaults.ts'
import { setPodTemplateDefaults } from '../core/pod-spec-defaults.ts'
import { ageColumn, column, nameColumn, workloadColumns } from '../meta/columns.ts'
import { deepEqual, mapList, withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy } from '../types.ts'
import { countProblems, validateSelectorAndTemplate } from './workload-validation.ts'

const strategies = ['OnDelete', 'RollingUpdate']
const managementPolicies = ['OrderedReady', 'Parallel']
const retentionPolicies = ['Delete', 'Retain']
const updateText =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"

function setStrategyDefaults(strategy: StatefulSetUpdateStrategy | undefined): StatefulSetUpdateStrategy {
  const typed = withDefaults(strategy ?? {}, { type: 'RollingUpdate' })
  if (typed.type !== 'RollingUpdate') return typed
  return withFields(typed, { rollingUpdate: withDefaults(typed.rollingUpdate ?? {}, { partition: 0 }) })
}

function setDefaults(statefulSet: StatefulSet): StatefulSet {
  const given = statefulSet.spec ?? { selector: {}, template: {} }
  const spec = withDefaults<StatefulSetSpec>(given, {
    podManagementPolicy: 'OrderedReady',
    replicas: 1,
    revisionHistoryLimit: 10,
  })
  return withFields(statefulSet, {
    spec: withFields(spec, {
      updateStrategy: setStrategyDefaults(spec.updateStrategy),
      persistentVolumeClaimRetentionPolicy: withDefaults(spec.persistentVolumeClaimRetentionPolicy ?? {}, {
        whenDeleted: 'Retain',
        whenScaled: 'Retain',
      }),
      template: setPodTemplateDefaults(spec.template),
      volumeClaimTemplates: mapList(spec.volumeClaimTemplates, (claim) => ({
        ...setClaimDefaults(withDefaults(claim, { apiVersion: 'v1', kind: 'PersistentVolumeClaim' })),
        status: { phase: 'Pending', ...claim.status },
      })),
    }),
  })
}

function validateStrategy(strategy: StatefulSetUpdateStrategy | undefined): FieldError[] {
  const type = strategy?.type ?? ''
  const field = 'spec.updateStrategy'
  if (!strategies.includes(type)) return [notSupported(`${field}.type`, type, strategies)]
  if (type === 'OnDelete') {
    return strategy?.rollingUpdate === undefined
      ? []
      : [
          invalidValue(
            `${field}.rollingUpdate`,
            strategy.rollingUpdate,
            "only allowed for updateStrategy 'RollingUpdate'",
          ),
        ]
  }
  return countProblems(strategy?.rollingUpdate?.partition, `${field}.rollingUpdate.partition`)
}

function validate({ spec }: StatefulSet): readonly FieldError[] {
  if (spec === undefined) return [required('spec.selector')]
  const policy = spec.podManagementPolicy ?? ''
  const { whenDeleted = '', whenScaled = '' } = spec.persistentVolumeClaimRetentionPolicy ?? {}
  const retention = 'spec.persistentVolumeClaimRetentionPolicy'
  return [
    ...(managementPolicies.includes(policy)
      ? []
      : [notSupported('spec.podManagementPolicy', policy, managementPolicies)]),
    ...validateStrategy(spec.updateStrategy),
    ...(retentionPolicies.includes(whenDeleted)
      ? []
      : [notSupported(`${retention}.whenDeleted`, whenDeleted, retentionPolicies)]),
    ...(retentionPolicies.includes(whenScaled)
      ? []
      : [notSupported(`${retention}.whenScaled`, whenScaled, retentionPolicies)]),
    ...countProblems(spec.replicas, 'spec.replicas'),
    ...countProblems(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...countProblems(spec.ordinals?.start, 'spec.ordinals.start'),
    ...validateSelectorAndTemplate(spec, 'statefulset'),
  ]
}

/** The fields of a spec that may change after creation, taken from another. */
function withMutableFieldsOf(spec: StatefulSetSpec, other: StatefulSetSpec): StatefulSetSpec {
  return withFields(spec, {
    replicas: other.replicas,
    ordinals: other.ordinals,
    template: other.template,
    updateStrategy: other.updateStrategy,
    revisionHistoryLimit: other.revisionHistoryLimit,
    persistentVolumeClaimRetentionPolicy: other.persistentVolumeClaimRetentionPolicy,
    minReadySeconds: other.minReadySeconds,
  })
}

function validateUpdate(next: StatefulSet, previous: StatefulSet): readonly FieldError[] {
  if (next.spec === undefined || previous.spec === undefined) return []
  const isSame = deepEqual(withMutableFieldsOf(next.spec, previous.spec), previous.spec)
  return isSame ? [] : [forbiddenField('spec', updateText)]
}

/** The resource `statefulsets`. */
export const statefulSets = defineKind<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  resource: 'statefulsets',
  namespaced: true,
  definition: 'io.k8s.api.apps.v1.StatefulSet',
  shortNames: ['sts'],
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
  validateUpdate,
  columns: [
    nameColumn(),
    column(
      'Ready',
      'Number of the pod with ready state',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    ),
    ageColumn(),
    ...workloadColumns<StatefulSet>(({ spec }) => spec?.template?.spec?.containers),
  ],
})

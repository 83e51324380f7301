/**
 * PersistentVolumeClaim (v1): a wish for storage.
 *
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidatePersistentVolumeClaim*), printers.go.
 */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, unset } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { forbiddenField, invalidValue, required } from '../meta/field-error.ts'
import { deepEqual, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { validateLabelSelector } from '../meta/label-selector-validation.ts'
import { compareQuantities, tryParseQuantity } from '../meta/quantity.ts'
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../types.ts'
import { accessModesText, validateAccessModes } from './access-modes.ts'
import { setClaimDefaults } from './claim-defaults.ts'

function setDefaults(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  const base = setClaimDefaults(claim)
  return base.status?.phase === undefined ? { ...base, status: { phase: 'Pending', ...base.status } } : base
}

function validate({ spec }: PersistentVolumeClaim): readonly FieldError[] {
  if (spec === undefined) return [required('spec')]
  const storage = spec.resources?.requests?.['storage']
  const quantity = tryParseQuantity(storage)
  const problems = [
    ...validateAccessModes(spec.accessModes, 'spec.accessModes'),
    ...validateLabelSelector(spec.selector, 'spec.selector'),
  ]
  if (storage === undefined) problems.push(required('spec.resources[storage]'))
  else if (quantity === undefined || quantity.nano <= 0n) {
    problems.push(invalidValue('spec.resources[storage]', String(storage), 'must be greater than zero'))
  }
  return problems
}

/** The spec with what may change after creation taken from another. */
function withMutableFieldsOf(
  spec: PersistentVolumeClaimSpec,
  other: PersistentVolumeClaimSpec,
): PersistentVolumeClaimSpec {
  const volumeName = (other.volumeName ?? '') === '' ? other.volumeName : spec.volumeName
  const storageClassName = other.storageClassName === undefined ? undefined : spec.storageClassName
  return withFields(spec, {
    resources: other.resources,
    volumeAttributesClassName: other.volumeAttributesClassName,
    volumeName,
    storageClassName,
  })
}

function validateUpdate(next: PersistentVolumeClaim, previous: PersistentVolumeClaim): readonly FieldError[] {
  if (next.spec === undefined || previous.spec === undefined) return []
  if (!deepEqual(withMutableFieldsOf(next.spec, previous.spec), previous.spec)) {
    return [
      forbiddenField(
        'spec',
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
      ),
    ]
  }
  const before = tryParseQuantity(previous.spec.resources?.requests?.['storage'])
  const after = tryParseQuantity(next.spec.resources?.requests?.['storage'])
  if (before !== undefined && after !== undefined && compareQuantities(after, before) < 0) {
    return [forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity')]
  }
  return []
}

function phaseText({ metadata, status }: PersistentVolumeClaim): string {
  return metadata?.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating'
}

function isBound({ spec }: PersistentVolumeClaim): boolean {
  return (spec?.volumeName ?? '') !== ''
}

const columns: readonly Column<PersistentVolumeClaim>[] = [
  nameColumn(),
  column('Status', 'Phase of the claim.', phaseText),
  column('Volume', 'Volume that it got.', ({ spec }) => spec?.volumeName ?? ''),
  column('Capacity', 'How much that holds.', (claim) =>
    isBound(claim) ? String(claim.status?.capacity?.['storage'] ?? '') : '',
  ),
  column('Access Modes', 'How it may be mounted.', (claim) =>
    isBound(claim) ? accessModesText(claim.status?.accessModes) : '',
  ),
  column('StorageClass', 'Class that was asked for.', ({ spec }) => spec?.storageClassName ?? ''),
  column(
    'VolumeAttributesClass',
    'Attributes that were asked for.',
    ({ spec }) => spec?.volumeAttributesClassName || unset,
  ),
  ageColumn(),
  column('VolumeMode', 'Filesystem or Block.', ({ spec }) => spec?.volumeMode || unset, { wide: true }),
]

/** The resource `persistentvolumeclaims`. */
export const persistentVolumeClaims = defineKind<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  resource: 'persistentvolumeclaims',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.PersistentVolumeClaim',
  shortNames: ['pvc'],
  hasStatus: true,
  setDefaults,
  prepareForCreate: (claim) => ({ ...claim, status: { phase: 'Pending' } }),
  validate,
  validateUpdate,
  columns,
})

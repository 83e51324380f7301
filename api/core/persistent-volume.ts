/**
 * PersistentVolume (v1): storage that outlives pods.
 *
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidatePersistentVolume), printers.go.
 */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, unset } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts'
import { deepEqual, withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { formatQuantity, tryParseQuantity } from '../meta/quantity.ts'
import type { PersistentVolume, PersistentVolumeSpec } from '../types.ts'
import { validateAccessModes, accessModesText } from './access-modes.ts'

const reclaimPolicies = ['Delete', 'Recycle', 'Retain']
const plainFields = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
])

function setDefaults(volume: PersistentVolume): PersistentVolume {
  const spec = withDefaults(volume.spec ?? {}, {
    persistentVolumeReclaimPolicy: 'Retain',
    volumeMode: 'Filesystem',
  })
  return withFields(volume, { spec, status: withDefaults(volume.status ?? {}, { phase: 'Pending' }) })
}

function sourcesOf(spec: PersistentVolumeSpec): { readonly [field: string]: unknown } {
  return Object.fromEntries(
    Object.entries(spec).filter(([field, value]) => !plainFields.has(field) && value !== undefined),
  )
}

function validate({ spec }: PersistentVolume): readonly FieldError[] {
  if (spec === undefined) return [required('spec')]
  const problems = validateAccessModes(spec.accessModes, 'spec.accessModes')
  const capacity = tryParseQuantity(spec.capacity?.['storage'])
  if (spec.capacity === undefined) problems.push(required('spec.capacity'))
  else if (capacity === undefined)
    problems.push(notSupported('spec.capacity', Object.keys(spec.capacity), ['storage']))
  else if (capacity.nano <= 0n)
    problems.push(
      invalidValue('spec.capacity[storage]', formatQuantity(capacity), 'must be greater than zero'),
    )
  const sources = Object.keys(sourcesOf(spec))
  if (sources.length === 0) problems.push(required('spec', 'must specify a volume type'))
  for (const extra of sources.slice(1))
    problems.push(forbiddenField(`spec.${extra}`, 'may not specify more than 1 volume type'))
  const policy = spec.persistentVolumeReclaimPolicy ?? ''
  if (!reclaimPolicies.includes(policy))
    problems.push(notSupported('spec.persistentVolumeReclaimPolicy', policy, reclaimPolicies))
  if (spec.hostPath !== undefined && (spec.hostPath.path ?? '') === '')
    problems.push(required('spec.hostPath.path'))
  if (spec.local !== undefined && spec.nodeAffinity?.required === undefined) {
    problems.push(required('spec.nodeAffinity', 'Local volume requires node affinity'))
  }
  return problems
}

function validateUpdate(next: PersistentVolume, previous: PersistentVolume): readonly FieldError[] {
  const isSame = deepEqual(sourcesOf(next.spec ?? {}), sourcesOf(previous.spec ?? {}))
  const source = isSame
    ? []
    : [
        forbiddenField(
          'spec.persistentvolumesource',
          'spec.persistentvolumesource is immutable after creation',
        ),
      ]
  const isMode = next.spec?.volumeMode === previous.spec?.volumeMode
  return isMode
    ? source
    : [...source, invalidValue('spec.volumeMode', next.spec?.volumeMode, 'field is immutable')]
}

function claimText({ spec }: PersistentVolume): string {
  return spec?.claimRef === undefined ? '' : `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`
}

function phaseText({ metadata, status }: PersistentVolume): string {
  return metadata?.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating'
}

const columns: readonly Column<PersistentVolume>[] = [
  nameColumn(),
  column('Capacity', 'How much it holds.', ({ spec }) => String(spec?.capacity?.['storage'] ?? '')),
  column('Access Modes', 'How it may be mounted.', ({ spec }) => accessModesText(spec?.accessModes)),
  column(
    'Reclaim Policy',
    'What happens when its claim goes.',
    ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? '',
  ),
  column('Status', 'Phase of the volume.', phaseText),
  column('Claim', 'Who has it.', claimText),
  column('StorageClass', 'Class that it belongs to.', ({ spec }) => spec?.storageClassName ?? ''),
  column(
    'VolumeAttributesClass',
    'Attributes that it has.',
    ({ spec }) => spec?.volumeAttributesClassName || unset,
  ),
  column('Reason', 'Why it is in this phase.', ({ status }) => status?.reason ?? ''),
  ageColumn(),
  column('VolumeMode', 'Filesystem or Block.', ({ spec }) => spec?.volumeMode || unset, { wide: true }),
]

/** The resource `persistentvolumes`. */
export const persistentVolumes = defineKind<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  resource: 'persistentvolumes',
  namespaced: false,
  definition: 'io.k8s.api.core.v1.PersistentVolume',
  shortNames: ['pv'],
  hasStatus: true,
  setDefaults,
  prepareForCreate: (volume) => ({ ...volume, status: { phase: 'Pending' } }),
  validate,
  validateUpdate,
  columns,
})

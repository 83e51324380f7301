/** StorageClass (storage.k8s.io/v1): how volumes are made on demand. Source: pkg/apis/storage. */
import type { Column } from '../kind.ts'
import { ageColumn, column } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { forbiddenField, notSupported, required } from '../meta/field-error.ts'
import { deepEqual, withDefaults } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { StorageClass } from '../types.ts'

const defaultAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
]
const reclaimPolicies = ['Delete', 'Retain']
const bindingModes = ['Immediate', 'WaitForFirstConsumer']

/** True for a class that claims without one get. */
export function isDefaultStorageClass({ metadata }: StorageClass): boolean {
  return defaultAnnotations.some((key) => metadata?.annotations?.[key] === 'true')
}

function validate(storageClass: StorageClass): readonly FieldError[] {
  const problems: FieldError[] = []
  const { reclaimPolicy = '', volumeBindingMode = '' } = storageClass
  const provisioner = storageClass.provisioner ?? ''
  if (provisioner === '') problems.push(required('provisioner'))
  if (!reclaimPolicies.includes(reclaimPolicy))
    problems.push(notSupported('reclaimPolicy', reclaimPolicy, reclaimPolicies))
  if (!bindingModes.includes(volumeBindingMode))
    problems.push(notSupported('volumeBindingMode', volumeBindingMode, bindingModes))
  return problems
}

function validateUpdate(next: StorageClass, previous: StorageClass): readonly FieldError[] {
  const fields = ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const
  return fields
    .filter((field) => !deepEqual(next[field], previous[field]))
    .map((field) => forbiddenField(field, `updates to ${field} are forbidden.`))
}

const columns: readonly Column<StorageClass>[] = [
  column(
    'Name',
    'Name of the class.',
    (storageClass) =>
      `${storageClass.metadata?.name ?? ''}${isDefaultStorageClass(storageClass) ? ' (default)' : ''}`,
    { format: 'name' },
  ),
  column('Provisioner', 'Who makes its volumes.', ({ provisioner }) => provisioner ?? ''),
  column('ReclaimPolicy', 'What becomes of them.', ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete'),
  column(
    'VolumeBindingMode',
    'When they are made.',
    ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate',
  ),
  column('AllowVolumeExpansion', 'Whether they may grow.', ({ allowVolumeExpansion }) =>
    String(allowVolumeExpansion ?? false),
  ),
  ageColumn(),
]

/** The resource `storageclasses`. */
export const storageClasses = defineKind<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  resource: 'storageclasses',
  namespaced: false,
  definition: 'io.k8s.api.storage.v1.StorageClass',
  shortNames: ['sc'],
  hasGeneration: true,
  setDefaults: (object) => withDefaults(object, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }),
  validate,
  validateUpdate,
  columns,
})

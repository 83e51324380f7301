/** CSIStorageCapacity (storage.k8s.io/v1): how much a driver can still give, where. */
import { column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { required } from '../meta/field-error.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { validateLabelSelector } from '../meta/label-selector-validation.ts'
import type { CSIStorageCapacity } from '../types.ts'

function validate(capacity: CSIStorageCapacity): readonly FieldError[] {
  const name = (capacity.storageClassName ?? '') === '' ? [required('storageClassName')] : []
  return [...name, ...validateLabelSelector(capacity.nodeTopology, 'nodeTopology')]
}

/** The resource `csistoragecapacities`. */
export const csiStorageCapacities = defineKind<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  resource: 'csistoragecapacities',
  namespaced: true,
  definition: 'io.k8s.api.storage.v1.CSIStorageCapacity',
  updatesUnconditionally: false,
  validate,
  columns: [
    nameColumn(),
    column('StorageClassName', 'For which class.', ({ storageClassName }) => storageClassName ?? ''),
    column('Capacity', 'How much.', ({ capacity }) => String(capacity ?? '<unset>')),
  ],
})

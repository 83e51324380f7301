/** CSIDriver (storage.k8s.io/v1): what a storage driver can do. Source: pkg/apis/storage/v1/defaults.go. */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, unset } from '../meta/columns.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { CSIDriver, CSIDriverSpec } from '../types.ts'

const defaults: CSIDriverSpec = {
  attachRequired: true,
  podInfoOnMount: false,
  storageCapacity: false,
  fsGroupPolicy: 'ReadWriteOnceWithFSType',
  volumeLifecycleModes: ['Persistent'],
  requiresRepublish: false,
  seLinuxMount: false,
}

const columns: readonly Column<CSIDriver>[] = [
  nameColumn(),
  column(
    'AttachRequired',
    'Whether volumes are attached first.',
    ({ spec }) => spec?.attachRequired ?? true,
    { type: 'boolean' },
  ),
  column('PodInfoOnMount', 'Whether it wants to know the pod.', ({ spec }) => spec?.podInfoOnMount ?? false, {
    type: 'boolean',
  }),
  column('StorageCapacity', 'Whether it reports capacity.', ({ spec }) => spec?.storageCapacity ?? false, {
    type: 'boolean',
  }),
  column(
    'TokenRequests',
    'Audiences of the tokens that it gets.',
    ({ spec }) => (spec?.tokenRequests ?? []).map(({ audience }) => audience).join(',') || unset,
  ),
  column(
    'RequiresRepublish',
    'Whether it is called again and again.',
    ({ spec }) => spec?.requiresRepublish ?? false,
    { type: 'boolean' },
  ),
  column(
    'Modes',
    'Life spans of its volumes.',
    ({ spec }) => (spec?.volumeLifecycleModes ?? []).join(',') || '<none>',
  ),
  ageColumn(),
]

/** The resource `csidrivers`. */
export const csiDrivers = defineKind<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  resource: 'csidrivers',
  namespaced: false,
  definition: 'io.k8s.api.storage.v1.CSIDriver',
  hasGeneration: true,
  updatesUnconditionally: false,
  setDefaults: (driver) => withFields(driver, { spec: withDefaults(driver.spec ?? {}, defaults) }),
  columns,
})

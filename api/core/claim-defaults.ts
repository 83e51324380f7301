/** Defaults of PersistentVolumeClaims, standing alone or in a StatefulSet. */
import { withDefaults, withFields } from '../meta/json.ts'
import type { PersistentVolumeClaim } from '../types.ts'

/** Defaults of a claim's spec. Idempotent. */
export function setClaimDefaults(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  const spec = withDefaults(claim.spec ?? {}, { volumeMode: 'Filesystem' })
  // dataSource and dataSourceRef mirror one another where the reference stays in the namespace.
  const mirrored = withDefaults(spec, {
    dataSourceRef: spec.dataSource,
    ...(spec.dataSourceRef !== undefined && spec.dataSourceRef.namespace === undefined
      ? { dataSource: spec.dataSourceRef }
      : {}),
  })
  return withFields(claim, { spec: mirrored })
}

/**
 * Defaults of volumes.
 *
 * Source: kubernetes pkg/apis/core/v1/defaults.go, zz_generated.defaults.go.
 */
import { mapList, withDefaults, withFields } from '../meta/json.ts'
import type { DownwardAPIVolumeFile, ProjectedVolumeSource, Volume, VolumeProjection } from '../types.ts'

const readableByAll = 0o644
const tokenLifetimeSeconds = 3600

function setDownwardFileDefaults(file: DownwardAPIVolumeFile): DownwardAPIVolumeFile {
  if (file.fieldRef === undefined) return file
  return withFields(file, { fieldRef: withDefaults(file.fieldRef, { apiVersion: 'v1' }) })
}

function setProjectionDefaults(projection: VolumeProjection): VolumeProjection {
  const { serviceAccountToken, downwardAPI } = projection
  return withFields(projection, {
    serviceAccountToken:
      serviceAccountToken && withDefaults(serviceAccountToken, { expirationSeconds: tokenLifetimeSeconds }),
    downwardAPI:
      downwardAPI && withFields(downwardAPI, { items: mapList(downwardAPI.items, setDownwardFileDefaults) }),
  })
}

function setProjectedDefaults(projected: ProjectedVolumeSource): ProjectedVolumeSource {
  const base = withDefaults(projected, { defaultMode: readableByAll })
  return withFields(base, { sources: mapList(base.sources, setProjectionDefaults) })
}

/** True when the volume says where its content comes from. */
function hasSource(volume: Volume): boolean {
  return Object.entries(volume).some(([field, value]) => field !== 'name' && value !== undefined)
}

/** Defaults of one volume; without a source it is an emptyDir. */
export function setVolumeDefaults(volume: Volume): Volume {
  if (!hasSource(volume)) return { ...volume, emptyDir: {} }
  const { configMap, secret, downwardAPI, projected, hostPath, iscsi, rbd, azureDisk, scaleIO, image } =
    volume
  const template = volume.ephemeral?.volumeClaimTemplate
  return withFields(volume, {
    configMap: configMap && withDefaults(configMap, { defaultMode: readableByAll }),
    secret: secret && withDefaults(secret, { defaultMode: readableByAll }),
    downwardAPI:
      downwardAPI &&
      withFields(withDefaults(downwardAPI, { defaultMode: readableByAll }), {
        items: mapList(downwardAPI.items, setDownwardFileDefaults),
      }),
    projected: projected && setProjectedDefaults(projected),
    hostPath: hostPath && withDefaults(hostPath, { type: '' }),
    iscsi: iscsi && withDefaults(iscsi, { iscsiInterface: 'default' }),
    rbd: rbd && withDefaults(rbd, { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' }),
    azureDisk:
      azureDisk &&
      withDefaults(azureDisk, { cachingMode: 'ReadWrite', fsType: 'ext4', readOnly: false, kind: 'Shared' }),
    scaleIO: scaleIO && withDefaults(scaleIO, { storageMode: 'ThinProvisioned', fsType: 'xfs' }),
    image:
      image &&
      withDefaults(image, {
        pullPolicy: /(:latest)$|^[^:@]+$/.test(image.reference ?? '') ? 'Always' : 'IfNotPresent',
      }),
    ephemeral:
      volume.ephemeral &&
      template &&
      withFields(volume.ephemeral, {
        volumeClaimTemplate: withFields(template, {
          spec: template.spec && withDefaults(template.spec, { volumeMode: 'Filesystem' }),
        }),
      }),
  })
}

/** VolumeAttachment (storage.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { VolumeAttachment } from '../types.ts'

/** The resource `volumeattachments`. */
export const volumeAttachments = defineKind<VolumeAttachment>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  resource: 'volumeattachments',
  namespaced: false,
  definition: 'io.k8s.api.storage.v1.VolumeAttachment',
  hasStatus: true,
  hasGeneration: true,
  columns: nameAndAge(),
})

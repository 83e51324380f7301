/** VolumeAttachment (storage.k8s.io/v1): the wish that a volume be attached to a node. */
import type { Column } from '../kind.ts'
import { immutableProblems } from '../apps/workload-validation.ts'
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { required } from '../meta/field-error.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { VolumeAttachment } from '../types.ts'

function validate({ spec }: VolumeAttachment): readonly FieldError[] {
  const problems: FieldError[] = []
  if ((spec?.attacher ?? '') === '') problems.push(required('spec.attacher'))
  if ((spec?.nodeName ?? '') === '') problems.push(required('spec.nodeName'))
  if (spec?.source?.persistentVolumeName === undefined && spec?.source?.inlineVolumeSpec === undefined) {
    problems.push(
      required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'),
    )
  }
  return problems
}

const columns: readonly Column<VolumeAttachment>[] = [
  nameColumn(),
  column('Attacher', 'Driver that attaches it.', ({ spec }) => spec?.attacher ?? ''),
  column('PV', 'The volume.', ({ spec }) => spec?.source?.persistentVolumeName ?? ''),
  column('Node', 'The node.', ({ spec }) => spec?.nodeName ?? ''),
  column('Attached', 'Whether it is.', ({ status }) => status?.attached ?? false, { type: 'boolean' }),
  ageColumn(),
]

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
  updatesUnconditionally: false,
  validate,
  validateUpdate: (next, previous) => immutableProblems(next.spec, previous.spec, 'spec'),
  columns,
})

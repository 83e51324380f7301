/** ComponentStatus (v1): health of the control plane's parts; deprecated, read-only. */
import type { Column } from '../kind.ts'
import { column, nameColumn } from '../meta/columns.ts'
import { findCondition } from '../meta/conditions.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ComponentStatus } from '../types.ts'

function statusText({ conditions }: ComponentStatus): string {
  const status = findCondition(conditions, 'Healthy')?.status
  return status === 'True' ? 'Healthy' : status === 'False' ? 'Unhealthy' : 'Unknown'
}

const columns: readonly Column<ComponentStatus>[] = [
  nameColumn(),
  column('Status', 'Healthy, Unhealthy or Unknown.', statusText),
  column(
    'Message',
    'What the component says.',
    ({ conditions }) => findCondition(conditions, 'Healthy')?.message ?? '',
  ),
  column('Error', 'What went wrong.', ({ conditions }) => findCondition(conditions, 'Healthy')?.error ?? ''),
]

/** The resource `componentstatuses`. */
export const componentStatuses = defineKind<ComponentStatus>({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  resource: 'componentstatuses',
  namespaced: false,
  definition: 'io.k8s.api.core.v1.ComponentStatus',
  shortNames: ['cs'],
  verbs: ['get', 'list'],
  columns,
})

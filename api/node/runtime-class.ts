/** RuntimeClass (node.k8s.io/v1): which runtime runs a pod. Source: pkg/apis/node/validation. */
import { immutableProblems } from '../apps/workload-validation.ts'
import { ageColumn, column, nameColumn } from '../meta/columns.ts'
import { invalidValue } from '../meta/field-error.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { dns1123LabelProblems } from '../meta/names.ts'
import type { RuntimeClass } from '../types.ts'

/** The resource `runtimeclasses`. */
export const runtimeClasses = defineKind<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  resource: 'runtimeclasses',
  namespaced: false,
  definition: 'io.k8s.api.node.v1.RuntimeClass',
  updatesUnconditionally: false,
  validate: ({ handler }) =>
    dns1123LabelProblems(handler ?? '').map((text) => invalidValue('handler', handler ?? '', text)),
  validateUpdate: (next, previous) => immutableProblems(next.handler, previous.handler, 'handler'),
  columns: [
    nameColumn(),
    column('Handler', 'Name of the runtime.', ({ handler }) => handler ?? ''),
    ageColumn(),
  ],
})

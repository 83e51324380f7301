/**
 * ControllerRevision (apps/v1): one remembered state of a DaemonSet or StatefulSet.
 *
 * Source: kubernetes pkg/apis/apps/validation/validation.go (ValidateControllerRevision).
 */
import type { FieldError } from '../meta/field-error.ts'
import { required } from '../meta/field-error.ts'
import { ageColumn, column, nameColumn, none } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { controllerOf, parseApiVersion } from '../meta/owner.ts'
import type { ControllerRevision } from '../types.ts'
import { countProblems, immutableProblems } from './workload-validation.ts'

function validate(revision: ControllerRevision): readonly FieldError[] {
  const missing = revision.data === undefined ? [required('data', 'data is mandatory')] : []
  return [...missing, ...countProblems(revision.revision, 'revision')]
}

function controllerText(revision: ControllerRevision): string {
  if (revision.metadata === undefined) return none
  const owner = controllerOf(revision)
  if (owner === undefined) return none
  const { group } = parseApiVersion(owner.apiVersion ?? '')
  return `${(owner.kind ?? '').toLowerCase()}${group === '' ? '' : `.${group}`}/${owner.name ?? ''}`
}

/** The resource `controllerrevisions`. */
export const controllerRevisions = defineKind<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  resource: 'controllerrevisions',
  namespaced: true,
  definition: 'io.k8s.api.apps.v1.ControllerRevision',
  validate,
  validateUpdate: (next, previous) => immutableProblems(next.data, previous.data, 'data'),
  columns: [
    nameColumn(),
    column('Controller', 'Controller of the object', controllerText),
    column('Revision', 'Which state in the order of all of them.', ({ revision }) => revision ?? 0, {
      type: 'integer',
    }),
    ageColumn(),
  ],
})

/** ControllerRevision (apps/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ControllerRevision } from '../types.ts'

/** The resource `controllerrevisions`. */
export const controllerRevisions = defineKind<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  resource: 'controllerrevisions',
  namespaced: true,
  definition: 'io.k8s.api.apps.v1.ControllerRevision',
  columns: nameAndAge(),
})

/** Event (v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Event } from '../types.ts'

/** The resource `events`. */
export const events = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  resource: 'events',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.Event',
  shortNames: ['ev'],
  columns: nameAndAge(),
})

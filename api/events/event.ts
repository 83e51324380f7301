/** Event (events.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { EventsV1Event } from '../types.ts'

/** The resource `events`. */
export const eventsV1Events = defineKind<EventsV1Event>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  resource: 'events',
  namespaced: true,
  definition: 'io.k8s.api.events.v1.Event',
  shortNames: ['ev'],
  columns: nameAndAge(),
})

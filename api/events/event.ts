/**
 * Event (events.k8s.io/v1): the newer shape of core's Event, in the same storage.
 *
 * Source: kubernetes pkg/apis/core/validation/events.go.
 */
import type { Column } from '../kind.ts'
import { eventTtlSeconds, referenceText, sourceText } from '../core/event.ts'
import { column } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, notSupported, required } from '../meta/field-error.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { age } from '../meta/time.ts'
import type { EventsV1Event } from '../types.ts'

const types = ['Normal', 'Warning']
const noteMaxBytes = 1024

function validate(event: EventsV1Event): readonly FieldError[] {
  const problems: FieldError[] = []
  if ((event.eventTime ?? '') === '') problems.push(required('eventTime'))
  for (const field of ['reportingController', 'reportingInstance', 'action', 'reason'] as const) {
    if ((event[field] ?? '') === '') problems.push(required(field))
  }
  if (!types.includes(event.type ?? '')) problems.push(notSupported('type', event.type ?? '', types))
  if (new TextEncoder().encode(event.note ?? '').length > noteMaxBytes) {
    problems.push(invalidValue('message', '', `can have at most ${noteMaxBytes} characters`))
  }
  return problems
}

function lastSeen(event: EventsV1Event, nowMs: number): string {
  return age(event.series?.lastObservedTime ?? event.deprecatedLastTimestamp ?? event.eventTime, nowMs)
}

const wide = { wide: true }

const columns: readonly Column<EventsV1Event>[] = [
  column('Last Seen', 'Time since this was last seen.', lastSeen),
  column('Type', 'Normal or Warning.', ({ type }) => type ?? ''),
  column('Reason', 'Why, in one word.', ({ reason }) => reason ?? ''),
  column('Object', 'What the event is about.', ({ regarding }) => referenceText(regarding)),
  column('Subobject', 'Which part of it.', ({ regarding }) => regarding?.fieldPath ?? '', wide),
  column(
    'Source',
    'Who reports it.',
    (event) => sourceText(event.deprecatedSource) || (event.reportingController ?? ''),
    wide,
  ),
  column('Message', 'What happened.', ({ note }) => (note ?? '').trim()),
  column(
    'First Seen',
    'Time since this was first seen.',
    (event, nowMs) => age(event.deprecatedFirstTimestamp ?? event.eventTime, nowMs),
    wide,
  ),
  column(
    'Count',
    'How often it happened.',
    (event) => event.series?.count ?? event.deprecatedCount ?? 1,
    wide,
  ),
  column('Name', 'Name of the event.', ({ metadata }) => metadata?.name ?? '', {
    wide: true,
    format: 'name',
  }),
]

/** The resource `events` of events.k8s.io. */
export const eventsV1Events = defineKind<EventsV1Event>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  resource: 'events',
  namespaced: true,
  definition: 'io.k8s.api.events.v1.Event',
  shortNames: ['ev'],
  ttlSeconds: eventTtlSeconds,
  validate,
  columns,
  selectableFields: {
    'regarding.kind': ({ regarding }) => regarding?.kind ?? '',
    'regarding.namespace': ({ regarding }) => regarding?.namespace ?? '',
    'regarding.name': ({ regarding }) => regarding?.name ?? '',
    'regarding.uid': ({ regarding }) => regarding?.uid ?? '',
    'regarding.apiVersion': ({ regarding }) => regarding?.apiVersion ?? '',
    'regarding.resourceVersion': ({ regarding }) => regarding?.resourceVersion ?? '',
    'regarding.fieldPath': ({ regarding }) => regarding?.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingController: ({ reportingController }) => reportingController ?? '',
    type: ({ type }) => type ?? '',
  },
})

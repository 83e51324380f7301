/**
 * Event (v1): what happened to an object. Vanishes after an hour; shares storage with events.k8s.io.
 *
 * Source: kubernetes pkg/apis/core/validation/events.go, printers.go (printEvent).
 */
import type { Column } from '../kind.ts'
import { column } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue } from '../meta/field-error.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { age } from '../meta/time.ts'
import type { Event, EventSource, ObjectReference } from '../types.ts'

/** How long an event is kept after its last write. */
export const eventTtlSeconds = 3600

function validate(event: Event): readonly FieldError[] {
  const involved = event.involvedObject?.namespace ?? ''
  const namespace = event.metadata.namespace ?? ''
  const isMatch = involved === namespace || (involved === '' && namespace === 'default')
  return isMatch ? [] : [invalidValue('involvedObject.namespace', involved, 'does not match event.namespace')]
}

/** `pod/web-1`, as tables show what an event is about. */
export function referenceText(reference: ObjectReference | undefined): string {
  const kind = (reference?.kind ?? '').toLowerCase()
  return reference?.name === undefined ? kind : `${kind}/${reference.name}`
}

/** `kubelet, n1` */
export function sourceText(source: EventSource | undefined): string {
  return [source?.component ?? '', source?.host ?? ''].filter((part) => part !== '').join(', ')
}

function lastSeen(event: Event, nowMs: number): string {
  return age(event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime, nowMs)
}

const wide = { wide: true }

const columns: readonly Column<Event>[] = [
  column('Last Seen', 'Time since this was last seen.', lastSeen),
  column('Type', 'Normal or Warning.', ({ type }) => type ?? ''),
  column('Reason', 'Why, in one word.', ({ reason }) => reason ?? ''),
  column('Object', 'What the event is about.', ({ involvedObject }) => referenceText(involvedObject)),
  column('Subobject', 'Which part of it.', ({ involvedObject }) => involvedObject?.fieldPath ?? '', wide),
  column(
    'Source',
    'Who reports it.',
    (event) => sourceText(event.source) || (event.reportingComponent ?? ''),
    wide,
  ),
  column('Message', 'What happened.', ({ message }) => (message ?? '').trim()),
  column(
    'First Seen',
    'Time since this was first seen.',
    (event, nowMs) => age(event.firstTimestamp ?? event.eventTime, nowMs),
    wide,
  ),
  column('Count', 'How often it happened.', (event) => event.series?.count ?? event.count ?? 1, {
    wide: true,
    type: 'string',
  }),
  column('Name', 'Name of the event.', ({ metadata }) => metadata?.name ?? '', {
    wide: true,
    format: 'name',
  }),
]

/** The resource `events` of the core group. */
export const events = defineKind<Event>({
  group: '',
  version: 'v1',
  kind: 'Event',
  resource: 'events',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.Event',
  createsOnUpdate: true,
  shortNames: ['ev'],
  ttlSeconds: eventTtlSeconds,
  validate,
  columns,
  selectableFields: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject?.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject?.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject?.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject?.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject?.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source: ({ source, reportingComponent }) => source?.component ?? reportingComponent ?? '',
    type: ({ type }) => type ?? '',
  },
})

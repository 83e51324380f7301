/** core/v1 Event ⇄ events.k8s.io/v1 Event: the same fields under other names. */
import type { KubeObject } from '../../api/kind.ts'
import { asObject } from '../storage/parse.ts'

/** core/v1 → events.k8s.io/v1. */
export function coreToEventsV1(event: KubeObject): KubeObject {
  const {
    involvedObject,
    message,
    source,
    firstTimestamp,
    lastTimestamp,
    count,
    reportingComponent,
    reportingInstance,
    eventTime,
    ...same
  } = event
  return asObject({
    ...same,
    apiVersion: 'events.k8s.io/v1',
    eventTime: eventTime ?? null,
    ...present('regarding', involvedObject),
    ...present('note', message),
    ...present('deprecatedSource', source),
    ...present('deprecatedFirstTimestamp', firstTimestamp),
    ...present('deprecatedLastTimestamp', lastTimestamp),
    ...present('deprecatedCount', count),
    ...present('reportingController', reportingComponent),
    ...present('reportingInstance', reportingInstance),
  })
}

/** events.k8s.io/v1 → core/v1. */
export function eventsV1ToCore(event: KubeObject): KubeObject {
  const {
    regarding,
    note,
    deprecatedSource,
    deprecatedFirstTimestamp,
    deprecatedLastTimestamp,
    deprecatedCount,
    reportingController,
    reportingInstance,
    ...same
  } = event
  return asObject({
    ...same,
    apiVersion: 'v1',
    involvedObject: regarding ?? {},
    ...present('message', note),
    source: deprecatedSource ?? {},
    firstTimestamp: deprecatedFirstTimestamp ?? null,
    lastTimestamp: deprecatedLastTimestamp ?? null,
    ...present('count', deprecatedCount),
    reportingComponent: reportingController ?? '',
    reportingInstance: reportingInstance ?? '',
  })
}

function present(field: string, value: unknown): Readonly<Record<string, unknown>> {
  return value === undefined ? {} : { [field]: value }
}

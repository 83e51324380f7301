/**
 * Versions that share their storage: an Event is stored as core/v1 and served as events.k8s.io/v1 too, a
 * HorizontalPodAutoscaler is stored as v2 and served as v1 too. Everything else is stored as it is served.
 * Source: k8s.io/kubernetes pkg/apis/{events,autoscaling}/v1/conversion.go.
 */
import type { Kind, KubeObject } from '../../api/kind.ts'
import { asObject } from '../storage/parse.ts'
import { apiVersionOf } from '../storage/keys.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import { coreToEventsV1, eventsV1ToCore } from './event-conversion.ts'
import { hpaV1ToV2, hpaV2ToV1 } from './hpa-conversion.ts'

const encoder = new TextEncoder()

type Convert = (object: KubeObject) => KubeObject

/** `from apiVersion/kind to apiVersion` → conversion. */
const conversions: Readonly<Record<string, Convert>> = {
  'v1/Event>events.k8s.io/v1': coreToEventsV1,
  'events.k8s.io/v1/Event>v1': eventsV1ToCore,
  'autoscaling/v2/HorizontalPodAutoscaler>autoscaling/v1': hpaV2ToV1,
  'autoscaling/v1/HorizontalPodAutoscaler>autoscaling/v2': hpaV1ToV2,
}

const storageVersions: Readonly<Record<string, string>> = {
  'events.k8s.io/v1/Event': 'v1',
  'autoscaling/v1/HorizontalPodAutoscaler': 'autoscaling/v2',
}

/** The stored object in the version of `kind`. Shared: not to be changed. */
export function fromStorage(kind: Kind, stored: StoredObject): KubeObject {
  return convert(stored.object(), apiVersionOf(kind))
}

/** JSON bytes of the stored object in the version of `kind`. */
export function jsonFromStorage(kind: Kind, stored: StoredObject): Uint8Array {
  if (stored.apiVersion === apiVersionOf(kind)) return stored.json()
  return encoder.encode(JSON.stringify(fromStorage(kind, stored)))
}

/** The object in the version in which its kind is stored. */
export function toStorage(object: KubeObject): KubeObject {
  const version = storageVersions[`${object.apiVersion}/${object.kind}`]
  return version === undefined ? object : convert(object, version)
}

function convert(object: KubeObject, apiVersion: string): KubeObject {
  if (object.apiVersion === apiVersion) return object
  const conversion = conversions[`${object.apiVersion}/${object.kind}>${apiVersion}`]
  return conversion ? conversion(object) : asObject({ ...object, apiVersion })
}

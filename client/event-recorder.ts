/**
 * Records Events (core/v1) as upstream does: the same event again only counts up; a flood of similar ones is
 * combined; an object that makes too many is muted for a while. Never waits, never fails its caller: what
 * cannot be written in time is dropped, for events are hints, not state.
 *
 * Source: client-go `tools/record/events_cache.go`.
 */
import { events } from '../api/core/event.ts'
import { ApiError, isNotFound } from '../api/meta/status.ts'
import type { Event, ObjectReference } from '../api/types.ts'
import { messageOf } from '../platform/assert.ts'
import { type Clock, formatTime, sleep } from '../platform/clock.ts'
import { BoundedQueue } from '../platform/queue.ts'
import type { Random } from '../platform/random.ts'
import { TaskGroup } from '../platform/tasks.ts'
import type { ApiClient, ApiObject, ClientPowers, ResourceClient } from './api-client.ts'
import { TokenBucket } from './token-bucket.ts'

export interface EventRecorder {
  /** Records an event about `object`. Returns at once. */
  event(object: ApiObject, type: 'Normal' | 'Warning', reason: string, message: string): void
  /** The same for a bare reference (with a fieldPath, say). */
  eventFor(reference: ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string): void
  /** Drops what is queued; resolves when the writer has ended. Idempotent. */
  close(): Promise<void>
}

export interface EventSourceOptions {
  /** `source.component`, as `kubectl describe` shows it: deployment-controller, kubelet… */
  readonly component: string
  /** `source.host`: the node's name. */
  readonly host?: string | undefined
}

/** Events waiting to be written; beyond it new ones are dropped. */
export const eventQueueLengthMax = 1000
const attemptsMax = 6
const retryBaseMs = 500

/** Makes a recorder; its writer runs until `close`. */
export function createEventRecorder(
  powers: Pick<ClientPowers, 'clock' | 'random' | 'log'>,
  client: ApiClient,
  source: EventSourceOptions,
): EventRecorder {
  const queue = new BoundedQueue<Event>(eventQueueLengthMax)
  const correlator = new EventCorrelator(powers.clock)
  const random = powers.random.fork(`events/${source.component}/${source.host ?? ''}`)
  const tasks = new TaskGroup((error) => powers.log.error('event writer ended', { error: messageOf(error) }))
  tasks.run('event writer', async (signal) => {
    signal.addEventListener('abort', () => queue.close(), { once: true })
    for (;;) {
      const event = await queue.next()
      if (event === undefined || signal.aborted) return
      await writeEvent({ powers, client, correlator, signal }, event)
    }
  })
  const eventFor: EventRecorder['eventFor'] = (reference, type, reason, message) => {
    const now = formatTime(powers.clock.wallMs())
    const event = newEvent({
      reference,
      type,
      reason,
      message,
      source,
      now,
      name: eventName(reference, random),
    })
    if (!queue.push(event)) powers.log.debug('event dropped', { reason, message })
  }
  return {
    event: (object, type, reason, message) => eventFor(referenceTo(object), type, reason, message),
    eventFor,
    close: () => tasks.close(),
  }
}

/** A reference to `object`, as an Event's involvedObject. */
export function referenceTo(object: ApiObject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata
  return { apiVersion: object.apiVersion, kind: object.kind, namespace, name, uid, resourceVersion }
}

function eventName(reference: ObjectReference, random: Random): string {
  const suffix = Array.from(random.bytes(8), (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${(reference.name ?? 'object').slice(0, 230)}.${suffix}`
}

function newEvent(options: {
  reference: ObjectReference
  type: string
  reason: string
  message: string
  source: EventSourceOptions
  now: string
  name: string
}): Event {
  const { reference, type, reason, message, source, now, name } = options
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: reference.namespace || 'default' },
    involvedObject: reference,
    reason,
    message: message.slice(0, 1024),
    source: { component: source.component, ...(source.host === undefined ? {} : { host: source.host }) },
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
    type,
    reportingComponent: source.component,
    reportingInstance: source.host ?? '',
  }
}

async function writeEvent(
  context: {
    powers: Pick<ClientPowers, 'clock' | 'log'>
    client: ApiClient
    correlator: EventCorrelator
    signal: AbortSignal
  },
  event: Event,
): Promise<void> {
  const { powers, client, correlator, signal } = context
  const decision = correlator.correlate(event)
  if (decision === undefined) return
  const resource = client.resource(events, event.metadata.namespace)
  for (let attempt = 1; attempt <= attemptsMax && !signal.aborted; attempt += 1) {
    try {
      const written = await writeDecision(resource, decision, signal)
      correlator.written(decision.key, written)
      return
    } catch (error) {
      if (error instanceof ApiError && error.code >= 400 && error.code < 500 && error.code !== 429) {
        powers.log.debug('event refused', { reason: event.reason, error: messageOf(error) })
        return
      }
      await sleep(powers.clock, retryBaseMs * 2 ** attempt, signal).catch(() => {})
    }
  }
}

async function writeDecision(
  resource: Pick<ResourceClient<Event>, 'create' | 'patch'>,
  decision: EventDecision,
  signal: AbortSignal,
): Promise<Event> {
  const { event, repeats } = decision
  if (repeats === undefined) return resource.create(event, { signal })
  const { count, lastTimestamp, message } = event
  try {
    const patch = { count, lastTimestamp, message }
    return await resource.patch(repeats, patch, { type: 'strategic', signal })
  } catch (error) {
    if (!isNotFound(error)) throw error
    return resource.create(event, { signal })
  }
}

/** What to write: a new event, or a higher count of the one named `repeats`. */
export interface EventDecision {
  readonly key: string
  readonly event: Event
  readonly repeats?: string | undefined
}

interface SimilarEvents {
  messages: Set<string>
  lastMs: number
}

const similarMessagesMax = 10
const similarWindowMs = 600_000
const cacheEntriesMax = 4096
const spamLimit = { perSecond: 1 / 300, burst: 25 } as const

/** Decides for each event whether it is new, a repetition, one of many similar ones, or spam. */
export class EventCorrelator {
  readonly #clock: Clock
  readonly #buckets = new Map<string, TokenBucket>()
  readonly #similar = new Map<string, SimilarEvents>()
  readonly #last = new Map<string, Event>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Undefined: drop it. */
  correlate(event: Event): EventDecision | undefined {
    const combined = this.#combine(event)
    if (!this.#mayPass(event)) return undefined
    const key = eventKey(combined, combined.message ?? '')
    const last = this.#last.get(key)
    if (!last) return { key, event: combined }
    const repeated = {
      ...combined,
      metadata: last.metadata,
      firstTimestamp: last.firstTimestamp,
      count: (last.count ?? 1) + 1,
    }
    const metadata = { name: combined.metadata.name, namespace: combined.metadata.namespace }
    return { key, event: { ...repeated, metadata }, repeats: last.metadata.name }
  }

  /** Remembers what the server has, to count up from. */
  written(key: string, event: Event): void {
    bounded(this.#last, key, event)
  }

  #mayPass(event: Event): boolean {
    const key = sourceKey(event)
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#clock, spamLimit)
    bounded(this.#buckets, key, bucket)
    return bucket.tryTake()
  }

  /** Beyond ten different messages of one reason in ten minutes, one event stands for all. */
  #combine(event: Event): Event {
    const key = eventKey(event, '')
    const nowMs = this.#clock.monotonicMs()
    const known = this.#similar.get(key)
    const similar =
      known && nowMs - known.lastMs <= similarWindowMs
        ? known
        : { messages: new Set<string>(), lastMs: nowMs }
    similar.lastMs = nowMs
    if (similar.messages.size < similarMessagesMax) similar.messages.add(event.message ?? '')
    bounded(this.#similar, key, similar)
    if (similar.messages.size < similarMessagesMax || similar.messages.has(event.message ?? '')) return event
    return { ...event, message: `(combined from similar events): ${event.message}` }
  }
}

function sourceKey(event: Event): string {
  const { kind, namespace, name, uid, apiVersion } = event.involvedObject
  const { component, host } = event.source ?? {}
  return [component, host, kind, namespace, name, uid, apiVersion].join('|')
}

function eventKey(event: Event, message: string): string {
  return [sourceKey(event), event.involvedObject.fieldPath, event.type, event.reason, message].join('|')
}

/** Sets and forgets the oldest beyond `cacheEntriesMax`. */
function bounded<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= cacheEntriesMax) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}

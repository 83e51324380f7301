/**
 * The few requests that a scheduler makes. An interface, so that tests and the binding cycle's many ways
 * to fail need no server; `createSchedulerApi` is its body over the client.
 */
import { pods } from '../api/core/pod.ts'
import type { Pod, PodCondition } from '../api/types.ts'
import type { ApiClient } from '../client/index.ts'
import type { PodInfo } from './cache/pod-info.ts'

/** A change of a pod's status; `nominatedNodeName` '' clears it, undefined leaves it. */
export interface StatusChange {
  readonly condition?: PodCondition | undefined
  readonly nominatedNodeName?: string | undefined
}

export interface EventText {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

/** Every call throws ApiError or NetworkError, or the signal's reason. */
export interface SchedulerApi {
  /** Binds exactly this pod (by uid). @throws Conflict when it has a node already, NotFound when it is gone */
  bind(pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<void>
  /** The pod as the server has it now. */
  get(pod: PodInfo, signal: AbortSignal): Promise<Pod>
  patchStatus(pod: PodInfo, change: StatusChange, signal: AbortSignal): Promise<void>
  /** Deletes exactly this pod (by uid), with its own grace period. */
  remove(pod: PodInfo, signal: AbortSignal): Promise<void>
  /** Writes an event about the pod, some time. */
  event(pod: PodInfo, event: EventText): void
}

/** How long one request may take before the scheduler looks what became of it. */
export const requestTimeoutMs = 10_000

export function createSchedulerApi(
  client: ApiClient,
  recordEvent: (pod: Pod, event: EventText) => void,
): SchedulerApi {
  return {
    async bind(pod, nodeName, signal) {
      const binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: pod.name, namespace: pod.namespace, uid: pod.uid },
        target: { kind: 'Node', name: nodeName },
      }
      const options = { signal, timeoutMs: requestTimeoutMs }
      await client.resource(pods, pod.namespace).createSubresource(pod.name, 'binding', binding, options)
    },
    get: (pod, signal) =>
      client.resource(pods, pod.namespace).get(pod.name, { signal, timeoutMs: requestTimeoutMs }),
    async patchStatus(pod, change, signal) {
      const status: Record<string, unknown> = {}
      if (change.condition) status.conditions = [change.condition]
      // In a merge, null removes the field.
      if (change.nominatedNodeName !== undefined) status.nominatedNodeName = change.nominatedNodeName || null
      const patch = { metadata: { uid: pod.uid }, status }
      await client.resource(pods, pod.namespace).patch(pod.name, patch, {
        type: 'strategic',
        subresource: 'status',
        signal,
        timeoutMs: requestTimeoutMs,
      })
    },
    async remove(pod, signal) {
      const options = { preconditions: { uid: pod.uid }, signal, timeoutMs: requestTimeoutMs }
      await client.resource(pods, pod.namespace).delete(pod.name, options)
    },
    event: (pod, event) => recordEvent(pod.pod, event),
  }
}

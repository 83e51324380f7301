/** A pod on its way through the queue. Owned and changed by the queue alone. */
import type { PodInfo } from '../cache/pod-info.ts'

export interface QueuedPod {
  /** Replaced when the pod changes. */
  info: PodInfo
  /** Monotonic milliseconds: when it last entered the queue. */
  queuedAtMs: number
  /** When it was first seen: for latency metrics. */
  readonly firstSeenMs: number
  /** Order of arrival in the whole queue, which breaks ties. */
  sequence: number
  /** How often it was taken out to be scheduled. */
  attempts: number
  /** Rejections since it was first seen: what the back-off grows by. */
  rejections: number
  /** Errors in a row; any rejection ends the row. */
  errors: number
  /** Plugins whose hints can bring it back; empty after an error. */
  rejectedBy: ReadonlySet<string>
  /** Those of them that waited for something outside. */
  pendingOn: ReadonlySet<string>
  /** Held back by a preEnqueue plugin. */
  isGated: boolean
  /** In back-off until then. */
  backoffUntilMs: number
}

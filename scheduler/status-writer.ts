/**
 * Writes what became of pods into their status, in the background. Per pod one request at a time, so that an
 * older verdict never overwrites a newer one; a verdict that is overtaken before it was sent is dropped. A
 * write that fails is not repeated: the pod's next attempt writes again.
 */
import { isNotFound } from '../api/meta/status.ts'
import { messageOf } from '../platform/assert.ts'
import type { Log } from '../platform/log.ts'
import type { TaskGroup } from '../platform/tasks.ts'
import type { PodInfo } from './cache/pod-info.ts'
import type { SchedulerApi, StatusChange } from './scheduler-api.ts'

export class StatusWriter {
  readonly #api: SchedulerApi
  readonly #tasks: TaskGroup
  readonly #log: Log
  /** By uid: what to send when the request under way has ended. */
  readonly #next = new Map<string, StatusChange | undefined>()

  constructor(options: { api: SchedulerApi; tasks: TaskGroup; log: Log }) {
    this.#api = options.api
    this.#tasks = options.tasks
    this.#log = options.log
  }

  write(pod: PodInfo, change: StatusChange): void {
    if (this.#next.has(pod.uid)) {
      this.#next.set(pod.uid, { ...this.#next.get(pod.uid), ...change })
      return
    }
    this.#next.set(pod.uid, change)
    this.#tasks.run(`status of ${pod.key}`, (signal) => this.#send(pod, signal))
  }

  async #send(pod: PodInfo, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        const change = this.#next.get(pod.uid)
        if (change === undefined) return
        this.#next.set(pod.uid, undefined)
        await this.#api.patchStatus(pod, change, signal)
      }
    } catch (error) {
      signal.throwIfAborted()
      if (!isNotFound(error)) {
        this.#log.warn(`could not write the status of pod ${pod.key}`, { error: messageOf(error) })
      }
    } finally {
      this.#next.delete(pod.uid)
    }
  }
}

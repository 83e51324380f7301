/**
 * Writes pod statuses to the API and finishes deletions.
 *
 * One write per pod is under way at a time, always of the newest status; what was already told is not told
 * again. Written with the resourceVersion that was last seen, so nothing newer is overwritten; conditions
 * of other writers are kept. While no apiserver answers it goes on trying.
 */
import { pods } from '../api/core/pod.ts'
import { deepEqual } from '../api/meta/json.ts'
import { ApiError, isConflict, isNotFound } from '../api/meta/status.ts'
import type { Pod, PodStatus } from '../api/types.ts'
import type { ApiClient } from '../client/index.ts'
import { messageOf } from '../platform/assert.ts'
import { type Clock, sleep } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import { TaskGroup } from '../platform/tasks.ts'
import { ownConditions } from './pod-status.ts'

interface Entry {
  /** The newest object seen, by the informer or as the answer to a write. */
  pod: Pod
  status: PodStatus
  isFinished: boolean
  written: PodStatus | undefined
  isDeleted: boolean
  isWriting: boolean
}

const retryMinMs = 200
const retryMaxMs = 5000
const conflictsMax = 5

export class StatusManager {
  readonly #client: ApiClient
  readonly #clock: Clock
  readonly #log: Log
  readonly #tasks: TaskGroup
  readonly #entries = new Map<string, Entry>()

  /** Writes nothing before `set`. */
  constructor(options: { readonly client: ApiClient; readonly clock: Clock; readonly log: Log }) {
    this.#client = options.client
    this.#clock = options.clock
    this.#log = options.log
    this.#tasks = new TaskGroup((error, name) =>
      options.log.error('status writer failed', { name, error: messageOf(error) }),
    )
  }

  /** The pod's status is now this. `isFinished`: nothing runs, so a deleted pod may go. */
  set(pod: Pod, status: PodStatus, isFinished: boolean): void {
    const uid = pod.metadata.uid ?? ''
    const entry = this.#entries.get(uid)
    if (entry === undefined) {
      this.#entries.set(uid, {
        pod,
        status,
        isFinished,
        written: undefined,
        isDeleted: false,
        isWriting: false,
      })
    } else {
      if (pod.metadata.resourceVersion !== entry.pod.metadata.resourceVersion && isNewer(pod, entry.pod))
        entry.pod = pod
      entry.status = status
      entry.isFinished = isFinished
    }
    this.#wake(uid)
  }

  /** The pod is gone from the API. */
  forget(uid: string): void {
    this.#entries.delete(uid)
  }

  async close(): Promise<void> {
    await this.#tasks.close()
  }

  #wake(uid: string): void {
    const entry = this.#entries.get(uid)
    if (entry === undefined || entry.isWriting || !needsWork(entry)) return
    entry.isWriting = true
    this.#tasks.run('write pod status', async (signal) => {
      try {
        await this.#work(uid, entry, signal)
      } finally {
        entry.isWriting = false
      }
    })
  }

  async #work(uid: string, entry: Entry, signal: AbortSignal): Promise<void> {
    let retryMs = retryMinMs
    while (this.#entries.get(uid) === entry && needsWork(entry)) {
      try {
        if (entry.written === undefined || !deepEqual(entry.written, entry.status))
          await this.#write(entry, signal)
        else await this.#delete(entry, signal)
        retryMs = retryMinMs
      } catch (error) {
        if (signal.aborted) return
        if (isNotFound(error)) return
        this.#log.debug('a pod status could not be written; it is tried again', {
          pod: entry.pod.metadata.name,
          error: messageOf(error),
        })
        const isHopeless = error instanceof ApiError && (error.code === 422 || error.code === 403)
        if (isHopeless)
          this.#log.error('the API refuses a pod status', {
            pod: entry.pod.metadata.name,
            error: messageOf(error),
          })
        await sleep(this.#clock, isHopeless ? retryMaxMs * 6 : retryMs, signal)
        retryMs = Math.min(retryMs * 2, retryMaxMs)
      }
    }
  }

  async #write(entry: Entry, signal: AbortSignal): Promise<void> {
    const status = entry.status
    const client = this.#client.resource(pods, entry.pod.metadata.namespace)
    for (let tries = 0; tries < conflictsMax; tries += 1) {
      try {
        entry.pod = await client.updateStatus(withStatus(entry.pod, status), { signal })
        entry.written = status
        return
      } catch (error) {
        if (!isConflict(error)) throw error
        const uid = entry.pod.metadata.uid
        const current = await client.get(entry.pod.metadata.name ?? '', { signal })
        // Another pod of the same name: ours is gone, and this status is nobody's.
        if (current.metadata.uid !== uid) {
          entry.written = status
          entry.isDeleted = true
          return
        }
        entry.pod = current
      }
    }
    throw new Error(`the status of pod ${entry.pod.metadata.name} met ${conflictsMax} conflicts in a row`)
  }

  async #delete(entry: Entry, signal: AbortSignal): Promise<void> {
    const { name = '', namespace, uid } = entry.pod.metadata
    await this.#client
      .resource(pods, namespace)
      .delete(name, { gracePeriodSeconds: 0, preconditions: { uid }, signal })
    entry.isDeleted = true
  }
}

function needsWork(entry: Entry): boolean {
  if (entry.written === undefined || !deepEqual(entry.written, entry.status)) return !entry.isDeleted
  return entry.isFinished && entry.pod.metadata.deletionTimestamp !== undefined && !entry.isDeleted
}

function isNewer(a: Pod, b: Pod): boolean {
  const version = (pod: Pod) => Number(pod.metadata.resourceVersion ?? 0)
  return version(a) > version(b)
}

/** The object with our status, and the conditions that others wrote. */
export function withStatus(pod: Pod, status: PodStatus): Pod {
  const own: readonly string[] = ownConditions
  const others = (pod.status?.conditions ?? []).filter((condition) => !own.includes(condition.type))
  return { ...pod, status: { ...status, conditions: [...(status.conditions ?? []), ...others] } }
}

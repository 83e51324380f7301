/**
 * Deletes Jobs `ttlSecondsAfterFinished` after they ended. Source: Kubernetes pkg/controller/ttlafterfinished.
 */
import { jobs } from '../api/batch/job.ts'
import { parseTime } from '../api/meta/time.ts'
import type { Job } from '../api/types.ts'
import { keyOf, splitKey } from '../client/index.ts'
import type { Controller, ControllerContext, ReconcileResult } from './framework/controller.ts'
import { ignoreNotFound } from './framework/errors.ts'

/** When a Job is to go; undefined when it is not to, or has not ended. Pure. */
export function expiryMs(job: Job): number | undefined {
  const seconds = job.spec?.ttlSecondsAfterFinished
  if (seconds === undefined || seconds === null || job.metadata.deletionTimestamp !== undefined)
    return undefined
  const ended = job.status?.conditions?.find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  )
  const endedMs = parseTime(ended?.lastTransitionTime)
  return endedMs === undefined ? undefined : endedMs + seconds * 1000
}

/** The controller. */
export const ttlAfterFinishedController: Controller = {
  name: 'ttl-after-finished-controller',
  start: (context) => {
    const queue = context.reconciler('ttl-after-finished', {
      reconcile: (key, signal) => reconcile(context, key, signal),
    })
    const look = (job: Job) => {
      if (expiryMs(job) !== undefined) queue.add(keyOf(job))
    }
    context.informer(jobs).onChange({ add: look, update: (_, job) => look(job) })
  },
}

async function reconcile(
  context: ControllerContext,
  key: string,
  signal: AbortSignal,
): Promise<ReconcileResult | undefined> {
  const { namespace, name } = splitKey(key)
  const resource = context.client.resource(jobs, namespace)
  const cached = context.informer(jobs).get(namespace, name)
  const cachedExpiryMs = cached && expiryMs(cached)
  if (cachedExpiryMs === undefined) return undefined
  if (cachedExpiryMs > context.nowMs()) return { requeueAfterMs: cachedExpiryMs - context.nowMs() }
  // The TTL may have been changed meanwhile: ask the server before deleting.
  const live = await ignoreNotFound(resource.get(name, { signal }))
  const liveExpiryMs = live && expiryMs(live)
  if (!live || liveExpiryMs === undefined) return undefined
  if (liveExpiryMs > context.nowMs()) return { requeueAfterMs: liveExpiryMs - context.nowMs() }
  const { uid, resourceVersion } = live.metadata
  const preconditions = { uid, resourceVersion }
  await ignoreNotFound(resource.delete(name, { propagationPolicy: 'Foreground', preconditions, signal }))
  return undefined
}

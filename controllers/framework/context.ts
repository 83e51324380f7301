/** Builds the context of one term of leadership, and runs its queues and loops. */
import { ApiError, isAlreadyExists, isConflict, isNotFound } from '../../api/meta/status.ts'
import { createEventRecorder, createInformers, type EventRecorder, WorkQueue } from '../../client/index.ts'
import { messageOf } from '../../platform/assert.ts'
import { formatTime, sleep, type Timer } from '../../platform/clock.ts'
import { NetworkError } from '../../platform/network.ts'
import type { TaskGroup } from '../../platform/tasks.ts'
import type {
  ControllerContext,
  ControllerManagerConfig,
  ControllerPowers,
  Reconciler,
} from './controller.ts'

const workersDefault = 5
/** A failing key is tried again at the latest after this long. */
const retryDelayMsMax = 60_000
const reminderMs = 10_000

export interface RunningContext {
  readonly context: ControllerContext
  /** Starts informers, waits for them, then starts queues and loops. @throws the signal's reason */
  start(): Promise<void>
  /** Resolves when recorders have ended; the tasks are the caller's. */
  close(): Promise<void>
}

/** A context whose background work runs in `tasks`. */
export function createContext(
  powers: ControllerPowers,
  config: ControllerManagerConfig,
  tasks: TaskGroup,
): RunningContext {
  const informers = createInformers(powers, config.client, tasks)
  const recorders = new Map<string, EventRecorder>()
  const starters: (() => void)[] = []
  const context: ControllerContext = {
    powers,
    client: config.client,
    config,
    signal: tasks.signal,
    informer: (resource, scope) => informers.for(resource, scope),
    recorder: (component) => {
      const recorder = recorders.get(component) ?? createEventRecorder(powers, config.client, { component })
      recorders.set(component, recorder)
      return recorder
    },
    reconciler: (name, reconciler) => {
      const { clock, metrics } = powers
      const queue = new WorkQueue({ clock, name, metrics, maxDelayMs: retryDelayMsMax })
      tasks.signal.addEventListener('abort', () => queue.close(), { once: true })
      starters.push(() => startWorkers({ powers, tasks, name, queue, reconciler }))
      return queue
    },
    every: (name, periodMs, task) => {
      starters.push(() =>
        tasks.run(name, async (signal) => {
          while (!signal.aborted) {
            await task(signal).catch((error: unknown) => report(powers, name, '', error))
            await sleep(powers.clock, periodMs, signal).catch(() => {})
          }
        }),
      )
    },
    nowMs: () => powers.clock.wallMs(),
    now: () => formatTime(powers.clock.wallMs()),
  }
  return {
    context,
    start: async () => {
      informers.start()
      const reminder = remind(powers, () => informers.missing())
      try {
        await informers.waitForSync(tasks.signal)
      } finally {
        reminder.cancel()
      }
      for (const start of starters) start()
    },
    close: async () => {
      for (const recorder of recorders.values()) await recorder.close()
    },
  }
}

/** Says every ten seconds which caches are still empty. */
function remind(powers: ControllerPowers, missing: () => readonly string[]): Timer {
  let timer: Timer
  const arm = () => {
    timer = powers.clock.setTimer(reminderMs, () => {
      powers.log.warn('waiting for caches', { missing: missing() })
      arm()
    })
  }
  arm()
  return { cancel: () => timer.cancel() }
}

function startWorkers(options: {
  powers: ControllerPowers
  tasks: TaskGroup
  name: string
  queue: WorkQueue
  reconciler: Reconciler
}): void {
  const { powers, tasks, name, queue, reconciler } = options
  const workers = reconciler.workers ?? workersDefault
  for (let worker = 0; worker < workers; worker += 1) {
    tasks.run(`${name} worker ${worker}`, async (signal) => {
      for (;;) {
        const key = await queue.next()
        if (key === undefined || signal.aborted) return
        await work({ powers, name, queue, reconciler, key, signal })
      }
    })
  }
}

/** One key: reconcile, then forget, look again later, or back off. */
async function work(options: {
  powers: ControllerPowers
  name: string
  queue: WorkQueue
  reconciler: Reconciler
  key: string
  signal: AbortSignal
}): Promise<void> {
  const { powers, name, queue, reconciler, key, signal } = options
  try {
    const result = await reconciler.reconcile(key, signal)
    queue.forget(key)
    if (result?.requeueAfterMs !== undefined) queue.addAfter(key, result.requeueAfterMs)
  } catch (error) {
    if (signal.aborted) return
    report(powers, name, key, error)
    queue.addRateLimited(key)
  } finally {
    queue.done(key)
  }
}

/** The world's ordinary refusals are debug lines; the rest are warnings; programming errors are errors. */
function report(powers: ControllerPowers, controller: string, key: string, error: unknown): void {
  const fields = { controller, key, error: messageOf(error) }
  if (isConflict(error) || isNotFound(error) || isAlreadyExists(error)) {
    powers.log.debug('reconcile again', fields)
  } else if (error instanceof ApiError || error instanceof NetworkError) {
    powers.log.warn('reconcile failed', fields)
  } else {
    powers.log.error('reconcile failed unexpectedly', {
      ...fields,
      stack: error instanceof Error ? error.stack : undefined,
    })
  }
}

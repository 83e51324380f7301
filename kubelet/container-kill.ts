/**
 * Ending one container: preStop, its stop signal, and SIGKILL when the grace is over. The grace may be
 * shortened while it runs (`kubectl delete --force` after `kubectl delete`).
 */
import type { Container, ObjectReference } from '../api/types.ts'
import { messageOf } from '../platform/assert.ts'
import type { Clock } from '../platform/clock.ts'
import { runHook } from './lifecycle-hooks.ts'
import type { ContainerRecord } from './runtime/oci-runtime.ts'
import type { WorkerContext } from './worker-context.ts'

/** What is left after a preStop hook that used the grace up. */
const graceAfterHookMs = 2000
const killedTimeoutMs = 60_000

/** A deadline that can only come nearer, and events that end a wait. */
export class Grace {
  readonly #clock: Clock
  readonly #waiters = new Set<() => void>()
  #deadlineMs: number

  /** `deadlineMs`: wall clock. */
  constructor(clock: Clock, deadlineMs: number) {
    this.#clock = clock
    this.#deadlineMs = deadlineMs
  }

  get remainingMs(): number {
    return Math.max(0, this.#deadlineMs - this.#clock.wallMs())
  }

  shorten(deadlineMs: number): void {
    if (deadlineMs >= this.#deadlineMs) return
    this.#deadlineMs = deadlineMs
    this.wake()
  }

  extend(toMs: number): void {
    this.#deadlineMs = Math.max(this.#deadlineMs, toMs)
  }

  /** Something happened: whoever waits looks again. */
  wake(): void {
    for (const waiter of [...this.#waiters]) waiter()
  }

  /** Resolves at the next `wake`, after `delayMs`, or when `signal` aborts. */
  wait(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel()
        this.#waiters.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = this.#clock.setTimer(delayMs, done)
      this.#waiters.add(done)
      signal.addEventListener('abort', done, { once: true })
    })
  }
}

export interface KillRequest {
  readonly record: ContainerRecord
  readonly container: Container | undefined
  readonly reference: ObjectReference
  readonly podIP: string
  readonly message: string
  readonly grace: Grace
  readonly signal: AbortSignal
}

/** Ends a container and resolves when it has ended. @throws the signal's reason */
export async function killContainer(context: WorkerContext, request: KillRequest): Promise<void> {
  const { record, grace, signal, reference, container } = request
  const { runtime } = context.host
  context.events.eventFor(reference, 'Normal', 'Killing', request.message)
  if (record.state === 'created') {
    await runtime.remove(record.id)
    return
  }
  if (grace.remainingMs > 0) {
    await runPreStop(context, request)
    await runtime.kill(record.id, await stopSignalOf(context, record, container))
    while (grace.remainingMs > 0 && !(await hasEnded(context, record.id))) {
      if (signal.aborted) throw signal.reason
      await grace.wait(grace.remainingMs, signal)
    }
  }
  const killedAtMs = context.powers.clock.monotonicMs()
  while (!(await hasEnded(context, record.id))) {
    if (signal.aborted) throw signal.reason
    await runtime.kill(record.id, 'SIGKILL')
    if (await hasEnded(context, record.id)) break
    await grace.wait(1000, signal)
    if (context.powers.clock.monotonicMs() - killedAtMs > killedTimeoutMs) {
      throw new Error(
        `container ${record.containerName} has not ended ${killedTimeoutMs / 1000} s after SIGKILL: it hangs in the kernel`,
      )
    }
  }
}

async function hasEnded(context: WorkerContext, id: string): Promise<boolean> {
  const record = await context.host.runtime.state(id)
  return record === undefined || record.state === 'exited'
}

async function runPreStop(context: WorkerContext, request: KillRequest): Promise<void> {
  const { record, container, grace, signal, reference, podIP } = request
  const handler = container?.lifecycle?.preStop
  if (handler === undefined || container === undefined) return
  try {
    await runHook(context, {
      handler,
      container,
      containerId: record.id,
      podIP,
      timeoutMs: grace.remainingMs,
      signal,
    })
  } catch (error) {
    if (signal.aborted) throw error
    context.events.eventFor(
      reference,
      'Warning',
      'FailedPreStopHook',
      `PreStopHook failed: ${messageOf(error)}`,
    )
  }
  grace.extend(context.powers.clock.wallMs() + graceAfterHookMs)
}

async function stopSignalOf(
  context: WorkerContext,
  record: ContainerRecord,
  container: Container | undefined,
): Promise<string> {
  if (container?.lifecycle?.stopSignal) return container.lifecycle.stopSignal
  const image = await context.host.images.find(record.image).catch(() => undefined)
  const signal = image?.config.stopSignal
  if (signal === undefined) return 'SIGTERM'
  return /^\d+$/.test(signal) || signal.startsWith('SIG') ? signal : `SIG${signal}`
}

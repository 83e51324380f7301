/**
 * A group of background tasks with one end. No promise floats: it is awaited, or it is given to a
 * group, which reports what fails and, on `close`, aborts all and waits for each.
 */
import { setMaxListeners } from 'node:events'

export class TaskGroup {
  readonly #controller = new AbortController()
  readonly #running = new Set<Promise<void>>()
  readonly #onError: (error: Error, name: string) => void

  /** `onError` hears each task's failure, except an abort after `close`. */
  constructor(onError: (error: Error, name: string) => void) {
    this.#onError = onError
    // Every wait of every task listens to the one signal: Node's warning of a leak at eleven does not apply.
    setMaxListeners(0, this.#controller.signal)
  }

  /** Aborts when the group is closed. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get isClosed(): boolean {
    return this.#controller.signal.aborted
  }

  /** Starts a task; no-op after `close`. The task should end soon after its signal aborts. */
  run(name: string, task: (signal: AbortSignal) => Promise<void>): void {
    if (this.isClosed) return
    const running = Promise.resolve()
      .then(() => task(this.signal))
      .catch((error: unknown) => {
        if (this.isClosed) return
        this.#onError(error instanceof Error ? error : new Error(String(error)), name)
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Aborts every task and resolves when all have ended. Idempotent. */
  async close(): Promise<void> {
    this.#controller.abort(new TaskGroupClosed())
    while (this.#running.size > 0) await Promise.all(this.#running)
  }
}

/** The abort reason of tasks whose group was closed. */
export class TaskGroupClosed extends Error {
  readonly code = 'E_CLOSED'
  constructor() {
    super('the component is closing')
    this.name = 'TaskGroupClosed'
  }
}

/** postStart and preStop: exec, httpGet or sleep. */
import type { Container, LifecycleHandler } from '../api/types.ts'
import { sleep } from '../platform/clock.ts'
import { resolvePort } from './probes/probe-target.ts'
import type { WorkerContext } from './worker-context.ts'

/** Runs a hook to its end. @throws Error when it fails or takes longer than `timeoutMs` */
export async function runHook(
  context: WorkerContext,
  options: {
    readonly handler: LifecycleHandler
    readonly container: Container
    readonly containerId: string
    readonly podIP: string
    readonly timeoutMs: number
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { handler, container, containerId, podIP, timeoutMs, signal } = options
  const { host, powers } = context
  if (handler.exec !== undefined) {
    const { exitCode, output } = await host.runtime.exec(containerId, handler.exec.command ?? [], timeoutMs)
    if (exitCode !== 0)
      throw new Error(
        `command ${JSON.stringify(handler.exec.command ?? [])} exited with ${exitCode}: ${output.trim()}`,
      )
  } else if (handler.httpGet !== undefined) {
    const { path, port, scheme, host: named, httpHeaders } = handler.httpGet
    const url = `${(scheme ?? 'HTTP').toLowerCase()}://${named || podIP}:${resolvePort(port, container)}/${(path ?? '').replace(/^\//, '')}`
    const headers = Object.fromEntries(
      (httpHeaders ?? []).map(({ name, value }) => [name.toLowerCase(), value]),
    )
    await host.network.get({ url, headers, timeoutMs, signal })
  } else if (handler.sleep !== undefined) {
    await sleep(powers.clock, Math.min(handler.sleep.seconds * 1000, timeoutMs), signal)
  }
}

/**
 * The probes of one running container: startup first, then liveness and readiness, each at its own pace.
 *
 * A result counts once it has come `successThreshold` or `failureThreshold` times in a row. Nothing here
 * kills: a failed startup or liveness probe becomes a finding on which `pod-plan` acts.
 * Source: kubelet `prober/worker.go`; exec's exit 0, HTTP's 200 to 399, TCP's open connection are success.
 */
import type { Container, Probe } from '../../api/types.ts'
import { messageOf } from '../../platform/assert.ts'
import { DeadlineExceeded, type Timer } from '../../platform/clock.ts'
import type { ProbeFindings } from '../pod-model.ts'
import type { WorkerContext } from '../worker-context.ts'
import { resolvePort } from './probe-target.ts'

export type ProbeName = 'startup' | 'liveness' | 'readiness'

export interface ContainerProbesOptions {
  readonly context: WorkerContext
  readonly container: Container
  readonly containerId: string
  readonly podIP: string
  readonly startedAtMs: number
  /** What was known before: a container adopted after a kubelet's restart stays ready until found otherwise. */
  readonly wasReady: boolean
  readonly wasStarted: boolean
  readonly onChange: () => void
  /** A probe failed once; for the event. */
  readonly onFailure: (probe: ProbeName, message: string) => void
  readonly signal: AbortSignal
}

interface Tally {
  readonly probe: Probe
  successes: number
  failures: number
  timer: Timer | undefined
}

export class ContainerProbes {
  readonly #options: ContainerProbesOptions
  readonly #tallies = new Map<ProbeName, Tally>()
  #isStarted: boolean
  #isReady: boolean
  #failure: ProbeFindings['failure']
  #isStopped = false

  /** Starts probing. */
  constructor(options: ContainerProbesOptions) {
    this.#options = options
    const { container, wasReady, wasStarted } = options
    this.#isStarted = container.startupProbe === undefined || wasStarted
    this.#isReady = container.readinessProbe === undefined || wasReady
    if (this.#isStarted) this.#startRest()
    else if (container.startupProbe !== undefined) this.#begin('startup', container.startupProbe)
  }

  findings(): ProbeFindings {
    return {
      isStarted: this.#isStarted,
      isReady: this.#isStarted && this.#isReady,
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    }
  }

  /** No more probes, no more callbacks. */
  stop(): void {
    this.#isStopped = true
    for (const tally of this.#tallies.values()) tally.timer?.cancel()
  }

  #startRest(): void {
    const { livenessProbe, readinessProbe } = this.#options.container
    if (livenessProbe !== undefined) this.#begin('liveness', livenessProbe)
    if (readinessProbe !== undefined) this.#begin('readiness', readinessProbe)
  }

  #begin(name: ProbeName, probe: Probe): void {
    const tally: Tally = { probe, successes: 0, failures: 0, timer: undefined }
    this.#tallies.set(name, tally)
    const ageMs = this.#options.context.powers.clock.wallMs() - this.#options.startedAtMs
    this.#schedule(name, tally, Math.max(0, (probe.initialDelaySeconds ?? 0) * 1000 - ageMs))
  }

  #schedule(name: ProbeName, tally: Tally, delayMs: number): void {
    if (this.#isStopped) return
    tally.timer = this.#options.context.powers.clock.setTimer(delayMs, () => {
      this.#probe(name, tally).catch((error: unknown) => {
        if (!this.#isStopped)
          this.#options.context.powers.log.error('a probe could not be run', { error: messageOf(error) })
      })
    })
  }

  async #probe(name: ProbeName, tally: Tally): Promise<void> {
    const result = await this.#run(tally.probe)
    if (this.#isStopped || this.#tallies.get(name) !== tally) return
    if (result.isSuccess) {
      tally.successes += 1
      tally.failures = 0
    } else {
      tally.failures += 1
      tally.successes = 0
      this.#options.onFailure(name, result.message)
    }
    this.#judge(name, tally, result.message)
    const isOver = this.#tallies.get(name) !== tally || this.#failure !== undefined
    if (!isOver) this.#schedule(name, tally, (tally.probe.periodSeconds ?? 10) * 1000)
  }

  #judge(name: ProbeName, tally: Tally, message: string): void {
    const { probe } = tally
    const hasSucceeded = tally.successes >= (probe.successThreshold ?? 1)
    const hasFailed = tally.failures >= (probe.failureThreshold ?? 3)
    if (name === 'readiness') {
      const isReady = hasSucceeded || (this.#isReady && !hasFailed)
      if (isReady !== this.#isReady) {
        this.#isReady = isReady
        this.#options.onChange()
      }
      return
    }
    if (name === 'startup' && hasSucceeded) {
      this.#tallies.delete(name)
      this.#isStarted = true
      this.#startRest()
      this.#options.onChange()
    }
    if (hasFailed && this.#failure === undefined) {
      const grace = probe.terminationGracePeriodSeconds
      this.#failure = { probe: name, message, ...(grace === undefined ? {} : { graceSeconds: grace }) }
      this.#options.onChange()
    }
  }

  async #run(probe: Probe): Promise<{ readonly isSuccess: boolean; readonly message: string }> {
    const { containerId, podIP, container, context, signal } = this.#options
    const { network, runtime } = context.host
    const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000
    try {
      if (probe.exec !== undefined) {
        const { exitCode, output } = await runtime.exec(containerId, probe.exec.command ?? [], timeoutMs)
        return { isSuccess: exitCode === 0, message: output.trim() }
      }
      if (probe.httpGet !== undefined) {
        const { path, port, scheme, host, httpHeaders } = probe.httpGet
        const url = `${(scheme ?? 'HTTP').toLowerCase()}://${host || podIP}:${resolvePort(port, container)}/${(path ?? '').replace(/^\//, '')}`
        const own = Object.fromEntries(
          (httpHeaders ?? []).map(({ name, value }) => [name.toLowerCase(), value]),
        )
        const { status } = await network.get({
          url,
          headers: { 'user-agent': 'kube-probe/1.33', accept: '*/*', connection: 'close', ...own },
          timeoutMs,
          signal,
        })
        return {
          isSuccess: status >= 200 && status < 400,
          message: `HTTP probe failed with statuscode: ${status}`,
        }
      }
      if (probe.tcpSocket !== undefined) {
        const target = {
          host: probe.tcpSocket.host || podIP,
          port: resolvePort(probe.tcpSocket.port, container),
          timeoutMs,
          signal,
        }
        const connection = await network.dial(target)
        connection.cancel()
        return { isSuccess: true, message: '' }
      }
      return { isSuccess: false, message: 'this node cannot run grpc probes: use exec, httpGet or tcpSocket' }
    } catch (error) {
      const text =
        error instanceof DeadlineExceeded ? `${error.message}: context deadline exceeded` : messageOf(error)
      return { isSuccess: false, message: text }
    }
  }
}

/**
 * One leader among many by a Lease (client-go `tools/leaderelection`).
 *
 * Time is never compared between machines: a candidate waits until the Lease has not changed for
 * `leaseDurationMs` by its own monotonic clock, then takes it by an update that names the resourceVersion
 * which it has seen. A leader that has not renewed for `renewDeadlineMs` stops itself, before anyone may
 * take over:
 *
 *   leader     renew ok ──► … no renewal … ──► stops at renewDeadline (10 s)
 *   candidate  sees change ─────────────────────────────► may take at leaseDuration (15 s)
 *
 * Promised: at most one leader acts, as long as clocks run at about one rate and no process sleeps
 * between a check and a write. The last cannot be excluded: writes must also be guarded by resourceVersion,
 * uid preconditions and expectations.
 */
import { leases } from '../api/coordination/lease.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../api/meta/status.ts'
import type { Lease, LeaseSpec } from '../api/types.ts'
import { messageOf } from '../platform/assert.ts'
import { formatMicroTime, sleep } from '../platform/clock.ts'
import type { Component } from '../platform/powers.ts'
import { TaskGroup } from '../platform/tasks.ts'
import type { ApiClient, ClientPowers, ResourceClient } from './api-client.ts'

export interface LeaderElectionTimings {
  /** A lease unchanged for this long may be taken. */
  readonly leaseDurationMs: number
  /** A leader that could not renew for this long stops. Below `leaseDurationMs`. */
  readonly renewDeadlineMs: number
  /** Between attempts. */
  readonly retryPeriodMs: number
}

export const leaderElectionTimings: LeaderElectionTimings = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2000,
}

export interface LeaderElectionOptions {
  readonly client: ApiClient
  readonly leaseName: string
  /** Default kube-system. */
  readonly namespace?: string | undefined
  /** Who leads, as the Lease tells. Must be unique among the candidates. */
  readonly identity: string
  readonly timings?: Partial<LeaderElectionTimings> | undefined
  /** Called at each win; `signal` aborts when leadership is lost or given up. Its end is waited for. */
  readonly onStartedLeading: (signal: AbortSignal) => void | Promise<void>
  /** Called at each loss, after `onStartedLeading` has ended. */
  readonly onStoppedLeading?: (() => void) | undefined
}

export interface LeaderElection extends Component {
  isLeading(): boolean
  /** The holder last seen; undefined while unknown or free. */
  holder(): string | undefined
}

type ElectionPowers = Pick<ClientPowers, 'clock' | 'random' | 'log' | 'metrics'> & {
  readonly fatal: (error: Error) => void
}

const acquireJitterFactor = 1.2
/** Between two attempts before the API has answered for the first time. */
const firstContactMs = 100

/** Starts to contend at once; `close` gives the lease back, so that another can take it without waiting. */
export function runLeaderElection(powers: ElectionPowers, options: LeaderElectionOptions): LeaderElection {
  const tasks = new TaskGroup((error) => powers.fatal(error))
  const elector = new Elector(powers, options)
  tasks.run(`leader election ${options.leaseName}`, (signal) => elector.run(signal))
  return {
    isLeading: () => elector.isLeading,
    holder: () => elector.holder,
    close: async () => {
      await tasks.close()
      await elector.release()
    },
  }
}

class Elector {
  readonly #powers: ElectionPowers
  readonly #options: LeaderElectionOptions
  readonly #timings: LeaderElectionTimings
  readonly #leases: ResourceClient<Lease>
  #observed: Lease | undefined
  /** When `#observed` was seen to change, or was renewed by us; monotonic. */
  #observedMs = 0
  isLeading = false

  constructor(powers: ElectionPowers, options: LeaderElectionOptions) {
    this.#powers = powers
    this.#options = options
    this.#timings = { ...leaderElectionTimings, ...options.timings }
    const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = this.#timings
    if (!(leaseDurationMs > renewDeadlineMs && renewDeadlineMs > retryPeriodMs * acquireJitterFactor)) {
      const found = `${leaseDurationMs}/${renewDeadlineMs}/${retryPeriodMs} ms`
      throw new Error(
        `leader election: lease duration > renew deadline > 1.2 * retry period, but found ${found}`,
      )
    }
    this.#leases = options.client.resource(leases, options.namespace ?? 'kube-system')
  }

  get holder(): string | undefined {
    return this.#observed?.spec?.holderIdentity || undefined
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#acquire(signal)
      if (signal.aborted) return
      await this.#lead(signal)
    }
  }

  /** Gives the lease back if it is ours; failing to is no harm, it then runs out. */
  async release(): Promise<void> {
    const observed = this.#observed
    if (!observed || observed.spec?.holderIdentity !== this.#options.identity) return
    this.#observed = undefined
    const now = formatMicroTime(this.#powers.clock.wallMs())
    const spec: LeaseSpec = {
      ...observed.spec,
      holderIdentity: '',
      leaseDurationSeconds: 1,
      renewTime: now,
      acquireTime: now,
    }
    try {
      await this.#leases.update({ ...observed, spec }, { timeoutMs: this.#timings.retryPeriodMs })
    } catch (error) {
      this.#powers.log.debug('lease not released', {
        lease: this.#options.leaseName,
        error: messageOf(error),
      })
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    const random = this.#powers.random.fork(`leader-election/${this.#options.identity}`)
    while (!signal.aborted) {
      if (await this.#tryHold(signal)) return
      // While the API has never answered there is no holder to be polite to: at a cluster's start the lease
      // should be taken as soon as an apiserver is there.
      const periodMs = this.#observed
        ? this.#timings.retryPeriodMs
        : Math.min(firstContactMs, this.#timings.retryPeriodMs)
      const pauseMs = periodMs * (1 + random.float() * acquireJitterFactor)
      await sleep(this.#powers.clock, pauseMs, signal).catch(() => {})
    }
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { log, metrics } = this.#powers
    const { leaseName, identity } = this.#options
    const status = metrics.gauge({
      name: 'leader_election_master_status',
      help: '1 while this process leads.',
      labels: ['name'],
    })
    const leading = new AbortController()
    this.isLeading = true
    status.set(1, { name: leaseName })
    log.info('became leader', { lease: leaseName, identity })
    const work = Promise.resolve(this.#options.onStartedLeading(leading.signal))
    work.catch((error: unknown) => {
      if (!leading.signal.aborted)
        this.#powers.fatal(error instanceof Error ? error : new Error(String(error)))
    })
    await this.#renew(signal)
    this.isLeading = false
    status.set(0, { name: leaseName })
    log.info(signal.aborted ? 'stopped leading' : 'lost leadership', { lease: leaseName, identity })
    leading.abort(new Error('leadership has ended'))
    await work.catch(() => {})
    this.#options.onStoppedLeading?.()
  }

  /** Returns when the lease could not be renewed in time, was taken, or `signal` aborts. */
  async #renew(signal: AbortSignal): Promise<void> {
    const { clock } = this.#powers
    const deadline = new AbortController()
    const onAbort = () => deadline.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    const arm = () =>
      clock.setTimer(this.#observedMs + this.#timings.renewDeadlineMs - clock.monotonicMs(), () =>
        deadline.abort(new Error('the renew deadline has passed')),
      )
    let timer = arm()
    while (!deadline.signal.aborted) {
      await sleep(clock, this.#timings.retryPeriodMs, deadline.signal).catch(() => {})
      if (deadline.signal.aborted) break
      if (await this.#tryHold(deadline.signal)) {
        timer.cancel()
        timer = arm()
      } else if (this.holder !== undefined && this.holder !== this.#options.identity) break
    }
    timer.cancel()
    signal.removeEventListener('abort', onAbort)
  }

  /** One attempt to create, take or renew. True when the lease is ours as of its start. */
  async #tryHold(signal: AbortSignal): Promise<boolean> {
    const startMs = this.#powers.clock.monotonicMs()
    const timeoutMs = this.#timings.renewDeadlineMs / 2
    try {
      if (!this.isLeading || !this.#observed) await this.#observe({ signal, timeoutMs })
      const next = this.#claim(startMs)
      if (!next) return false
      const held = this.#observed
        ? await this.#leases.update(next, { signal, timeoutMs })
        : await this.#leases.create(next, { signal, timeoutMs })
      this.#observed = held
      this.#observedMs = startMs
      return true
    } catch (error) {
      if (isConflict(error) || isAlreadyExists(error) || isNotFound(error)) {
        await this.#observe({ signal, timeoutMs }).catch(() => {})
      }
      this.#powers.log.debug('lease not held', { lease: this.#options.leaseName, error: messageOf(error) })
      return false
    }
  }

  /** Reads the lease; the moment counts only when it has changed. */
  async #observe(options: { signal: AbortSignal; timeoutMs: number }): Promise<void> {
    const found = await this.#leases.get(this.#options.leaseName, options).catch((error: unknown) => {
      if (isNotFound(error)) return undefined
      throw error
    })
    if (found?.metadata.resourceVersion === this.#observed?.metadata.resourceVersion && found) return
    this.#observed = found
    this.#observedMs = this.#powers.clock.monotonicMs()
  }

  /** The lease as we would hold it; undefined while another holds it. Pure but for the clock. */
  #claim(nowMs: number): Lease | undefined {
    const { identity, leaseName, namespace } = this.#options
    const spec = this.#observed?.spec
    const holder = spec?.holderIdentity || undefined
    const isOurs = holder === identity
    const runsOutMs = this.#observedMs + this.#timings.leaseDurationMs
    if (holder !== undefined && !isOurs && nowMs < runsOutMs) return undefined
    const now = formatMicroTime(this.#powers.clock.wallMs())
    const next: LeaseSpec = {
      ...spec,
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(Math.ceil(this.#timings.leaseDurationMs / 1000), 1),
      acquireTime: isOurs && spec?.acquireTime ? spec.acquireTime : now,
      renewTime: now,
      leaseTransitions: (spec?.leaseTransitions ?? 0) + (this.#observed && !isOurs ? 1 : 0),
    }
    if (this.#observed) return { ...this.#observed, spec: next }
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: leaseName, namespace: namespace ?? 'kube-system' },
      spec: next,
    }
  }
}

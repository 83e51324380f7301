/**
 * What a member does by the clock: ending requests that waited too long, ending leases, removing garbage
 * after a compaction, moving watchers that are behind, telling progress, and ending watches on a member
 * that has lost its leader. One tick, no timer per request.
 */
import type { Clock, Timer } from '../../platform/clock.ts'
import type { Log } from '../../platform/log.ts'
import type { Metrics } from '../../platform/metrics.ts'
import { StoreError } from '../client/store-client.ts'
import type { StoreMachine } from '../state-machine.ts'
import { createServerMetrics, type ServerFacts } from './metrics.ts'
import type { StoreService } from './service.ts'

const tickMs = 250
/** While leases exist, an entry at least so often carries the lease clock to the followers. */
const leaseClockEveryMs = 1_000
const leasesPerEntryMax = 500
/** A tick that comes so late means that this process stood still: leases get another round. */
const stallMs = 2_000
const garbagePerStep = 500
const garbagePauseMs = 20
const garbageCheckpointEveryMs = 10_000

export interface ChoreOptions {
  readonly service: StoreService
  readonly machine: StoreMachine
  /** How often idle watchers that asked for progress hear a mark. */
  readonly progressEveryMs: number
  /** Watches end after so long without a leader, so that clients go to a member that has one. */
  readonly leaderlessMs: number
}

export class Chores {
  readonly #clock: Clock
  readonly #log: Log
  readonly #options: ChoreOptions
  readonly #tellMetrics: (facts: ServerFacts) => void
  readonly #timers = new Map<string, Timer>()
  #lastTickMs: number
  #lastProgressMs: number
  #lastCheckpointMs = Number.NEGATIVE_INFINITY
  #leaderSeenMs: number
  #isExpiring = false
  #isClosed = false

  constructor(
    powers: { readonly clock: Clock; readonly log: Log; readonly metrics: Metrics },
    options: ChoreOptions,
  ) {
    this.#tellMetrics = createServerMetrics(powers.metrics)
    this.#clock = powers.clock
    this.#log = powers.log
    this.#options = options
    const nowMs = powers.clock.monotonicMs()
    this.#lastTickMs = nowMs
    this.#lastProgressMs = nowMs
    this.#leaderSeenMs = nowMs
  }

  start(): void {
    this.#after('tick', tickMs, () => this.#tick())
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  /** One timer per chore; a second wish for the same chore is the first one. */
  #after(chore: string, delayMs: number, run: () => void): void {
    if (this.#isClosed || this.#timers.has(chore)) return
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#timers.delete(chore)
      if (!this.#isClosed) run()
    })
    this.#timers.set(chore, timer)
  }

  /** Entries were applied or a watch was added: some watcher may be behind. */
  pumpSoon(): void {
    if (this.#options.service.hub.behindCount > 0) this.#after('pump', 0, () => this.#pump())
  }

  #pump(): void {
    const againMs = this.#options.service.pumpWatches()
    if (againMs !== undefined) this.#after('pump', againMs, () => this.#pump())
  }

  #tick(): void {
    const nowMs = this.#clock.monotonicMs()
    const hasStalled = nowMs - this.#lastTickMs > stallMs
    this.#lastTickMs = nowMs
    this.#options.service.expire()
    if (!hasStalled) this.#keepLeases(nowMs)
    this.#keepWatches(nowMs, hasStalled)
    this.#collect(nowMs)
    this.#tellMetrics(this.#options.service.facts())
    this.#after('tick', tickMs, () => this.#tick())
  }

  #keepLeases(nowMs: number): void {
    const { service, machine } = this.#options
    const { leases } = machine.state
    if (leases.size === 0 || !service.leases.isRunning || !service.isLeader) return
    const over = leases.expired(service.leases.nowMs(), leasesPerEntryMax)
    if (over.length > 0 && !this.#isExpiring) {
      this.#isExpiring = true
      service.confirmLeadership(() =>
        service.command({ kind: 'lease-expire', ids: over.map(({ id }) => id) }, () => {}),
      )
    } else if (nowMs - service.lastProposalMs >= leaseClockEveryMs) {
      this.#isExpiring = false
      service.command({ kind: 'tick' }, () => {})
    } else {
      this.#isExpiring = false
    }
  }

  #keepWatches(nowMs: number, hasStalled: boolean): void {
    const { service, progressEveryMs, leaderlessMs } = this.#options
    if (hasStalled || service.leaderHint().leaderId !== undefined) this.#leaderSeenMs = nowMs
    else if (nowMs - this.#leaderSeenMs >= leaderlessMs) {
      service.hub.endAll(new StoreError('no-leader', 'this member has lost its leader'))
    }
    if (nowMs - this.#lastProgressMs >= progressEveryMs) {
      this.#lastProgressMs = nowMs
      service.hub.tellProgress()
    }
    service.onFlush()
    this.pumpSoon()
  }

  #collect(nowMs: number): void {
    const { machine } = this.#options
    if (machine.state.mvcc.compactor.hasWork)
      this.#after('garbage', garbagePauseMs, () => this.#removeGarbage())
    if (!machine.wantsCheckpoint || nowMs - this.#lastCheckpointMs < garbageCheckpointEveryMs) return
    this.#lastCheckpointMs = nowMs
    machine.checkpoint((error) => {
      if (error)
        this.#log.warn('a checkpoint failed; what compaction freed stays for now', { error: error.message })
    })
  }

  #removeGarbage(): void {
    if (this.#options.machine.removeGarbage(garbagePerStep)) {
      this.#after('garbage', garbagePauseMs, () => this.#removeGarbage())
    }
  }
}

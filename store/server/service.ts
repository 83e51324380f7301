/**
 * The store's verbs on one member, whatever protocol they come by. Writes go through the log and are taken
 * only by the leader; reads are confirmed by a quorum; nothing here waits: answers come by callback.
 * Bounds: proposals by count and bytes, reads by count; a request beyond them is refused, not queued.
 */
import { messageOf } from '../../platform/assert.ts'
import type { Powers } from '../../platform/powers.ts'
import type { RaftNode } from '../../raft/raft-node.ts'
import type { CommandOutcome, EntryOutcome } from '../apply.ts'
import { type MemberStatus, StoreError, type TxnRequest } from '../client/store-client.ts'
import { type Command, encodeFrame, type MemberAttributes } from '../command.ts'
import { BackendError } from '../errors.ts'
import type { RangeResult, RevisionChanges } from '../mvcc/mvcc.ts'
import type { LeaderHint } from '../native-protocol.ts'
import type { StoreMachine } from '../state-machine.ts'
import { checkRevision, readTxn, type TxnOutcome, toQuery } from '../txn/txn.ts'
import { decodeTxn, type PagedRange } from '../txn/txn-codec.ts'
import { checkRequestSize, checkTxn, isReadOnly } from '../txn/validate.ts'
import { WatchHub } from '../watch/watch-hub.ts'
import { LeaseClock } from './lease-clock.ts'
import type { ServerFacts } from './metrics.ts'
import { Proposals } from './proposals.ts'
import { Reads } from './reads.ts'

/** The member does not lead; `hint` says who does. */
export class NotLeader extends Error {
  readonly code = 'not-leader'
  readonly hint: LeaderHint
  constructor(hint: LeaderHint) {
    super(hint.leaderId === undefined ? 'there is no leader' : `member ${hint.leaderId} leads`)
    this.name = 'NotLeader'
    this.hint = hint
  }
}

export type Answer<T> = (result: T | StoreError | NotLeader) => void

export interface ServiceLimits {
  readonly proposalsMax: number
  readonly proposalBytesMax: number
  /** Applied bytes that LevelDB has not taken yet, at most, before puts are refused. */
  readonly backendBytesMax: number
  /** Records' bytes beyond which puts are refused with `no-space`; deletes and compaction go on. */
  readonly quotaBytes: number
  readonly requestTimeoutMs: number
  /** One page of a range at most, in bytes and in keys: a page must not hold up the event loop. */
  readonly pageBytesMax: number
  readonly pageKeysMax: number
}

export const defaultLimits: ServiceLimits = {
  proposalsMax: 10_000,
  proposalBytesMax: 64 * 1024 * 1024,
  backendBytesMax: 64 * 1024 * 1024,
  quotaBytes: 8 * 1024 * 1024 * 1024,
  requestTimeoutMs: 7_000,
  pageBytesMax: 1024 * 1024,
  pageKeysMax: 1_000,
}

export interface ServiceOptions {
  readonly machine: StoreMachine
  readonly raft: RaftNode
  readonly self: MemberAttributes
  readonly limits: ServiceLimits
  readonly version: string
}

export type RangeAnswer = RangeResult & { readonly revision: number }

export class StoreService {
  readonly hub: WatchHub
  readonly #powers: Pick<Powers, 'clock' | 'log' | 'fatal' | 'random'>
  readonly #options: ServiceOptions
  readonly #proposals = new Proposals()
  readonly #reads: Reads
  readonly #leaseClock: LeaseClock
  #lastProposalMs = 0
  #isClosed = false
  /** Called after each batch of answers or events: whoever buffers may send now. */
  onFlush: () => void = () => {}

  constructor(powers: Pick<Powers, 'clock' | 'log' | 'fatal' | 'random'>, options: ServiceOptions) {
    this.#powers = powers
    this.#options = options
    const { machine, raft } = options
    this.#reads = new Reads({ raft, appliedIndex: () => machine.state.index })
    this.#leaseClock = new LeaseClock(powers.clock, () => machine.state.leases.clockMs)
    const source = {
      changesAt: (revision: number) => machine.changesAt(revision),
      recordAt: (place: { main: number; sub: number }) => machine.state.mvcc.readAt(place),
    }
    this.hub = new WatchHub(() => {
      const { revision, compactRevision } = machine.state.mvcc
      return { ...source, revision, compactRevision }
    })
  }

  get isLeader(): boolean {
    return this.#options.raft.status().role === 'leader'
  }

  get leases(): LeaseClock {
    return this.#leaseClock
  }

  /** Monotonic time of the last command sent into the log. */
  get lastProposalMs(): number {
    return this.#lastProposalMs
  }

  leaderHint(): LeaderHint {
    const { leaderId, term } = this.#options.raft.status()
    const known = leaderId === undefined ? undefined : this.#options.machine.state.members.get(leaderId)
    return { leaderId, term, host: known?.clientHost, port: known?.clientPort ?? 0 }
  }

  /** Entries were applied (the machine's `onApplied`). */
  applied(outcomes: readonly EntryOutcome[], changes: readonly RevisionChanges[]): void {
    for (const outcome of outcomes) {
      this.#leaseClock.applied(outcome.term)
      this.#proposals.applied(outcome)
    }
    this.hub.publish(changes)
    this.#reads.applied()
    this.onFlush()
  }

  /** A snapshot took the state's place (the machine's `onReplaced`). */
  replaced(): void {
    this.#proposals.replaced(this.#options.machine.state.index)
    this.hub.restart()
    this.#reads.applied()
    this.onFlush()
  }

  wantsResults(index: Parameters<Proposals['has']>[0], term: Parameters<Proposals['has']>[1]): boolean {
    return this.#proposals.has(index, term)
  }

  /** Ends what has waited too long. Call every few hundred milliseconds. */
  expire(): void {
    const nowMs = this.#powers.clock.monotonicMs()
    this.#proposals.expire(nowMs)
    this.#reads.expire(nowMs)
    this.onFlush()
  }

  close(): void {
    this.#isClosed = true
    this.#proposals.close()
    this.#reads.close()
    this.hub.endAll(new StoreError('closed', 'the member is closing'))
    this.onFlush()
  }

  /** Puts a command into the log; the answer comes when it has been applied. */
  propose(command: Command, answer: Answer<CommandOutcome & { ok: true }>): void {
    const { raft, limits } = this.#options
    if (
      this.#proposals.count >= limits.proposalsMax ||
      this.#proposals.sizeBytes >= limits.proposalBytesMax
    ) {
      answer(
        new StoreError('too-many-requests', `${this.#proposals.count} writes are under way; try again later`),
      )
      return
    }
    const data = encodeFrame({ leaseClockMs: this.#leaseClock.nowMs(), commands: [command] })
    const result = raft.propose(data)
    if (!result.accepted) {
      answer(this.#refusal(result.reason))
      return
    }
    const nowMs = this.#powers.clock.monotonicMs()
    this.#lastProposalMs = nowMs
    this.#proposals.add(result.index, {
      term: result.term,
      sizeBytes: data.length,
      expiresAtMs: nowMs + limits.requestTimeoutMs,
      done: (outcome) => {
        if (outcome instanceof StoreError) answer(outcome)
        else answer(outcome.ok ? outcome : outcome.refusal)
      },
    })
  }

  #refusal(reason: 'not-leader' | 'transferring' | 'busy' | 'closing'): StoreError | NotLeader {
    switch (reason) {
      case 'not-leader':
        return new NotLeader(this.leaderHint())
      case 'transferring':
        return new StoreError('no-leader', 'leadership is being handed over; nothing was written')
      case 'busy':
        return new StoreError(
          'too-many-requests',
          'the log cannot be written fast enough; nothing was written',
        )
      case 'closing':
        return new StoreError('no-leader', 'the member is closing; nothing was written')
    }
  }

  range(request: PagedRange, answer: Answer<RangeAnswer>): void {
    this.#read(request.serializable ?? false, answer, () => {
      const { mvcc } = this.#options.machine.state
      const { pageKeysMax, pageBytesMax } = this.#options.limits
      checkRevision(mvcc, request.revision ?? 0)
      const limit = Math.min(request.limit || pageKeysMax, pageKeysMax)
      return { revision: mvcc.revision, ...mvcc.range(toQuery({ ...request, limit }, pageBytesMax)) }
    })
  }

  /** Runs `read` once it is as fresh as was asked for. */
  #read<T>(isSerializable: boolean, answer: Answer<T>, read: () => T): void {
    const expiresAtMs = this.#powers.clock.monotonicMs() + this.#options.limits.requestTimeoutMs
    const run = () => answer(this.#guard(read))
    if (!isSerializable) {
      this.#reads.linearizable(
        expiresAtMs,
        () => {
          run()
          this.onFlush()
        },
        (error) => {
          answer(error)
          this.onFlush()
        },
      )
      return
    }
    // Not before the state of this member's last life: its revision must never seem to go back.
    this.#reads.atIndex({ index: this.#options.machine.lastLifeIndex, expiresAtMs, run, fail: answer })
  }

  #guard<T>(read: () => T): T | StoreError {
    try {
      return read()
    } catch (error) {
      if (error instanceof StoreError) return error
      if (error instanceof BackendError) return new StoreError('corrupt', error.message, { cause: error })
      const bug = error instanceof Error ? error : new Error(messageOf(error))
      this.#powers.fatal(bug)
      return new StoreError('closed', `the member failed: ${bug.message}`)
    }
  }

  /** `bytes`: the client's encoding, which goes into the log as it is. */
  txn(bytes: Uint8Array, answer: Answer<TxnOutcome>): void {
    const request = this.#guard(() => this.#admit(bytes))
    if (request instanceof StoreError) {
      answer(request)
      return
    }
    if (isReadOnly(request)) {
      this.#read(false, answer, () => readTxn(this.#options.machine.state.mvcc, request))
      return
    }
    this.propose({ kind: 'txn', request: bytes }, (result) => {
      if (result instanceof Error) answer(result)
      else answer(result.txn ?? new StoreError('closed', 'a transaction came to no result'))
    })
  }

  /** @throws StoreError for what must not enter the log */
  #admit(bytes: Uint8Array): TxnRequest {
    checkRequestSize(bytes.length)
    const request = decodeTxn(bytes)
    checkTxn(request)
    const hasPut = [...request.success, ...request.failure].some(({ type }) => type === 'put')
    if (hasPut) this.#checkSpace()
    return request
  }

  #checkSpace(): void {
    const { machine, limits } = this.#options
    const { isFull, pendingBytes } = machine.backend.status()
    if (pendingBytes > limits.backendBytesMax) {
      throw new StoreError(
        'too-many-requests',
        `the disk of member ${this.#options.self.name} is behind by ${pendingBytes} bytes; try again later`,
      )
    }
    if (isFull) {
      throw new StoreError(
        'no-space',
        `the disk of member ${this.#options.self.name} is full: writes are refused, reads go on`,
      )
    }
    const { sizeBytes } = machine.state.mvcc
    if (sizeBytes >= limits.quotaBytes) {
      throw new StoreError(
        'no-space',
        `the store holds ${sizeBytes} bytes, its quota is ${limits.quotaBytes}: delete keys and compact, or raise --quota-backend-bytes`,
      )
    }
  }

  leaseGrant(ttlMs: number, answer: Answer<string>): void {
    if (!(ttlMs >= 1000 && ttlMs <= 9e12)) {
      answer(
        new StoreError(
          'invalid-argument',
          `a lease lives between 1 and 9,000,000,000 s, not ${ttlMs / 1000} s`,
        ),
      )
      return
    }
    const id = Array.from(this.#powers.random.bytes(8), (byte) => byte.toString(16).padStart(2, '0')).join('')
    this.propose({ kind: 'lease-grant', id, ttlMs: Math.round(ttlMs) }, (result) =>
      answer(result instanceof Error ? result : id),
    )
  }

  /** Revokes, renews or compacts. */
  command(command: Command, answer: Answer<true>): void {
    this.propose(command, (result) => answer(result instanceof Error ? result : true))
  }

  /** The revision from which a watch "from now on" starts, confirmed by a quorum. */
  watchStart(answer: Answer<number>): void {
    this.#read(false, answer, () => this.#options.machine.state.mvcc.revision + 1)
  }

  /** Confirms that this member still leads, by a quorum; `confirmed` runs as an event of its own. */
  confirmLeadership(confirmed: () => void): void {
    const { clock } = this.#powers
    const expiresAtMs = clock.monotonicMs() + this.#options.limits.requestTimeoutMs
    // Not from within Raft's apply: what follows is a proposal.
    const onConfirmed = () =>
      clock.setTimer(0, () => (this.isLeader && !this.#isClosed ? confirmed() : undefined))
    this.#reads.linearizable(expiresAtMs, onConfirmed, () => {})
  }

  /** Pumps watchers that are behind; milliseconds until that is worth repeating, undefined when none is behind. */
  pumpWatches(): number | undefined {
    const result = this.#guard(() => this.hub.pump())
    if (result instanceof StoreError) this.hub.endAll(result)
    this.onFlush()
    if (this.hub.behindCount === 0) return undefined
    return this.hub.canPump ? 0 : 10
  }

  /** For metrics. */
  facts(): ServerFacts {
    const { machine } = this.#options
    return {
      status: this.status(),
      proposalsPending: this.#proposals.count,
      watchers: this.hub.watcherCount,
      watchersBehind: this.hub.behindCount,
      leases: machine.state.leases.size,
      keys: machine.state.mvcc.liveKeys,
      isDiskFull: machine.backend.status().isFull,
    }
  }

  status(): MemberStatus {
    const { raft, machine, self, version } = this.#options
    const status = raft.status()
    const change = status.lastChange
    return {
      id: self.id,
      name: self.name,
      role: status.role,
      leaderId: status.leaderId,
      term: status.term,
      commitIndex: status.commitIndex,
      appliedIndex: machine.state.index,
      revision: machine.state.mvcc.revision,
      compactRevision: machine.state.mvcc.compactRevision,
      dbSizeBytes: machine.backend.status().sizeBytes,
      fsyncP99Ms: status.fsyncP99Ms,
      version,
      lastChange: change === undefined ? 'none' : `${change.role}: ${change.reason}`,
    }
  }
}

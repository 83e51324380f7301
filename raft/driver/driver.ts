/**
 * The edge of Raft: turns events into inputs of the core, and what the core asks for into effects.
 *
 *   frames, proposals, reads, timers, disk acks ─▶ core ─▶ Ready ─▶ peers ∥ WAL ─▶ state machine ─▶ promises
 *
 * One turn (`#pump`) runs after whatever happened in one event; proposals and reads of an event-loop turn
 * share one. The order within a Ready is the contract in `raw-node.ts` and nothing here reorders it:
 * messages leave before the disk write begins (the leader's disk works in parallel to its peers'), promises
 * leave when the write that they depend on is durable.
 *
 * What fails: a bug or a failed disk goes to `fatal`, after which this member does nothing more.
 */
import { messageOf } from '../../platform/assert.ts'
import type { Timer } from '../../platform/clock.ts'
import { DeadlineExceeded } from '../../platform/clock.ts'
import type { Powers } from '../../platform/powers.ts'
import { TaskGroup } from '../../platform/tasks.ts'
import type { Message } from '../message.ts'
import type {
  LeadershipChange,
  ProposeResult,
  RaftMember,
  RaftNode,
  RaftStatus,
  ReadIndexResult,
} from '../raft-node.ts'
import type { DiskWrite, RawNode, Ready } from '../raw-node.ts'
import type { SnapshotMeta, StateMachine } from '../state-machine.ts'
import type { LeaderRole } from '../state.ts'
import { longestElectionTimeoutMs } from '../state.ts'
import type { Transport } from '../transport/transport.ts'
import type { MemberId } from '../types.ts'
import type { Wal } from '../wal/wal.ts'
import { Checkpoints } from './checkpoints.ts'
import { HeldPromises } from './held-promises.ts'
import type { RaftMetrics } from './metrics.ts'
import { Reads } from './reads.ts'
import { SnapshotReceiver } from './snapshot-receiver.ts'
import { SnapshotSender } from './snapshot-sender.ts'
import type { RaftTuning } from './tuning.ts'
import { coreOptions } from './tuning.ts'

export type RaftPowers = Pick<Powers, 'clock' | 'random' | 'disk' | 'network' | 'log' | 'metrics' | 'fatal'>

export interface DriverParts {
  readonly powers: RaftPowers
  readonly tuning: RaftTuning
  readonly core: RawNode
  readonly wal: Wal
  readonly members: readonly RaftMember[]
  readonly stateMachine: StateMachine
  readonly metrics: RaftMetrics
  /** Built by `openRaftNode`, for it needs the driver's handlers. */
  readonly transport: (handlers: Pick<Driver, 'receive' | 'peerLost' | 'peerGone' | 'snapshots'>) => Transport
  /** Frees what `openRaftNode` took. */
  readonly release: () => void
}

interface TransferWaiter {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  readonly timer: Timer
}

export class Driver implements RaftNode {
  readonly id: MemberId
  onLeadershipChange: (change: LeadershipChange) => void = () => {}
  readonly snapshots: SnapshotReceiver
  readonly #parts: DriverParts
  readonly #core: RawNode
  readonly #transport: Transport
  readonly #promises = new HeldPromises()
  readonly #reads: Reads
  readonly #checkpoints: Checkpoints
  readonly #sender: SnapshotSender
  readonly #tasks: TaskGroup
  #timer: Timer | undefined
  /** Proposals accepted since the metric was last told. */
  #accepted = 0
  #isPumping = false
  #isPumpScheduled = false
  #lastChange: LeadershipChange | undefined
  #hadLeader = false
  #transferWaiters: TransferWaiter[] = []
  #state: 'running' | 'ended' = 'running'
  #closing: Promise<void> | undefined

  constructor(parts: DriverParts) {
    const { powers, tuning, core, stateMachine, wal } = parts
    const { clock, log } = powers
    this.#parts = parts
    this.#core = core
    this.id = core.id
    this.#tasks = new TaskGroup((error) => this.#fatal(error))
    this.#reads = new Reads(clock, tuning.readTimeoutMs)
    this.#checkpoints = new Checkpoints({
      ...tuning,
      log: core.status().log,
      durableIndex: () => stateMachine.durableIndex(),
      oldestStreamIndex: () => this.#sender.oldestIndex(),
      checkpoint: (done) => stateMachine.checkpoint((error) => this.#run(() => done(error))),
      release: (index) => {
        core.compactTo(index)
        wal.release(index)
      },
      onError: (error) => log.warn('checkpoint failed; the WAL is kept', { error: error.message }),
    })
    this.snapshots = new SnapshotReceiver({
      clock,
      log,
      wants: (meta) => core.wantsSnapshot(meta),
      beginInstall: (meta) => stateMachine.beginInstall(meta),
      onComplete: ({ from, senderTerm: term, meta }) =>
        this.#run(() => core.step({ type: 'snapshot', from, to: this.id, term, meta }, clock.monotonicMs())),
    })
    this.#transport = parts.transport(this)
    this.#sender = new SnapshotSender({
      clock,
      log,
      tasks: this.#tasks,
      chunkBytes: tuning.snapshotChunkBytes,
      dial: (to, signal) => this.#transport.dialSnapshot(to, signal),
      onEnd: (to, isOk) => this.#run(() => core.snapshotSent(to, isOk)),
    })
  }

  /** Listens and begins to take part. @throws NetworkError when the peer address cannot be used */
  async start(): Promise<void> {
    await this.#transport.start()
    this.#run(() => this.#core.tick(this.#nowMs()))
    this.#arm()
  }

  propose(data: Uint8Array): ProposeResult {
    if (this.#state !== 'running')
      return { accepted: false, reason: 'closing', leaderId: this.#core.status().leaderId }
    const result = this.#core.propose(data)
    if (result.accepted) {
      this.#accepted += 1
      this.#schedulePump()
    } else {
      this.#parts.metrics.proposals.add(1, { outcome: result.reason })
    }
    return result
  }

  readIndex(done: (result: ReadIndexResult) => void): void {
    if (this.#state !== 'running') {
      this.#parts.powers.clock.setTimer(0, () => done({ ok: false, reason: 'closing' }))
      return
    }
    this.#reads.add(done)
    this.#schedulePump()
  }

  transferLeadership(to?: MemberId): Promise<void> {
    const target = to ?? this.#mostCaughtUp()
    const timeoutMs = 2 * longestElectionTimeoutMs(coreOptions(this.#parts.tuning))
    return new Promise((resolve, reject) => {
      if (!target || !this.#core.transferLeadership(target, this.#nowMs())) {
        reject(
          new Error(
            `cannot transfer leadership to ${target ?? 'anyone'}: this member does not lead, or there is no such voter`,
          ),
        )
        return
      }
      const timer = this.#parts.powers.clock.setTimer(timeoutMs, () =>
        reject(new DeadlineExceeded(`transfer of leadership to ${target}`, timeoutMs)),
      )
      this.#transferWaiters.push({ resolve, reject, timer })
      this.#schedulePump()
    })
  }

  status(): RaftStatus {
    const { term, role, leaderId, confState, log } = this.#core.status()
    const { latencies } = this.#parts.wal
    const nowMs = this.#nowMs()
    return {
      id: this.id,
      role: role.kind,
      term,
      leaderId,
      commitIndex: log.commitIndex,
      appliedIndex: log.appliedIndex,
      lastIndex: log.lastIndex,
      firstIndex: log.firstIndex,
      confState,
      lastChange: this.#lastChange,
      // Asked for by people, not by the hot path that only wants the role.
      get fsyncP99Ms() {
        return latencies.quantile(0.99)
      },
      get progress() {
        return role.kind === 'leader' ? progressOf(role, nowMs) : []
      },
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** All messages of one frame from a peer. */
  receive(messages: readonly Message[]): void {
    const nowMs = this.#nowMs()
    this.#run(() => {
      for (const message of messages) this.#core.step(message, nowMs)
    })
  }

  /** Messages to the peer were dropped. May be called from within a turn. */
  peerLost(id: MemberId): void {
    if (this.#state === 'ended') return
    this.#parts.metrics.lostFrames.add(1, { peer: id })
    this.#core.unreachable(id)
  }

  /** The peer's process has ended. */
  peerGone(id: MemberId): void {
    this.#run(() => this.#core.leaderGone(id, this.#nowMs()))
  }

  /** Every write up to `sequence` is on this member's disk. */
  durable(sequence: number): void {
    this.#run(() => {
      this.#core.appended(sequence, this.#nowMs())
      this.#send(this.#promises.release(sequence))
    })
  }

  /** The WAL cannot be written. */
  walFailed(error: Error): void {
    this.#fatal(error)
  }

  #nowMs(): number {
    return this.#parts.powers.clock.monotonicMs()
  }

  /** Runs one event's work and what follows from it; an exception ends the member. */
  #run(work: () => void): void {
    if (this.#state === 'ended') return
    try {
      work()
      this.#pump()
    } catch (error) {
      this.#fatal(error)
    }
  }

  #schedulePump(): void {
    if (this.#isPumpScheduled) return
    this.#isPumpScheduled = true
    this.#parts.powers.clock.setTimer(0, () => {
      this.#isPumpScheduled = false
      this.#run(() => {})
    })
  }

  /** Handles readies until there is none, or until it is time to let other events in. */
  #pump(): void {
    if (this.#isPumping) {
      this.#schedulePump()
      return
    }
    this.#isPumping = true
    if (this.#accepted > 0) this.#parts.metrics.proposals.add(this.#accepted, { outcome: 'accepted' })
    this.#accepted = 0
    try {
      const context = this.#reads.take()
      if (context !== undefined) this.#core.readIndex(context)
      for (let ready = this.#core.ready(); ready && this.#state !== 'ended'; ready = this.#core.ready()) {
        this.#handle(ready)
        if (ready.committed.length > 0 && this.#core.hasMoreCommitted) {
          this.#schedulePump()
          break
        }
      }
    } finally {
      this.#isPumping = false
    }
  }

  #handle(ready: Ready): void {
    for (const change of ready.changes) this.#noteChange(change)
    this.#send(ready.messages)
    if (ready.write) this.#write(ready.write)
    this.#apply(ready)
    this.#send(this.#promises.hold(ready.promisedAfter, ready.promises))
    for (const { contexts, index } of ready.readStates) this.#reads.confirm(contexts, index)
    for (const to of ready.snapshotsToSend) this.#sendSnapshot(to)
    if (ready.install) this.#install(ready.install)
  }

  #write(write: DiskWrite): void {
    this.#parts.wal.append(write)
    this.#parts.wal.flush()
  }

  #apply(ready: Ready): void {
    const { committed } = ready
    const last = committed.at(-1)
    if (!last) return
    const { stateMachine, metrics } = this.#parts
    stateMachine.apply(committed)
    metrics.appliedIndex.set(last.entry.index)
    metrics.commitIndex.set(this.#core.status().log.commitIndex)
    this.#checkpoints.applied(last.entry.index)
  }

  /** One frame per peer for consecutive runs of messages; the core emits them peer by peer. */
  #send(messages: readonly Message[]): void {
    const byPeer = new Map<MemberId, Message[]>()
    for (const message of messages) {
      const group = byPeer.get(message.to)
      if (group) group.push(message)
      else byPeer.set(message.to, [message])
    }
    for (const [to, group] of byPeer) this.#transport.send(to, group)
  }

  #sendSnapshot(to: MemberId): void {
    if (!this.#sender.mayBegin(to)) {
      this.#core.snapshotSent(to, false)
      return
    }
    const { term, confState } = this.#core.status()
    const reader = this.#parts.stateMachine.openSnapshot()
    this.#parts.powers.log.info('sending snapshot', { peer: to, index: reader.meta.index })
    this.#core.snapshotStarted(to, reader.meta.index)
    this.#sender.begin({ to, term, confState, reader })
  }

  #install(meta: SnapshotMeta): void {
    const writer = this.snapshots.takeComplete(meta)
    if (!writer) {
      this.#core.snapshotRefused()
      return
    }
    const { wal, powers } = this.#parts
    wal.mark({ index: meta.index, term: meta.term }, () =>
      writer.finish((error) =>
        this.#run(() => {
          if (error) {
            powers.log.error('snapshot not installed', { index: meta.index, error: error.message })
            this.#core.snapshotRefused()
          } else {
            this.#core.snapshotInstalled()
            wal.resetTo({ index: meta.index, term: meta.term })
            powers.log.info('snapshot installed', { index: meta.index, term: meta.term })
          }
          this.snapshots.concluded(error)
        }),
      ),
    )
  }

  #noteChange(change: LeadershipChange): void {
    const { metrics, powers } = this.#parts
    const { term, leaderId, role, reason } = change
    this.#lastChange = change
    metrics.leadershipChanges.add(1, { role, reason })
    metrics.term.set(term)
    metrics.isLeader.set(role === 'leader' ? 1 : 0)
    metrics.hasLeader.set(leaderId === undefined ? 0 : 1)
    // Candidacies without end, where a quorum is missing, are no news.
    const isNews = role === 'leader' || leaderId !== undefined || this.#hadLeader
    this.#hadLeader = leaderId !== undefined
    powers.log[isNews ? 'info' : 'debug']('raft leadership changed', { ...change })
    if (role !== 'leader' && leaderId !== undefined) {
      for (const { resolve, timer } of this.#transferWaiters.splice(0)) {
        timer.cancel()
        resolve()
      }
    }
    this.onLeadershipChange(change)
  }

  #mostCaughtUp(): MemberId | undefined {
    const { role, confState } = this.#core.status()
    if (role.kind !== 'leader') return undefined
    const voters = [...role.progress].filter(
      ([id]) => confState.voters.includes(id) && this.#transport.isConnected(id),
    )
    voters.sort(([, a], [, b]) => b.matchIndex - a.matchIndex)
    return voters[0]?.[0]
  }

  #arm(): void {
    if (this.#state === 'ended') return
    const nowMs = this.#nowMs()
    const longestMs = this.#parts.tuning.heartbeatMs / 2
    const delayMs = Math.max(1, Math.min(longestMs, this.#core.nextDeadlineMs() - nowMs))
    this.#timer = this.#parts.powers.clock.setTimer(delayMs, () => {
      this.#run(() => {
        this.#core.tick(this.#nowMs())
        const expired = this.#reads.expire(this.#core.status().leaderId !== undefined)
        if (expired.length > 0) this.#core.dropReads(new Set(expired))
        this.#transport.tick()
      })
      this.#arm()
    })
  }

  async #close(): Promise<void> {
    if (this.#state === 'running' && this.#core.status().role.kind === 'leader') {
      await this.transferLeadership().catch((error: unknown) => {
        this.#parts.powers.log.info('closing without a successor', { reason: messageOf(error) })
      })
    }
    if (this.#state !== 'ended') await this.#end()
  }

  /** Nothing happens after this. */
  async #end(): Promise<void> {
    this.#state = 'ended'
    this.#timer?.cancel()
    this.#reads.close()
    this.snapshots.close()
    for (const { reject, timer } of this.#transferWaiters.splice(0)) {
      timer.cancel()
      reject(new Error('the member is closing'))
    }
    this.#parts.wal.close()
    await Promise.all([this.#transport.close(), this.#tasks.close()])
    this.#parts.release()
  }

  #fatal(error: unknown): void {
    if (this.#state === 'ended') return
    const { fatal, log } = this.#parts.powers
    this.#closing = this.#end().catch((problem: unknown) => {
      log.warn('raft did not end cleanly', { error: messageOf(problem) })
    })
    fatal(error instanceof Error ? error : new Error(String(error)))
  }
}

function progressOf(leader: LeaderRole, nowMs: number): RaftStatus['progress'] {
  return [...leader.progress].map(([id, { matchIndex, state, heardMs }]) => {
    return { id, matchIndex, state, silentMs: Math.round(nowMs - heardMs) }
  })
}

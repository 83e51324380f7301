/**
 * The replicated state and what a log entry does to it. Deterministic: the same entries in the same order
 * give the same bytes on every member and on every replay. No clock, no randomness, no I/O except reading
 * records; what is to be written comes back as records.
 *
 * Errors: a `Refusal` is part of the state machine (every member refuses alike; the entry counts as
 * applied). Anything else thrown here is this member's own trouble and halts it.
 */
import { unreachable } from '../platform/assert.ts'
import type { AppliedEntry } from '../raft/state-machine.ts'
import { type ConfState, type LogIndex, type Term, toLogIndex, toTerm } from '../raft/types.ts'
import { type Command, decodeFrame, type MemberAttributes } from './command.ts'
import { Refusal } from './errors.ts'
import { type Lease, LeaseTable } from './lease/lease-table.ts'
import { Mvcc, type RecordSource, type RevisionChanges } from './mvcc/mvcc.ts'
import { applyTxn, deleteKeys, type TxnOutcome } from './txn/txn.ts'
import { decodeTxn } from './txn/txn-codec.ts'

/** What one command came to. */
export type CommandOutcome =
  | { readonly ok: true; readonly revision: number; readonly txn?: TxnOutcome; readonly lease?: Lease }
  | { readonly ok: false; readonly refusal: Refusal }

export interface EntryOutcome {
  readonly index: LogIndex
  readonly term: Term
  /** One per command of the entry, in order. */
  readonly outcomes: readonly CommandOutcome[]
}

/** Takes a revision's changes before the next command is applied: that one may read them. */
export type ChangeSink = (changes: RevisionChanges) => void

export class StoreState {
  readonly mvcc: Mvcc
  readonly leases = new LeaseTable()
  /** As each announced itself when it last became leader, by id. */
  readonly members = new Map<string, MemberAttributes>()
  index: LogIndex = toLogIndex(0)
  term: Term = toTerm(0)
  confState: ConfState | undefined
  /** Log index of the newest compaction: what it made unreachable is removed once a checkpoint covers it. */
  compactIndex = 0

  constructor(read: RecordSource) {
    this.mvcc = new Mvcc(read)
  }

  /** Applies one entry, the next. @throws what is not deterministic: the member must halt */
  apply({ entry, confState }: AppliedEntry, wantsResults: boolean, sink: ChangeSink): EntryOutcome {
    this.index = entry.index
    this.term = entry.term
    if (confState) this.confState = confState
    const outcomes: CommandOutcome[] = []
    if (entry.kind === 'normal') {
      const frame = decodeFrame(entry.data)
      this.leases.advance(frame.leaseClockMs)
      for (const command of frame.commands) outcomes.push(this.#applyOne(command, sink, wantsResults))
    }
    return { index: entry.index, term: entry.term, outcomes }
  }

  #applyOne(command: Command, sink: ChangeSink, wantsResults: boolean): CommandOutcome {
    try {
      const outcome = this.#execute(command, sink, wantsResults)
      return { ok: true, revision: this.mvcc.revision, ...outcome }
    } catch (error) {
      if (error instanceof Refusal) return { ok: false, refusal: error }
      throw error
    }
  }

  #execute(
    command: Command,
    sink: ChangeSink,
    wantsResults: boolean,
  ): { readonly txn?: TxnOutcome; readonly lease?: Lease } {
    switch (command.kind) {
      case 'txn': {
        const state = { mvcc: this.mvcc, hasLease: (id: string) => this.leases.has(id) }
        const txn = applyTxn(state, decodeTxn(command.request), wantsResults)
        if (txn.changes) sink(txn.changes)
        return { txn }
      }
      case 'lease-grant':
        this.leases.grant(command.id, command.ttlMs)
        return {}
      case 'lease-keep-alive':
        return { lease: this.leases.keepAlive(command.id) }
      case 'lease-revoke':
        this.#endLease(command.id, sink)
        return {}
      case 'lease-expire':
        for (const id of command.ids) if (this.leases.isExpired(id)) this.#endLease(id, sink)
        return {}
      case 'compact':
        this.#compact(command.revision)
        return {}
      case 'tick':
        return {}
      case 'announce':
        this.members.set(command.member.id, command.member)
        return {}
      default:
        return unreachable(command)
    }
  }

  #endLease(id: string, sink: ChangeSink): void {
    this.leases.revoke(id)
    const ended = deleteKeys(this.mvcc, this.mvcc.keysOfLease(id))
    if (ended) sink(ended)
  }

  #compact(revision: number): void {
    const { mvcc } = this
    if (revision > mvcc.revision) {
      throw new Refusal('future-revision', `cannot compact revision ${revision}, now is ${mvcc.revision}`)
    }
    if (revision <= mvcc.compactRevision) {
      throw new Refusal(
        'compacted',
        `revision ${revision} was compacted already, up to ${mvcc.compactRevision}`,
        {
          revision: mvcc.compactRevision,
        },
      )
    }
    mvcc.compact(revision)
    this.compactIndex = this.index
  }
}

/**
 * Several `RawNode`s in one process, for tests: a network that is a list of messages, disks whose un-synced
 * part a crash forgets, and a state machine that is a list of entries. Nothing happens by itself; scripts
 * (`conversation.fixture.ts`) and random schedules (`raw-cluster.test.ts`) say what happens next.
 *
 * Whatever they do, `check` must hold after every step. Source of the invariants: Raft paper, Figure 3.
 */
import { assert, defined } from '../platform/assert.ts'
import { seededRandom } from '../platform/random.ts'
import { initialConfState } from './conf-change.ts'
import type { Message } from './message.ts'
import * as joint from './quorum/joint.ts'
import type { DiskWrite, Ready, Restored } from './raw-node.ts'
import { RawNode } from './raw-node.ts'
import type { LeadershipChange } from './raft-node.ts'
import type { CoreOptions } from './state.ts'
import type { ConfState, Entry, HardState, LogIndex, LogPosition, MemberId, Term } from './types.ts'
import { toLogIndex, toTerm } from './types.ts'

/** What a WAL holds, as recovery would read it. */
interface DiskState {
  hardState: HardState
  offset: LogPosition
  entries: readonly Entry[]
}

/** One member: its core while it lives, and what it has beyond its life. */
export class RawMember {
  readonly id: MemberId
  node: RawNode | undefined
  disk: DiskState
  /** Written, not synced: a crash keeps any prefix. */
  pendingWrites: DiskWrite[] = []
  heldPromises: { readonly after: number; readonly messages: readonly Message[] }[] = []
  durableSequence = 0
  /** The state machine: the last applied entry, and the one up to which a crash forgets nothing. */
  applied: { index: LogIndex; confState: ConfState }
  durableApplied: { index: LogIndex; confState: ConfState }
  readonly confirmedReads: { readonly context: number; readonly index: LogIndex }[] = []
  readonly changes: LeadershipChange[] = []
  lives = 0

  constructor(id: MemberId, initial: Restored) {
    const { hardState, offset, entries, appliedIndex, confState } = initial
    this.id = id
    this.disk = { hardState, offset, entries }
    this.applied = { index: appliedIndex, confState }
    this.durableApplied = this.applied
  }

  get core(): RawNode {
    return defined(this.node, `member ${this.id} is down: its core`)
  }

  get lastDurableIndex(): number {
    return this.disk.offset.index + this.disk.entries.length
  }

  hasDurably(position: LogPosition): boolean {
    const { offset, entries } = this.disk
    if (position.index <= offset.index) return true
    return entries[position.index - offset.index - 1]?.term === position.term
  }
}

export interface RawClusterOptions {
  readonly seed: bigint
  readonly core: CoreOptions
  readonly voters: readonly MemberId[]
  readonly learners?: readonly MemberId[]
  /** Hears everything that happens, one line each. */
  readonly trace?: (line: string) => void
}

/** What the first reader of an index in the cluster's history must agree with. */
interface Committed {
  readonly term: Term
  readonly text: string
}

export class RawCluster {
  readonly options: RawClusterOptions
  readonly members = new Map<MemberId, RawMember>()
  readonly network: Message[] = []
  /** Directed links that deliver nothing, as `from>to`. */
  readonly cuts = new Set<string>()
  nowMs = 0
  readonly #leaders = new Map<Term, MemberId>()
  readonly #committed = new Map<LogIndex, Committed>()
  readonly #history = new Map<LogIndex, Entry>()
  readonly #reads = new Map<number, LogIndex>()
  #lastContext = 0

  constructor(options: RawClusterOptions) {
    this.options = options
    const confState = { ...initialConfState(options.voters), learners: options.learners ?? [] }
    for (const id of [...options.voters, ...(options.learners ?? [])]) this.add(id, confState)
  }

  /** A member with an empty disk; `confState` is what it believes the membership to be. */
  add(id: MemberId, confState: ConfState, initial?: Partial<Restored>): RawMember {
    const nothing = { index: toLogIndex(0), term: toTerm(0) }
    const hardState = { term: toTerm(0), vote: undefined, commitIndex: toLogIndex(0) }
    const restored = {
      hardState,
      offset: nothing,
      entries: [],
      appliedIndex: toLogIndex(0),
      confState,
      ...initial,
    }
    const member = new RawMember(id, restored)
    this.members.set(id, member)
    this.start(member)
    return member
  }

  member(id: MemberId): RawMember {
    return defined(this.members.get(id), `member ${id}`)
  }

  /** Starts a member from its disk. */
  start(member: RawMember): void {
    assert(!member.node, () => `member ${member.id} is up already`)
    const { disk, durableApplied, id } = member
    member.lives += 1
    member.applied = durableApplied
    member.durableSequence = 0
    member.node = new RawNode({
      id,
      core: this.options.core,
      random: seededRandom(this.options.seed).fork(`${id} life ${member.lives}`),
      nowMs: this.nowMs,
      restored: {
        hardState: disk.hardState,
        offset: disk.offset,
        entries: disk.entries,
        appliedIndex: durableApplied.index,
        confState: durableApplied.confState,
      },
    })
  }

  /** The process dies; of the writes not yet synced the first `kept` survive. */
  crash(member: RawMember, kept: number): void {
    for (const write of member.pendingWrites.slice(0, kept)) applyWrite(member.disk, write)
    member.pendingWrites = []
    member.heldPromises = []
    member.node = undefined
  }

  /** Handles one Ready, without syncing; false when there was none. */
  process(member: RawMember): boolean {
    const ready = member.node?.ready()
    if (!ready) return false
    for (const change of ready.changes) this.#noteChange(member, change)
    this.#post(ready.messages)
    if (ready.write) this.#write(member, ready.write)
    this.#apply(member, ready)
    this.#hold(member, ready)
    for (const { contexts, index } of ready.readStates) this.#confirm(member, contexts, index)
    for (const to of ready.snapshotsToSend) this.#sendSnapshot(member, to)
    if (ready.install) this.#install(member, ready.install.index, ready.install.confState)
    this.check()
    return true
  }

  /** The oldest `count` writes become durable (all by default); false when there were none. */
  sync(member: RawMember, count = member.pendingWrites.length): boolean {
    const done = member.pendingWrites.splice(0, count)
    const last = done.at(-1)
    if (!last) return false
    for (const write of done) applyWrite(member.disk, write)
    member.durableSequence = last.sequence
    this.#trace(`${member.id}  disk has ${describeDisk(member.disk)}`)
    member.core.appended(last.sequence, this.nowMs)
    const free = member.heldPromises.filter(({ after }) => after <= last.sequence)
    member.heldPromises = member.heldPromises.filter(({ after }) => after > last.sequence)
    for (const { messages } of free) this.#post(messages)
    this.check()
    return true
  }

  /** Hands a message to its receiver, or loses it when the receiver is down or the link is cut. */
  deliver(message: Message): void {
    const receiver = this.members.get(message.to)
    const isCut = this.cuts.has(`${message.from}>${message.to}`)
    if (!receiver?.node || isCut) {
      this.lose(message)
      return
    }
    this.#trace(describeMessage(message))
    receiver.node.step(message, this.nowMs)
    this.#reportSnapshot(message, true)
    this.check()
  }

  /** The message never arrives. */
  lose(message: Message): void {
    this.#trace(`${describeMessage(message)}  lost`)
    this.#reportSnapshot(message, false)
  }

  /** A snapshot's sender learns what became of its stream. */
  #reportSnapshot(message: Message, isOk: boolean): void {
    if (message.type !== 'snapshot') return
    this.members.get(message.from)?.node?.snapshotSent(message.to, isOk)
  }

  /** Asks for a read at `member`; the answer must cover everything that is committed by now. */
  read(member: RawMember): number {
    this.#lastContext += 1
    const committed = Math.max(0, ...this.#committed.keys())
    this.#reads.set(this.#lastContext, toLogIndex(committed))
    member.core.readIndex(this.#lastContext)
    return this.#lastContext
  }

  /** The state machine flushes itself, and the log before `keep` entries is let go. */
  checkpoint(member: RawMember, keep: number): void {
    member.durableApplied = member.applied
    const index = toLogIndex(Math.max(0, member.applied.index - keep))
    member.core.compactTo(index)
    const { offset, entries } = member.disk
    if (index <= offset.index || index > member.lastDurableIndex) return
    const last = defined(entries[index - offset.index - 1], 'last compacted entry')
    member.disk.entries = entries.slice(index - offset.index)
    member.disk.offset = { index, term: last.term }
  }

  leader(): RawMember | undefined {
    const leaders = [...this.members.values()].filter(({ node }) => node?.status().role.kind === 'leader')
    return leaders.sort((a, b) => b.core.status().term - a.core.status().term)[0]
  }

  /** What is committed, as far as anyone knows. */
  get committedIndex(): number {
    return Math.max(0, ...this.#committed.keys())
  }

  /** Commands applied by a member, in order. */
  commandsOf(member: RawMember): readonly string[] {
    const commands: string[] = []
    for (let i = 1; i <= member.applied.index; i += 1) {
      const entry = this.#history.get(toLogIndex(i))
      if (entry?.kind === 'normal') commands.push(textOf(entry))
    }
    return commands
  }

  /** Asserts the invariants of Figure 3 over everyone's present state. */
  check(): void {
    const entries = new Map<string, { readonly text: string; readonly prevTerm: Term | undefined }>()
    for (const member of this.members.values()) {
      if (!member.node) continue
      const { log, term, role } = member.node.status()
      assert(
        log.commitIndex <= log.lastIndex,
        () => `${member.id}: commit ${log.commitIndex} > last ${log.lastIndex}`,
      )
      this.#checkLog(member.id, log, entries)
      this.#checkCommitted(member)
      if (role.kind === 'leader') this.#checkLeader(member.id, term, log)
    }
  }

  /** Log matching: same index and term, same entry and same predecessor. */
  #checkLog(
    id: MemberId,
    log: ReturnType<RawNode['status']>['log'],
    seen: Map<string, { readonly text: string; readonly prevTerm: Term | undefined }>,
  ): void {
    for (const entry of log.slice(log.firstIndex, Number.MAX_SAFE_INTEGER)) {
      const key = `${entry.index}/${entry.term}`
      const prevTerm = log.termAt(toLogIndex(entry.index - 1))
      const known = seen.get(key)
      assert(
        !known || (known.text === textOf(entry) && known.prevTerm === prevTerm),
        () => `log matching: entry ${key} differs at ${id}`,
      )
      seen.set(key, { text: textOf(entry), prevTerm })
    }
  }

  /** Whatever is committed for the first time must lie on the disks of a quorum, and never change. */
  #checkCommitted(member: RawMember): void {
    const { log, confState } = member.core.status()
    for (let i = log.commitIndex; i >= log.firstIndex; i = toLogIndex(i - 1)) {
      const entry = defined(log.slice(i, 0)[0], `entry ${i}`)
      const known = this.#committed.get(i)
      if (known) {
        assert(
          known.term === entry.term && known.text === textOf(entry),
          () =>
            `state machine safety: ${member.id} commits ${entry.term} ${textOf(entry)} at ${i}, known is ${known.term} ${known.text}`,
        )
        return
      }
      const isDurable = (id: MemberId) => this.members.get(id)?.hasDurably(entry) ?? false
      assert(
        joint.hasQuorum(confState, isDurable) || log.hasUnappliedConfChange(),
        () => `${member.id} commits entry ${i} of term ${entry.term}, which no quorum has on disk`,
      )
      this.#committed.set(i, { term: entry.term, text: textOf(entry) })
    }
  }

  /** Election safety and leader completeness. */
  #checkLeader(id: MemberId, term: Term, log: ReturnType<RawNode['status']>['log']): void {
    const known = this.#leaders.get(term)
    assert(known === undefined || known === id, () => `election safety: ${known} and ${id} lead term ${term}`)
    if (known === id) return
    this.#leaders.set(term, id)
    for (const [index, { term: committedTerm }] of this.#committed) {
      const held = log.termAt(index)
      assert(
        index < log.firstIndex || held === committedTerm,
        () => `leader completeness: ${id} leads term ${term} without committed entry ${index}`,
      )
    }
  }

  #noteChange(member: RawMember, change: LeadershipChange): void {
    member.changes.push(change)
    const leader = change.leaderId === undefined ? 'no leader' : `leader ${change.leaderId}`
    this.#trace(`${member.id}  is ${change.role} of term ${change.term}, ${leader} (${change.reason})`)
  }

  #post(messages: readonly Message[]): void {
    this.network.push(...messages)
  }

  #write(member: RawMember, write: DiskWrite): void {
    const previous = member.pendingWrites.at(-1)?.sequence ?? member.durableSequence
    assert(write.sequence > previous, () => `write ${write.sequence} after ${previous}`)
    member.pendingWrites.push(write)
  }

  #apply(member: RawMember, ready: Ready): void {
    for (const { entry, confState } of ready.committed) {
      assert(
        entry.index === member.applied.index + 1,
        () => `${member.id} applies ${entry.index} after ${member.applied.index}`,
      )
      assert(
        member.hasDurably(entry),
        () => `${member.id} applies entry ${entry.index}, which its own disk lacks`,
      )
      const known = this.#history.get(entry.index)
      assert(
        !known || (known.term === entry.term && textOf(known) === textOf(entry)),
        () => `state machine safety: ${member.id} applies something else at ${entry.index}`,
      )
      this.#history.set(entry.index, entry)
      member.applied = { index: entry.index, confState: confState ?? member.applied.confState }
      this.#trace(`${member.id}  applies ${describeEntry(entry)}`)
    }
  }

  #hold(member: RawMember, ready: Ready): void {
    if (ready.promisedAfter <= member.durableSequence) this.#post(ready.promises)
    else if (ready.promises.length > 0)
      member.heldPromises.push({ after: ready.promisedAfter, messages: ready.promises })
  }

  #confirm(member: RawMember, contexts: readonly number[], index: LogIndex): void {
    for (const context of contexts) {
      const least = defined(this.#reads.get(context), `read ${context}`)
      this.#reads.delete(context)
      assert(
        index >= least,
        () => `stale read: ${member.id} may read at ${index}, but ${least} was committed before`,
      )
      member.confirmedReads.push({ context, index })
      this.#trace(`${member.id}  may serve read ${context} at index ${index}`)
    }
  }

  #sendSnapshot(member: RawMember, to: MemberId): void {
    const { index, confState } = member.applied
    member.core.snapshotStarted(to, index)
    const term = defined(member.core.status().log.termAt(index), `term of applied entry ${index}`)
    this.#post([
      {
        type: 'snapshot',
        from: member.id,
        to,
        term: member.core.status().term,
        meta: { index, term, confState },
      },
    ])
  }

  #install(member: RawMember, index: LogIndex, confState: ConfState): void {
    // The marker is written after everything else and synced before the switch.
    this.sync(member)
    const entry = defined(this.#history.get(index), `applied entry ${index}`)
    member.disk = { hardState: member.disk.hardState, offset: { index, term: entry.term }, entries: [] }
    member.applied = { index, confState }
    member.durableApplied = member.applied
    this.#trace(`${member.id}  installs snapshot at ${index}/${entry.term}`)
    member.core.snapshotInstalled()
  }

  #trace(line: string): void {
    this.options.trace?.(line)
  }
}

function applyWrite(disk: DiskState, write: DiskWrite): void {
  if (write.hardState) disk.hardState = write.hardState
  const first = write.entries[0]
  if (!first) return
  const kept = first.index - disk.offset.index - 1
  assert(kept >= 0 && kept <= disk.entries.length, () => `write at ${first.index} leaves a gap`)
  disk.entries = [...disk.entries.slice(0, kept), ...write.entries]
}

function describeDisk(disk: DiskState): string {
  const last = disk.entries.at(-1) ?? disk.offset
  const { term, vote } = disk.hardState
  return `term ${term}${vote === undefined ? '' : ` vote ${vote}`}, log to ${last.index}/${last.term}`
}

export function textOf(entry: Entry): string {
  return new TextDecoder().decode(entry.data)
}

function describeEntry(entry: Entry): string {
  const what = entry.kind === 'normal' ? JSON.stringify(textOf(entry)) : entry.kind
  return `${entry.index}/${entry.term} ${what}`
}

/** One line per message, for scripts. */
export function describeMessage(message: Message): string {
  const head = `${message.from}→${message.to}`
  return `${head} ${describeBody(message)}`
}

function describeBody(m: Message): string {
  switch (m.type) {
    case 'append': {
      const entries = m.entries.map(describeEntry).join(', ')
      return `append term ${m.term} after ${m.prevIndex}/${m.prevTerm} commit ${m.commitIndex}: [${entries}]`
    }
    case 'append-accepted':
      return `accepted term ${m.term} match ${m.matchIndex}`
    case 'append-rejected':
      return `rejected term ${m.term} after ${m.prevIndex}, hint ${m.hintIndex}/${m.hintTerm}`
    case 'heartbeat':
      return `heartbeat term ${m.term} commit ${m.commitIndex}${m.readId > 0 ? ` read ${m.readId}` : ''}`
    case 'heartbeat-response':
      return `heartbeat-response term ${m.term} commit ${m.commitIndex}${m.readId > 0 ? ` read ${m.readId}` : ''}`
    case 'vote':
      return `${m.isPre ? 'pre-vote' : 'vote'} term ${m.term} last ${m.lastIndex}/${m.lastTerm}${m.isTransfer ? ' by transfer' : ''}`
    case 'vote-response':
      return `${m.isPre ? 'pre-vote' : 'vote'} ${m.isGranted ? 'granted' : 'refused'} term ${m.term} commit ${m.commitIndex}`
    case 'snapshot':
      return `snapshot term ${m.term} at ${m.meta.index}/${m.meta.term} voters ${m.meta.confState.voters.join(' ')}`
    case 'read-index':
      return `read-index term ${m.term}`
    case 'read-index-response':
      return `read-index-response term ${m.term} index ${m.index}`
    case 'stale-term':
      return `stale-term term ${m.term}`
    case 'timeout-now':
      return `timeout-now term ${m.term}`
  }
}

/**
 * Scripted conversations: a cluster, told step by step what happens, and what everyone says to it. The files
 * in `testdata/` are tests to be read: their names are sentences, their comments say what to look at.
 *
 *   # comment                               commands, one per line
 *   command                                 ----
 *   ----                                    what followed, one line per message, change of role, disk
 *   output                                  write, applied entry
 *
 * `runConversation` returns the script with the outputs as they really are; the test compares.
 */
import { defined } from '../platform/assert.ts'
import type { SingleChange } from './conf-change.ts'
import { initialConfState } from './conf-change.ts'
import type { Message } from './message.ts'
import type { RawMember } from './raw-cluster.fixture.ts'
import { describeMessage, RawCluster } from './raw-cluster.fixture.ts'
import type { CoreOptions } from './state.ts'
import type { Entry, MemberId } from './types.ts'
import { toLogIndex, toMemberId, toTerm } from './types.ts'

const defaults: CoreOptions = {
  heartbeatMs: 50,
  electionTimeoutMs: 200,
  maxMessageBytes: 100_000,
  maxInflightMessages: 100,
  maxInflightBytes: 1_000_000,
  maxUncommittedBytes: 1_000_000,
  maxApplyBytes: 1_000_000,
}

type Words = readonly string[]

/** The script with every block's output replaced by what really happens. */
export function runConversation(script: string): string {
  const conversation = new Conversation()
  const blocks = script.trimEnd().split(/\n\n+/)
  return `${blocks.map((block) => runBlock(conversation, block)).join('\n\n')}\n`
}

function runBlock(conversation: Conversation, block: string): string {
  const lines = block.split('\n')
  const separator = lines.indexOf('----')
  const commands = separator < 0 ? lines : lines.slice(0, separator)
  const spoken = commands.filter((line) => !line.startsWith('#') && line.trim() !== '')
  if (spoken.length === 0) return block
  const output = spoken.flatMap((line) => conversation.run(line))
  return [...commands, '----', ...(output.length > 0 ? output : ['ok'])].join('\n')
}

class Conversation {
  #cluster: RawCluster | undefined
  #lines: string[] = []
  /** Members whose disk syncs only when told to. */
  readonly #slowDisks = new Set<MemberId>()

  run(line: string): readonly string[] {
    const [command = '', ...words] = line.trim().split(/\s+/)
    this.#lines = []
    try {
      this.#dispatch(command, words)
    } catch (error) {
      this.#lines.push(`FAILED: ${error instanceof Error ? error.message : String(error)}`)
    }
    return this.#lines
  }

  #dispatch(command: string, words: Words): void {
    const commands: Readonly<Record<string, (words: Words) => void>> = {
      cluster: (w) => this.#makeCluster(w),
      member: (w) => this.#makeMember(w),
      elect: ([id]) => this.#elect(this.#member(id)),
      campaign: (w) => this.#eachMember(w, (member) => member.core.campaign(this.cluster.nowMs)),
      tick: (w) => this.#tick(w),
      run: (w) => this.#run(w),
      pass: ([ms]) => void (this.cluster.nowMs += Number(ms)),
      process: (w) => this.#eachMember(w, (member) => this.#process(member)),
      sync: (w) => this.#sync(w),
      deliver: (w) => this.#take(w, (message) => this.cluster.deliver(message)),
      lose: (w) => this.#take(w, (message) => this.cluster.lose(message)),
      double: (w) => this.#take(w, (message) => void this.cluster.network.push(message, message)),
      stabilize: (w) => this.#stabilize(w),
      propose: (w) => this.#propose(w),
      read: (w) => this.#eachMember(w, (member) => this.#lines.push(`read ${this.cluster.read(member)}`)),
      transfer: (w) => this.#transfer(w),
      change: (w) => this.#change(w),
      crash: (w) => this.#crash(w),
      start: (w) => this.#eachMember(w, (member) => this.cluster.start(member)),
      cut: (w) => this.#cut(w),
      heal: () => this.cluster.cuts.clear(),
      checkpoint: (w) => this.#checkpoint(w),
      'slow-disk': (w) => this.#eachMember(w, ({ id }) => this.#slowDisks.add(id)),
      'quick-disk': (w) => this.#eachMember(w, ({ id }) => this.#slowDisks.delete(id)),
      unreachable: ([from, to]) => this.#member(from).core.unreachable(this.#member(to).id),
      status: (w) => this.#eachMember(w, (member) => this.#lines.push(describeStatus(member))),
      progress: (w) => this.#eachMember(w, (member) => this.#lines.push(...describeProgress(member))),
      log: (w) => this.#eachMember(w, (member) => this.#lines.push(describeLog(member))),
      disk: (w) => this.#eachMember(w, (member) => this.#lines.push(describeWrites(member))),
      network: () => this.#lines.push(...this.cluster.network.map(describeMessage)),
    }
    defined(commands[command], `command "${command}"`)(words)
  }

  get cluster(): RawCluster {
    return defined(this.#cluster, 'the cluster')
  }

  #member(id: string | undefined): RawMember {
    return this.cluster.member(toMemberId(defined(id, 'a member')))
  }

  #eachMember(words: Words, work: (member: RawMember) => void): void {
    for (const member of this.#named(words)) work(member)
  }

  /** The members named, or all. */
  #named(words: Words): readonly RawMember[] {
    return words.length > 0 ? words.map((id) => this.#member(id)) : [...this.cluster.members.values()]
  }

  /** `cluster 1 2 3 learners 4 inflight=2 message-bytes=100` */
  #makeCluster(words: Words): void {
    const ids = words.filter((word) => !word.includes('=') && word !== 'learners').map(toMemberId)
    const split = words.indexOf('learners')
    const voters = split < 0 ? ids : ids.slice(0, split)
    const settings = new Map(words.filter((word) => word.includes('=')).map((word) => twoOf(word.split('='))))
    const number = (name: string, otherwise: number) => Number(settings.get(name) ?? otherwise)
    const core = {
      ...defaults,
      maxInflightMessages: number('inflight', defaults.maxInflightMessages),
      maxInflightBytes: number('inflight-bytes', defaults.maxInflightBytes),
      maxMessageBytes: number('message-bytes', defaults.maxMessageBytes),
    }
    const trace = (line: string) => void this.#lines.push(line)
    this.#cluster = new RawCluster({ seed: 1n, core, voters, learners: ids.slice(voters.length), trace })
  }

  /** `member 4 of 1 2 3 log 1 1 2 term 5`: replaces or adds a member with this disk. */
  #makeMember(words: Words): void {
    const [id = ''] = words
    const of = section(words, 'of')
    const terms = section(words, 'log').map((term) => toTerm(Number(term)))
    const entries = terms.map((term, i): Entry => {
      const data = new TextEncoder().encode(`${i + 1}/${term}`)
      return { index: toLogIndex(i + 1), term, kind: 'normal', data }
    })
    const term = toTerm(Number(section(words, 'term')[0] ?? terms.at(-1) ?? 0))
    const hardState = { term, vote: undefined, commitIndex: toLogIndex(0) }
    const voters = of.map(toMemberId)
    this.cluster.add(toMemberId(id), initialConfState(voters), { hardState, entries })
  }

  /** Campaigns and lets everything happen, without telling: how most conversations begin. */
  #elect(member: RawMember): void {
    member.core.campaign(this.cluster.nowMs)
    this.#stabilize([])
    this.#lines = [describeStatus(member)]
  }

  /** `tick 100` for all, `tick 100 1 2` for some: the others' clocks move, but they are not told. */
  #tick(words: Words): void {
    const [ms = '0', ...ids] = words
    const { cluster } = this
    // In steps, as the driver does: a core that was not called for long takes it for a pause of its own.
    for (let left = Number(ms); left > 0; left -= 25) {
      cluster.nowMs += Math.min(left, 25)
      for (const member of this.#named(ids)) {
        member.node?.tick(cluster.nowMs)
        this.#process(member)
      }
    }
  }

  #process(member: RawMember): void {
    while (this.cluster.process(member)) {
      // Until there is nothing more to do.
    }
  }

  /** `sync 1` all writes, `sync 1 first 2` the two oldest. */
  #sync(words: Words): void {
    const [count] = section(words, 'first')
    const member = this.#member(words[0])
    this.cluster.sync(member, count === undefined ? undefined : Number(count))
  }

  /** `1>2 append`: the messages on that link of that type, or of any; `1>2 append one`: the oldest of them. */
  #take(words: Words, work: (message: Message) => void): void {
    const [link = '', type, count] = words
    const [from, to] = link.split('>')
    const isMeant = (m: Message) =>
      (from === '*' || m.from === from) &&
      (to === '*' || m.to === to) &&
      (type === undefined || m.type === type)
    const { network } = this.cluster
    for (const message of network.filter(isMeant).slice(0, count === 'one' ? 1 : undefined)) {
      network.splice(network.indexOf(message), 1)
      work(message)
    }
  }

  /** `run 300`: time passes, everything happens; heartbeats are left out of what is told. */
  #run(words: Words): void {
    const [ms = '0', ...ids] = words
    for (let left = Number(ms); left > 0; left -= 25) {
      this.#tick([String(Math.min(left, 25)), ...ids])
      this.#stabilize(ids)
    }
    this.#lines = this.#lines.filter((line) => !line.includes(' heartbeat'))
  }

  /** Everything that can happen among these members without time passing, happens. */
  #stabilize(words: Words): void {
    const members = this.#named(words)
    const { network } = this.cluster
    const isNamed = (id: MemberId) => members.some((member) => member.id === id)
    const isMeant = ({ from, to }: Message) => {
      if (this.cluster.cuts.has(`${from}>${to}`)) return isNamed(from) || isNamed(to)
      return isNamed(from) && isNamed(to)
    }
    for (let isBusy = true; isBusy; ) {
      isBusy = false
      for (const member of members) {
        while (this.cluster.process(member)) isBusy = true
      }
      for (const member of members) {
        if (member.node && !this.#slowDisks.has(member.id)) isBusy = this.cluster.sync(member) || isBusy
      }
      for (const message of network.filter(isMeant)) {
        isBusy = true
        network.splice(network.indexOf(message), 1)
        this.cluster.deliver(message)
      }
    }
  }

  #propose(words: Words): void {
    const [id, ...commands] = words
    for (const command of commands) {
      const result = this.#member(id).core.propose(new TextEncoder().encode(command))
      if (!result.accepted)
        this.#lines.push(`refused: ${result.reason}, leader ${result.leaderId ?? 'unknown'}`)
    }
  }

  #transfer(words: Words): void {
    const [from, to] = words
    const isBegun = this.#member(from).core.transferLeadership(toMemberId(to ?? ''), this.cluster.nowMs)
    if (!isBegun) this.#lines.push('refused')
  }

  /** `change 1 auto add-voter 4`, `change 1 explicit add-voter 4 remove 3`, `change 1 leave` */
  #change(words: Words): void {
    const [id, how, ...rest] = words
    const changes: SingleChange[] = []
    for (let i = 0; i + 1 < rest.length; i += 2) {
      const type = (['add-voter', 'add-learner', 'remove'] as const).find((known) => known === rest[i])
      changes.push({ type: defined(type, `change "${rest[i]}"`), id: toMemberId(rest[i + 1] ?? '') })
    }
    const transition = how === 'explicit' || how === 'implicit' ? how : 'auto'
    const result = this.#member(id).core.proposeConfChange({ transition, changes })
    if (!result.accepted) this.#lines.push(`refused: ${result.reason}`)
  }

  /** `crash 1` loses all that is not synced; `crash 1 keep 2` loses all but the two oldest writes. */
  #crash(words: Words): void {
    this.cluster.crash(this.#member(words[0]), Number(section(words, 'keep')[0] ?? 0))
  }

  /** `cut 1>2` one direction, `cut 3` all links of a member. */
  #cut(words: Words): void {
    for (const word of words) {
      if (word.includes('>')) this.cluster.cuts.add(word)
      else {
        for (const id of this.cluster.members.keys())
          this.cluster.cuts.add(`${word}>${id}`).add(`${id}>${word}`)
      }
    }
  }

  #checkpoint(words: Words): void {
    this.cluster.checkpoint(this.#member(words[0]), Number(section(words, 'keep')[0] ?? 0))
  }
}

const keywords = ['of', 'log', 'term', 'keep', 'first']

/** The words after `keyword`, up to the next one. */
function section(words: Words, keyword: string): Words {
  const start = words.indexOf(keyword)
  if (start < 0) return []
  const rest = words.slice(start + 1)
  const end = rest.findIndex((word) => keywords.includes(word))
  return end < 0 ? rest : rest.slice(0, end)
}

function twoOf(words: Words): readonly [string, string] {
  return [words[0] ?? '', words[1] ?? '']
}

function describeStatus(member: RawMember): string {
  if (!member.node) return `${member.id}  is down`
  const { term, vote, role, leaderId, confState, log } = member.node.status()
  const conf = [
    `voters ${confState.voters.join(' ')}`,
    confState.votersOutgoing.length > 0 ? `outgoing ${confState.votersOutgoing.join(' ')}` : '',
    confState.learners.length > 0 ? `learners ${confState.learners.join(' ')}` : '',
    confState.learnersNext.length > 0 ? `learners-next ${confState.learnersNext.join(' ')}` : '',
  ].filter((part) => part !== '')
  const known = `${role.kind}, term ${term}, vote ${vote ?? '-'}, leader ${leaderId ?? '-'}`
  const frontiers = `applied ${log.appliedIndex} commit ${log.commitIndex} stable ${log.stableIndex} last ${log.lastIndex}`
  return `${member.id}  ${known}, ${frontiers}, ${conf.join(', ')}`
}

function describeProgress(member: RawMember): readonly string[] {
  const { role } = member.core.status()
  if (role.kind !== 'leader') return [`${member.id}  does not lead`]
  return [...role.progress].map(([id, p]) => {
    const inflight =
      p.inflights.count > 0 ? `, inflight ${p.inflights.count}${p.inflights.isFull ? ' (full)' : ''}` : ''
    const snapshot = p.state === 'snapshot' ? `, snapshot ${p.snapshotIndex}` : ''
    return `${id}  ${p.state}, match ${p.matchIndex} next ${p.nextIndex}${inflight}${snapshot}${p.isPaused ? ', paused' : ''}`
  })
}

/** What a member's disk has been given and not yet confirmed. */
function describeWrites(member: RawMember): string {
  const writes = member.pendingWrites.map(({ hardState, entries }) => {
    const parts = [
      ...(hardState ? [`term ${hardState.term} vote ${hardState.vote ?? '-'}`] : []),
      ...(entries.length > 0 ? [entries.map(({ index, term }) => `${index}/${term}`).join(' ')] : []),
    ]
    return `(${parts.join(', ')})`
  })
  return `${member.id}  waits for ${writes.join(' ')}`
}

function describeLog(member: RawMember): string {
  const { log } = member.core.status()
  const entries = log
    .slice(log.firstIndex, Number.MAX_SAFE_INTEGER)
    .map(({ index, term }) => `${index}/${term}`)
  return `${member.id}  [${log.firstIndex - 1}] ${entries.join(' ')}`
}

/**
 * One test per claim of Figure 2 of the Raft paper, on a single core whose peers are played by the test.
 * Where Skedia does more than the paper says (pre-vote, hints), the claim still holds and is shown.
 */
import t from 'tap'
import { seededRandom } from '../platform/random.ts'
import { initialConfState } from './conf-change.ts'
import type { Message } from './message.ts'
import type { Ready } from './raw-node.ts'
import { freshlyRestored, RawNode } from './raw-node.ts'
import type { CoreOptions } from './state.ts'
import type { Entry, LogIndex, Term } from './types.ts'
import { toLogIndex, toMemberId, toTerm } from './types.ts'

const core: CoreOptions = {
  heartbeatMs: 50,
  electionTimeoutMs: 200,
  maxMessageBytes: 100_000,
  maxInflightMessages: 100,
  maxInflightBytes: 100_000,
  maxUncommittedBytes: 100_000,
  maxApplyBytes: 100_000,
}
const me = toMemberId('1')
const other = toMemberId('2')
const third = toMemberId('3')
const noCommit = { commitIndex: toLogIndex(0), commitTerm: toTerm(0) }

function entries(first: number, ...terms: readonly number[]): readonly Entry[] {
  return terms.map((term, i) => {
    const index = toLogIndex(first + i)
    return { index, term: toTerm(term), kind: 'normal', data: new TextEncoder().encode(`${index}/${term}`) }
  })
}

type Draft<M extends Message['type']> = Omit<Extract<Message, { type: M }>, 'from' | 'to' | 'type'>

/** One core, its disk (which syncs when told) and what it has said so far. */
class Subject {
  readonly node: RawNode
  nowMs = 0
  readonly said: Message[] = []
  readonly applied: number[] = []
  #held: { readonly after: number; readonly messages: readonly Message[] }[] = []
  #writes: number[] = []

  constructor(disk: { term?: number; vote?: string; terms?: readonly number[] } = {}) {
    const { term = 0, vote, terms = [] } = disk
    const fresh = freshlyRestored(initialConfState([me, other, third]))
    const hardState = {
      term: toTerm(term),
      vote: vote === undefined ? undefined : toMemberId(vote),
      commitIndex: toLogIndex(0),
    }
    const restored = { ...fresh, hardState, entries: entries(1, ...terms) }
    const random = seededRandom(1n)
    this.node = new RawNode({ id: me, core, random, restored, nowMs: 0 })
  }

  /** Everything but the disk's answer happens. */
  settle(): this {
    for (let ready = this.node.ready(); ready; ready = this.node.ready()) this.#handle(ready)
    return this
  }

  /** The disk answers, and what follows happens. */
  sync(): this {
    this.settle()
    for (let last = this.#writes.at(-1); last !== undefined; last = this.#writes.at(-1)) {
      this.#writes = []
      this.node.appended(last, this.nowMs)
      const done = last
      for (const { messages } of this.#held.filter(({ after }) => after <= done)) this.said.push(...messages)
      this.#held = this.#held.filter(({ after }) => after > done)
      this.settle()
    }
    return this
  }

  #handle(ready: Ready): void {
    this.said.push(...ready.messages)
    if (ready.write) this.#writes.push(ready.write.sequence)
    this.applied.push(...ready.committed.map(({ entry }) => entry.index))
    if (this.#writes.length === 0) this.said.push(...ready.promises)
    else this.#held.push({ after: ready.promisedAfter, messages: ready.promises })
  }

  hear(message: Message): this {
    this.node.step(message, this.nowMs)
    return this.settle()
  }

  /** Time passes in the driver's small steps. */
  pass(ms: number): this {
    for (let left = ms; left > 0; left -= 25) {
      this.nowMs += Math.min(25, left)
      this.node.tick(this.nowMs)
      this.settle()
    }
    return this
  }

  /** What was said of one kind, since the last time it was asked. */
  take<M extends Message['type']>(type: M): readonly Extract<Message, { type: M }>[] {
    const isMeant = (m: Message): m is Extract<Message, { type: M }> => m.type === type
    const taken = this.said.filter(isMeant)
    this.said.splice(0)
    return taken
  }

  get term(): Term {
    return this.node.status().term
  }

  get role(): string {
    return this.node.status().role.kind
  }

  get commitIndex(): LogIndex {
    return this.node.status().log.commitIndex
  }

  get log(): readonly string[] {
    const { log } = this.node.status()
    return log.slice(toLogIndex(1), 1e9).map(({ index, term }) => `${index}/${term}`)
  }

  /** Becomes leader of the next term by the vote of `other`. */
  lead(): this {
    this.node.campaign(this.nowMs)
    this.settle()
    const term = toTerm(this.term + 1)
    this.hear({
      type: 'vote-response',
      from: other,
      to: me,
      term,
      isPre: true,
      isGranted: true,
      ...noCommit,
    }).sync()
    this.hear({
      type: 'vote-response',
      from: other,
      to: me,
      term,
      isPre: false,
      isGranted: true,
      ...noCommit,
    })
    return this
  }
}

function append(term: number, prev: readonly [number, number], rest: Partial<Draft<'append'>> = {}): Message {
  const [prevIndex, prevTerm] = prev
  return {
    type: 'append',
    from: other,
    to: me,
    term: toTerm(term),
    prevIndex: toLogIndex(prevIndex),
    prevTerm: toTerm(prevTerm),
    entries: [],
    commitIndex: toLogIndex(0),
    ...rest,
  }
}

function vote(term: number, last: readonly [number, number], rest: Partial<Draft<'vote'>> = {}): Message {
  const [lastIndex, lastTerm] = last
  return {
    type: 'vote',
    from: other,
    to: me,
    term: toTerm(term),
    isPre: false,
    isTransfer: false,
    lastIndex: toLogIndex(lastIndex),
    lastTerm: toTerm(lastTerm),
    ...rest,
  }
}

function accepted(from: typeof me, term: number, matchIndex: number): Message {
  return { type: 'append-accepted', from, to: me, term: toTerm(term), matchIndex: toLogIndex(matchIndex) }
}

void t.test('state: term, vote and log are on stable storage before an RPC is answered', async (t) => {
  const voter = new Subject().hear(vote(1, [0, 0]))
  t.same(voter.take('vote-response'), [], 'the vote waits')
  t.match(voter.sync().take('vote-response'), [{ isGranted: true }])
  const follower = new Subject().hear(append(1, [0, 0], { entries: entries(1, 1) }))
  t.same(follower.take('append-accepted'), [], 'the ack waits')
  t.match(follower.sync().take('append-accepted'), [{ matchIndex: 1 }])
  const candidate = new Subject()
  candidate.node.campaign(0)
  candidate.settle().hear({
    type: 'vote-response',
    from: other,
    to: me,
    term: toTerm(1),
    isPre: true,
    isGranted: true,
    ...noCommit,
  })
  t.notOk(
    candidate.take('vote').some(({ isPre }) => !isPre),
    'the own candidacy waits',
  )
  t.equal(candidate.sync().take('vote').length, 2)
})

void t.test(
  'AppendEntries 1: an append of an older term is not accepted, and its sender learns the newer one',
  async (t) => {
    const s = new Subject({ term: 3, terms: [1] }).hear(append(2, [1, 1], { entries: entries(2, 2) })).sync()
    t.same(s.log, ['1/1'])
    t.match(s.said, [{ type: 'stale-term', term: 3 }])
  },
)

void t.test('AppendEntries 2: rejected when there is no entry prevLogIndex with prevLogTerm', async (t) => {
  const s = new Subject({ term: 2, terms: [1, 1] })
  t.match(s.hear(append(2, [3, 2])).take('append-rejected'), [{ prevIndex: 3, hintIndex: 2, hintTerm: 1 }])
  t.match(s.hear(append(2, [2, 2])).take('append-rejected'), [{ prevIndex: 2, hintIndex: 2, hintTerm: 1 }])
  t.match(
    s
      .hear(append(2, [2, 1]))
      .sync()
      .take('append-accepted'),
    [{ matchIndex: 2 }],
  )
})

void t.test('AppendEntries 3: an entry that conflicts goes, with all that follow it', async (t) => {
  const s = new Subject({ term: 2, terms: [1, 1, 1] }).hear(append(3, [1, 1], { entries: entries(2, 3) }))
  t.same(s.log, ['1/1', '2/3'])
})

void t.test(
  'AppendEntries 4: entries already there stay, and what follows them too: an old append cuts nothing off',
  async (t) => {
    const s = new Subject({ term: 1, terms: [1, 1, 1] })
      .hear(append(1, [0, 0], { entries: entries(1, 1) }))
      .sync()
    t.same(s.log, ['1/1', '2/1', '3/1'])
    t.match(s.take('append-accepted'), [{ matchIndex: 1 }], 'and the ack tells only what was compared')
  },
)

void t.test(
  'AppendEntries 5: the commit index follows the leader up to the last new entry, no further',
  async (t) => {
    const s = new Subject({ term: 1, terms: [1, 1, 1] })
    s.hear(append(2, [0, 0], { entries: entries(1, 1), commitIndex: toLogIndex(3) }))
    t.equal(s.commitIndex, 1, 'entries 2 and 3 are not known to be the leader’s')
    s.hear({ type: 'heartbeat', from: other, to: me, term: toTerm(2), commitIndex: toLogIndex(3), readId: 0 })
    t.equal(s.commitIndex, 1, 'by a heartbeat neither')
    s.hear(append(2, [1, 1], { entries: entries(2, 1), commitIndex: toLogIndex(3) }))
    t.equal(s.commitIndex, 2)
  },
)

void t.test('RequestVote 1: no vote for a candidate of an older term', async (t) => {
  const s = new Subject({ term: 3 }).hear(vote(2, [9, 2])).sync()
  t.notOk(s.take('vote-response').some(({ isGranted }) => isGranted))
})

void t.test(
  'RequestVote 2: one vote per term, first come first served, again for the same candidate',
  async (t) => {
    const s = new Subject()
    t.match(
      s
        .hear(vote(1, [0, 0]))
        .sync()
        .take('vote-response'),
      [{ to: '2', isGranted: true }],
    )
    t.match(
      s
        .hear(vote(1, [0, 0], { from: third } as object))
        .sync()
        .take('vote-response'),
      [{ to: '3', isGranted: false }],
    )
    t.match(
      s
        .hear(vote(1, [0, 0]))
        .sync()
        .take('vote-response'),
      [{ to: '2', isGranted: true }],
    )
    const restarted = new Subject({ term: 1, vote: '2' })
      .hear(vote(1, [0, 0], { from: third } as object))
      .sync()
    t.match(restarted.take('vote-response'), [{ isGranted: false }], 'after a restart too')
  },
)

void t.test(
  'RequestVote 2: only for a log at least as up to date: the later last term, then the longer log',
  async (t) => {
    const grants = (last: readonly [number, number]) => {
      const s = new Subject({ term: 3, terms: [1, 2, 2] }).hear(vote(4, last)).sync()
      return s.take('vote-response').some(({ isGranted }) => isGranted)
    }
    t.notOk(grants([2, 2]), 'shorter')
    t.ok(grants([3, 2]), 'equal')
    t.ok(grants([4, 2]), 'longer')
    t.ok(grants([1, 3]), 'shorter, of a later term')
    t.notOk(grants([9, 1]), 'longer, of an earlier term')
  },
)

void t.test('all servers: what is committed is applied, in order, once', async (t) => {
  const s = new Subject()
    .hear(append(1, [0, 0], { entries: entries(1, 1, 1), commitIndex: toLogIndex(1) }))
    .sync()
  t.same(s.applied, [1])
  s.hear(append(1, [2, 1], { entries: entries(3, 1), commitIndex: toLogIndex(3) })).sync()
  t.same(s.applied, [1, 2, 3])
})

void t.test('all servers: a higher term makes a follower of anyone', async (t) => {
  const leader = new Subject().lead()
  t.equal(leader.role, 'leader')
  leader.hear({ type: 'stale-term', from: third, to: me, term: toTerm(7) })
  t.same([leader.role, leader.term], ['follower', 7])
  const follower = new Subject().hear(append(5, [0, 0]))
  t.same([follower.role, follower.term], ['follower', 5])
})

void t.test(
  'followers: after an election timeout without a leader or a vote given, one campaigns',
  async (t) => {
    const s = new Subject().hear(append(1, [0, 0])).sync()
    s.pass(175)
    t.equal(s.role, 'follower')
    s.hear({ type: 'heartbeat', from: other, to: me, term: toTerm(1), commitIndex: toLogIndex(0), readId: 0 })
    s.pass(175)
    t.equal(s.role, 'follower', 'a heartbeat starts the silence anew')
    s.pass(150)
    t.equal(s.role, 'pre-candidate')
    t.equal(s.term, 1, 'asking first changes nothing')
  },
)

void t.test('followers: election timeouts are spread', async (t) => {
  const timeouts = new Set<number>()
  for (let seed = 0n; seed < 50n; seed += 1n) {
    const restored = freshlyRestored(initialConfState([me, other, third]))
    const node = new RawNode({
      id: me,
      core,
      random: seededRandom(seed),
      restored,
      nowMs: 0,
    })
    node.step(append(1, [0, 0]), 0)
    timeouts.add(Math.round(node.nextDeadlineMs()))
  }
  t.ok(timeouts.size > 30)
  t.ok(Math.min(...timeouts) >= 200 && Math.max(...timeouts) < 300)
})

void t.test('candidates: on conversion the term rises, the vote is the own, and all are asked', async (t) => {
  const s = new Subject({ term: 4, terms: [4] })
  s.node.campaign(0)
  s.settle().take('vote')
  s.hear({
    type: 'vote-response',
    from: third,
    to: me,
    term: toTerm(5),
    isPre: true,
    isGranted: true,
    ...noCommit,
  }).sync()
  t.same([s.role, s.term, s.node.status().vote], ['candidate', 5, '1'])
  t.match(s.take('vote'), [
    { to: '2', term: 5, isPre: false, lastIndex: 1, lastTerm: 4 },
    { to: '3', term: 5, isPre: false, lastIndex: 1, lastTerm: 4 },
  ])
})

void t.test('candidates: votes of a majority make a leader; the same voter twice is one vote', async (t) => {
  const five = ['1', '2', '3', '4', '5'].map(toMemberId)
  const restored = freshlyRestored(initialConfState(five))
  const node = new RawNode({ id: me, core, random: seededRandom(1n), restored, nowMs: 0 })
  const answer = (from: string, isPre: boolean) =>
    node.step(
      {
        type: 'vote-response',
        from: toMemberId(from),
        to: me,
        term: toTerm(1),
        isPre,
        isGranted: true,
        ...noCommit,
      },
      0,
    )
  node.campaign(0)
  answer('2', true)
  answer('3', true)
  const write = node.ready()?.write
  node.appended(write?.sequence ?? 0, 0)
  answer('2', false)
  answer('2', false)
  t.equal(node.status().role.kind, 'candidate')
  answer('3', false)
  t.equal(node.status().role.kind, 'leader')
})

void t.test('candidates: a vote of an older election does not count', async (t) => {
  const s = new Subject({ term: 5 })
  s.node.campaign(0)
  s.settle()
    .hear({
      type: 'vote-response',
      from: other,
      to: me,
      term: toTerm(6),
      isPre: true,
      isGranted: true,
      ...noCommit,
    })
    .sync()
  s.hear({
    type: 'vote-response',
    from: other,
    to: me,
    term: toTerm(5),
    isPre: false,
    isGranted: true,
    ...noCommit,
  })
  s.hear({
    type: 'vote-response',
    from: other,
    to: me,
    term: toTerm(6),
    isPre: true,
    isGranted: true,
    ...noCommit,
  })
  t.equal(s.role, 'candidate', 'neither an old vote nor a pre-vote')
  s.hear({
    type: 'vote-response',
    from: other,
    to: me,
    term: toTerm(6),
    isPre: false,
    isGranted: true,
    ...noCommit,
  })
  t.equal(s.role, 'leader')
})

void t.test('candidates: a new leader’s append makes a follower', async (t) => {
  const s = new Subject()
  s.node.campaign(0)
  s.settle()
    .hear({
      type: 'vote-response',
      from: third,
      to: me,
      term: toTerm(1),
      isPre: true,
      isGranted: true,
      ...noCommit,
    })
    .sync()
  t.equal(s.role, 'candidate')
  s.hear(append(1, [0, 0]))
  t.same([s.role, s.node.status().leaderId], ['follower', '2'])
})

void t.test('candidates: when the timeout passes without a winner, one tries again', async (t) => {
  const s = new Subject()
  s.node.campaign(0)
  s.settle()
    .hear({
      type: 'vote-response',
      from: third,
      to: me,
      term: toTerm(1),
      isPre: true,
      isGranted: true,
      ...noCommit,
    })
    .sync()
  s.take('vote')
  s.pass(175)
  t.equal(s.role, 'pre-candidate')
  t.match(s.take('vote'), [
    { isPre: true, term: 2 },
    { isPre: true, term: 2 },
  ])
})

void t.test('leaders: upon election all hear of it, and when idle again and again', async (t) => {
  const s = new Subject().lead()
  t.match(s.take('append'), [{ to: '2' }, { to: '3' }])
  s.pass(50)
  t.match(s.take('heartbeat'), [{ to: '2' }, { to: '3' }])
})

void t.test('leaders: a command is appended, and its client hears of it when it is applied', async (t) => {
  const s = new Subject().lead().sync()
  const result = s.node.propose(new TextEncoder().encode('x'))
  t.match(result, { accepted: true, term: 1, index: 2 })
  s.sync()
  t.same(s.applied, [], 'not before a quorum has it')
  s.hear(accepted(other, 1, 2))
  t.same(s.applied, [1, 2])
})

void t.test(
  'leaders: what a follower lacks is sent from nextIndex on; its answer moves nextIndex and matchIndex',
  async (t) => {
    const s = new Subject().lead().sync()
    s.hear(accepted(other, 1, 1)).take('append')
    s.node.propose(new TextEncoder().encode('x'))
    s.settle()
    t.match(
      s.take('append').filter(({ to }) => to === other),
      [{ prevIndex: 1, entries: [{ index: 2 }] }],
    )
    s.hear(accepted(other, 1, 2))
    const { role } = s.node.status()
    t.match(role.kind === 'leader' && role.progress.get(other), {
      matchIndex: 2,
      nextIndex: 3,
      state: 'replicate',
    })
  },
)

void t.test('leaders: a rejection moves nextIndex back, and the append is tried again', async (t) => {
  const s = new Subject({ term: 2, terms: [1, 1, 2, 2] }).lead().sync()
  s.take('append')
  const term = s.term
  s.hear({
    type: 'append-rejected',
    from: other,
    to: me,
    term,
    prevIndex: toLogIndex(4),
    hintIndex: toLogIndex(4),
    hintTerm: toTerm(1),
  })
  t.match(
    s.take('append').filter(({ to }) => to === other),
    [{ prevIndex: 2, prevTerm: 1, entries: [{ index: 3 }, { index: 4 }, { index: 5 }] }],
    'over a whole term at once',
  )
})

void t.test('leaders: an entry of an earlier term is not committed by counting', async (t) => {
  const s = new Subject({ term: 2, terms: [1, 2] }).lead().sync()
  s.hear(accepted(other, s.term, 2))
  t.equal(s.commitIndex, 0)
  s.hear(accepted(other, s.term, 3))
  t.equal(s.commitIndex, 3)
})

void t.test('leaders: an ack of an earlier term counts for nothing', async (t) => {
  const s = new Subject({ term: 2 }).lead().sync()
  s.hear(accepted(other, 2, 1))
  t.equal(s.commitIndex, 0)
})

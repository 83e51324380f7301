import fc from 'fast-check'
import t from 'tap'
import { RaftLog } from './log.ts'
import type { Entry } from './types.ts'
import { toLogIndex, toTerm } from './types.ts'

const at = (index: number, term: number) => ({ index: toLogIndex(index), term: toTerm(term) })

function entries(first: number, ...terms: readonly number[]): readonly Entry[] {
  return terms.map((term, i) => ({ ...at(first + i, term), kind: 'normal', data: new Uint8Array(10) }))
}

function log(terms: readonly number[], commitIndex = 0, appliedIndex = 0): RaftLog {
  return new RaftLog({
    offset: at(0, 0),
    entries: entries(1, ...terms),
    commitIndex: toLogIndex(commitIndex),
    appliedIndex: toLogIndex(appliedIndex),
  })
}

function termsOf(subject: RaftLog): readonly number[] {
  return subject.slice(subject.firstIndex, 1e9).map(({ term }) => term)
}

void t.test(
  'what was read from the disk is stable; commit is the higher of what is known, within the log',
  async (t) => {
    t.same([log([1, 1, 2]).stableIndex, log([1, 1, 2], 2).commitIndex], [3, 2])
    t.equal(log([1, 1, 2], 1, 3).commitIndex, 3, 'the state machine may be ahead of the hard state')
    t.equal(log([1, 1], 9).commitIndex, 2, 'a commit index past the end is not believed')
    t.throws(() => log([1], 0, 2), /applied index 2 is outside of the log/)
  },
)

void t.test('a conflict below the commit index is a bug, not a truncation', async (t) => {
  t.throws(() => log([1, 1], 2).appendAfter(at(0, 0), entries(1, 2)), /conflicts below the commit index/)
})

void t.test('an ack vouches only for what no later write has replaced', async (t) => {
  const subject = log([1])
  subject.append(entries(2, 1, 1))
  const first = subject.handOver(0)
  subject.appendAfter(at(1, 1), entries(2, 2))
  const second = subject.handOver(0)
  subject.appendAfter(at(1, 1), entries(2, 3, 3))
  const third = subject.handOver(0)
  t.same([subject.stableTo(first.sequence), subject.stableIndex], [false, 1])
  t.same([subject.stableTo(second.sequence), subject.stableIndex], [false, 1])
  t.same([subject.stableTo(third.sequence), subject.stableIndex], [true, 3])
})

void t.test('what was stable and is replaced is not stable any more', async (t) => {
  const subject = log([1, 1, 1])
  subject.appendAfter(at(1, 1), entries(2, 2))
  t.equal(subject.stableIndex, 1)
})

void t.test('only what is committed and on the own disk is applied', async (t) => {
  const subject = log([1])
  subject.append(entries(2, 1, 1))
  subject.commitTo(toLogIndex(3))
  t.same(
    subject.takeApplicable(1e9).map(({ index }) => index),
    [1],
  )
  subject.stableTo(subject.handOver(0).sequence)
  t.same(
    subject.takeApplicable(100).map(({ index }) => index),
    [2],
    'in portions',
  )
  t.equal(subject.hasApplicable, true)
})

void t.test('compaction keeps the last position for the consistency check', async (t) => {
  const subject = log([1, 1, 2, 2], 3, 3)
  subject.compactTo(toLogIndex(3))
  t.same(
    [subject.firstIndex, subject.termAt(toLogIndex(3)), subject.termAt(toLogIndex(2))],
    [4, 2, undefined],
  )
  t.same(subject.appendAfter(at(3, 2), entries(4, 2, 3)), 5)
  t.throws(() => subject.compactTo(toLogIndex(4)), /above the applied index/)
})

void t.test(
  'a restored log begins after the snapshot, and older writes vouch for nothing in it',
  async (t) => {
    const subject = log([1, 1])
    subject.append(entries(3, 1))
    const { sequence } = subject.handOver(0)
    subject.restore(at(10, 4))
    t.same(
      [subject.firstIndex, subject.lastIndex, subject.commitIndex, subject.stableIndex],
      [11, 10, 10, 10],
    )
    t.equal(subject.stableTo(sequence), false)
    subject.append(entries(11, 4))
    t.equal(subject.handOver(0).prevTerm, 4)
  },
)

void t.test('hints skip whole terms', async (t) => {
  const subject = log([1, 1, 1, 4, 4, 5, 5, 6, 6, 6])
  t.same(subject.lastNotAfter(at(10, 5)), at(7, 5))
  t.same(subject.lastNotAfter(at(10, 3)), at(3, 1))
  t.same(subject.lastNotAfter(at(99, 9)), at(10, 6))
  t.same(subject.lastNotAfter(at(2, 0)), at(0, 0))
})

void t.test(
  'appendAfter makes the log equal to the leader’s up to the last new entry, and cuts off only what conflicts',
  async (t) => {
    const terms = fc.array(fc.nat({ max: 2 }), { maxLength: 8 }).map((steps) => {
      let term = 1
      return steps.map((step) => (term += step))
    })
    fc.assert(
      fc.property(terms, terms, fc.nat({ max: 8 }), fc.nat({ max: 8 }), (mine, theirs, from, count) => {
        const subject = log(mine)
        const start = Math.min(from, theirs.length)
        const sent = theirs.slice(start, start + count)
        const prevTerm = theirs[start - 1] ?? 0
        const hasPrev = start === 0 || mine[start - 1] === prevTerm
        const result = subject.appendAfter(at(start, prevTerm), entries(start + 1, ...sent))
        if (!hasPrev) {
          t.same([result, termsOf(subject)], [undefined, mine])
          return
        }
        const conflict = sent.findIndex((term, i) => mine[start + i] !== term)
        const kept = conflict < 0 ? mine : mine.slice(0, start + conflict)
        const expected = conflict < 0 ? mine : [...kept, ...sent.slice(conflict)]
        t.same([result, termsOf(subject)], [start + sent.length, expected])
      }),
    )
  },
)

/** Quorums against slow and obvious definitions. */
import fc from 'fast-check'
import t from 'tap'
import { initialConfState } from '../conf-change.ts'
import type { ConfState, LogIndex, MemberId } from '../types.ts'
import { toLogIndex, toMemberId } from '../types.ts'
import * as joint from './joint.ts'
import * as majority from './majority.ts'

const ids = ['1', '2', '3', '4', '5', '6', '7'].map(toMemberId)
const someIds = fc.subarray(ids)
const indexes = fc.array(fc.nat({ max: 9 }), { minLength: 7, maxLength: 7 })

function lookup(values: readonly number[]): (id: MemberId) => LogIndex {
  return (id) => toLogIndex(values[ids.indexOf(id)] ?? 0)
}

/** The definition, word by word: the highest index that more than half have reached. */
function slowCommitted(voters: readonly MemberId[], values: readonly number[]): number {
  const reached = lookup(values)
  for (let index = 9; index > 0; index -= 1) {
    if (voters.filter((id) => reached(id) >= index).length * 2 > voters.length) return index
  }
  return 0
}

void t.test('the committed index is the highest that more than half have reached', async (t) => {
  fc.assert(
    fc.property(someIds, indexes, (voters, values) => {
      if (voters.length === 0) return
      t.equal(majority.committedIndex(voters, lookup(values)), slowCommitted(voters, values))
    }),
  )
})

void t.test('while joint, an index is committed when both halves have committed it', async (t) => {
  fc.assert(
    fc.property(someIds, someIds, indexes, (voters, votersOutgoing, values) => {
      if (voters.length === 0 || votersOutgoing.length === 0) return
      const conf: ConfState = { ...initialConfState(voters), votersOutgoing }
      const expected = Math.min(slowCommitted(voters, values), slowCommitted(votersOutgoing, values))
      t.equal(joint.committedIndex(conf, lookup(values)), expected)
    }),
  )
})

void t.test(
  'an election is won by more than half, lost when that cannot be any more, else pending',
  async (t) => {
    const votes = fc.array(fc.constantFrom(true, false, undefined), { minLength: 7, maxLength: 7 })
    fc.assert(
      fc.property(someIds, votes, (voters, cast) => {
        if (voters.length === 0) return
        const voteOf = (id: MemberId) => cast[ids.indexOf(id)]
        const granted = voters.filter((id) => voteOf(id) === true).length
        const open = voters.filter((id) => voteOf(id) === undefined).length
        const isWon = granted * 2 > voters.length
        const isLost = (granted + open) * 2 <= voters.length
        const expected = isWon ? 'won' : isLost ? 'lost' : 'pending'
        t.equal(majority.voteResult(voters, voteOf), expected)
      }),
    )
  },
)

void t.test('learners belong to the members and to no quorum', async (t) => {
  const [one, two, three, four] = ids
  if (!one || !two || !three || !four) return
  const conf: ConfState = { ...initialConfState([three, one, two]), learners: [four] }
  t.same(joint.allMembers(conf), ['1', '2', '3', '4'])
  t.same(joint.allVoters(conf), ['1', '2', '3'])
  t.notOk(joint.hasQuorum(conf, (id) => id === one || id === four))
  t.ok(joint.hasQuorum(conf, (id) => id === one || id === two))
})

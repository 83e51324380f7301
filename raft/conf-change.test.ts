import fc from 'fast-check'
import t from 'tap'
import { assert } from '../platform/assert.ts'
import type { ConfChange, SingleChange } from './conf-change.ts'
import { changeMembership, decodeConfChange, encodeConfChange, initialConfState } from './conf-change.ts'
import * as joint from './quorum/joint.ts'
import type { ConfState, MemberId } from './types.ts'
import { toMemberId } from './types.ts'

const ids = ['1', '2', '3', '4', '5'].map(toMemberId)
const leave: ConfChange = { transition: 'auto', changes: [] }

function conf(voters: string, rest: Partial<Record<keyof ConfState, string | boolean>> = {}): ConfState {
  const split = (text: unknown) =>
    typeof text === 'string' && text !== '' ? text.split(' ').map(toMemberId) : []
  return {
    voters: split(voters),
    votersOutgoing: split(rest.votersOutgoing),
    learners: split(rest.learners),
    learnersNext: split(rest.learnersNext),
    autoLeave: rest.autoLeave === true,
  }
}

function change(text: string, transition: ConfChange['transition'] = 'auto'): ConfChange {
  const types = { '+': 'add-voter', '~': 'add-learner', '-': 'remove' } as const
  const changes = text.split(' ').map((word): SingleChange => {
    const sign = word[0]
    assert(sign === '+' || sign === '~' || sign === '-', word)
    return { type: types[sign], id: toMemberId(word.slice(1)) }
  })
  return { transition, changes }
}

function after(before: ConfState, next: ConfChange): ConfState | string {
  const result = changeMembership(before, next)
  return result.ok ? result.confState : result.reason
}

void t.test('one change takes effect at once', async (t) => {
  t.same(after(conf('1 2 3'), change('+4')), conf('1 2 3 4'))
  t.same(after(conf('1 2 3'), change('-2')), conf('1 3'))
  t.same(after(conf('1 2 3'), change('~4')), conf('1 2 3', { learners: '4' }))
  t.same(after(conf('1 2', { learners: '4' }), change('+4')), conf('1 2 4'), 'a learner is promoted')
  t.same(after(conf('1 2 3'), change('~3')), conf('1 2', { learners: '3' }), 'a voter is demoted')
  t.same(after(conf('1 2 3'), change('+2')), conf('1 2 3'), 'what is so already changes nothing')
})

void t.test('several changes go through a joint configuration', async (t) => {
  const entered = conf('1 4 5', { votersOutgoing: '1 2 3', autoLeave: true })
  t.same(after(conf('1 2 3'), change('+4 +5 -2 -3')), entered)
  t.same(after(entered, leave), conf('1 4 5'))
  t.same(
    after(conf('1'), change('+2', 'explicit')),
    conf('1 2', { votersOutgoing: '1' }),
    'one too, when asked for',
  )
})

void t.test('a demoted voter becomes a learner only when the outgoing half is left', async (t) => {
  const entered = conf('1 3', { votersOutgoing: '1 2', learnersNext: '2', autoLeave: true })
  t.same(after(conf('1 2'), change('~2 +3')), entered)
  t.same(after(entered, leave), conf('1 3', { learners: '2' }))
})

void t.test('what would leave no voter, or overlap two changes, is refused with the reason', async (t) => {
  t.equal(after(conf('1'), change('-1')), 'no voter would be left')
  t.equal(
    after(conf('1 2', { votersOutgoing: '1' }), change('+3')),
    'a joint configuration must be left first',
  )
  t.equal(after(conf('1 2'), leave), 'there is no joint configuration to leave')
})

void t.test('a change survives its encoding, and what is none is refused', async (t) => {
  const sample = change('+4 ~2 -3', 'implicit')
  t.same(decodeConfChange(encodeConfChange(sample)), sample)
  for (const text of [
    '{}',
    '{"version":2,"transition":"auto","changes":[]}',
    '{"version":1,"transition":"x","changes":[]}',
  ]) {
    t.throws(() => decodeConfChange(new TextEncoder().encode(text)), /membership change/)
  }
})

/** Every set of members that is a quorum of `state`. */
function quorums(state: ConfState): readonly (readonly MemberId[])[] {
  const sets = Array.from({ length: 1 << ids.length }, (_, bits) => ids.filter((_id, i) => (bits >> i) & 1))
  return sets.filter((set) => joint.hasQuorum(state, (id) => set.includes(id)))
}

void t.test('any quorum before a change meets any quorum after it', async (t) => {
  const single = fc.record({
    type: fc.constantFrom('add-voter' as const, 'add-learner' as const, 'remove' as const),
    id: fc.constantFrom(...ids),
  })
  const steps = fc.array(
    fc.oneof(
      fc.constant(leave),
      fc.record({
        transition: fc.constantFrom('auto' as const, 'implicit' as const, 'explicit' as const),
        changes: fc.array(single, { minLength: 1, maxLength: 3 }),
      }),
    ),
    { maxLength: 6 },
  )
  let compared = 0
  fc.assert(
    fc.property(fc.subarray(ids, { minLength: 1 }), steps, (voters, changes) => {
      let state = initialConfState(voters)
      for (const step of changes) {
        const result = changeMembership(state, step)
        if (!result.ok) continue
        for (const a of quorums(state)) {
          for (const b of quorums(result.confState)) {
            compared += 1
            assert(
              a.some((id) => b.includes(id)),
              () =>
                `${JSON.stringify(state)} then ${JSON.stringify(result.confState)}: ${a.join()} and ${b.join()} do not meet`,
            )
          }
        }
        state = result.confState
      }
    }),
    { numRuns: 60 },
  )
  t.ok(compared > 1000)
})

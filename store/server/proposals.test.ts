import t from 'tap'
import { toLogIndex, toTerm } from '../../raft/index.ts'
import type { CommandOutcome } from '../apply.ts'
import { StoreError } from '../client/store-client.ts'
import { Proposals } from './proposals.ts'

const done = { ok: true as const, revision: 2 }

function bench() {
  const proposals = new Proposals()
  const results: (CommandOutcome | StoreError)[] = []
  const add = (index: number, term: number, expiresAtMs = 100) =>
    proposals.add(toLogIndex(index), {
      term: toTerm(term),
      expiresAtMs,
      sizeBytes: 10,
      done: (result) => results.push(result),
    })
  const applied = (index: number, term: number) =>
    proposals.applied({ index: toLogIndex(index), term: toTerm(term), outcomes: [done] })
  return { proposals, results, add, applied }
}

void t.test('an entry of the same term at the index brings the outcome', (t) => {
  const { results, add, applied, proposals } = bench()
  add(5, 2)
  t.equal(proposals.has(toLogIndex(5), toTerm(2)), true)
  applied(5, 2)
  t.same(results, [done])
  t.same([proposals.count, proposals.sizeBytes], [0, 0])
  t.end()
})

void t.test('an entry of another term at the index proves that nothing was written', (t) => {
  const { results, add, applied } = bench()
  add(5, 2)
  applied(5, 3)
  t.match(results, [{ code: 'no-leader', message: /nothing was written/ }])
  t.end()
})

void t.test('of two proposals at one index from two terms, the log decides', (t) => {
  const { results, add, applied } = bench()
  add(5, 2)
  add(5, 4)
  applied(5, 2)
  t.match(results, [done, { code: 'no-leader' }])
  t.end()
})

void t.test('what a snapshot covered, or was not committed in time, has an unknown outcome', (t) => {
  const { results, add, proposals } = bench()
  add(5, 2)
  add(9, 2, 50)
  add(10, 2, 500)
  proposals.replaced(toLogIndex(7))
  proposals.expire(60)
  t.match(results, [{ code: 'unknown-outcome' }, { code: 'unknown-outcome' }])
  proposals.close()
  t.equal(results.length, 3)
  t.equal(proposals.count, 0)
  t.end()
})

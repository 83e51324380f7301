import fc from 'fast-check'
import t from 'tap'
import type { CommandOutcome } from '../apply.ts'
import type { Compare, Operation, TxnRequest } from '../client/store-client.ts'
import { bytes } from '../cluster.fixture.ts'
import { Model, Real, showKeyValue } from './model.fixture.ts'
import { toKeyValue } from './record.ts'

const keyText = fc.constantFrom('a', 'b', 'aa', 'ab', 'b\0', 'c', '\xff', '\xff\xff')
const latin1 = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0))
const key = keyText.map(latin1)
const rangeEnd = fc.option(fc.oneof(key, fc.constant(Uint8Array.of(0))), { nil: undefined })
const value = fc.string({ unit: fc.constantFrom('x', 'y', '\0'), maxLength: 3 }).map(latin1)

const withEnd = ([key, rangeEnd]: [Uint8Array, Uint8Array | undefined]) =>
  rangeEnd === undefined ? { key } : { key, rangeEnd }

const put: fc.Arbitrary<Operation> = fc.record({ type: fc.constant('put' as const), key, value })
const del: fc.Arbitrary<Operation> = fc
  .tuple(key, rangeEnd)
  .map((range) => ({ type: 'delete' as const, ...withEnd(range) }))
/** A revision of 1 stands for the newest one before the transaction (see `pinned`). */
const read: fc.Arbitrary<Operation> = fc
  .tuple(fc.tuple(key, rangeEnd), fc.constantFrom(0, 1))
  .map(([range, revision]) => ({ type: 'range' as const, revision, ...withEnd(range) }))
const operations = fc.array(fc.oneof(put, put, del, read), { maxLength: 4 })
const operator = fc.constantFrom('=' as const, '!=' as const, '<' as const, '>' as const)
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({ key, operator, target: fc.constant('value' as const), value }),
  fc.record({
    key,
    operator,
    target: fc.constantFrom('mod' as const, 'create' as const, 'version' as const),
    value: fc.integer({ min: 0, max: 12 }),
  }),
)
const txn: fc.Arbitrary<TxnRequest> = fc.record({
  compare: fc.array(compare, { maxLength: 2 }),
  success: operations,
  failure: operations,
})

type Step =
  | { readonly do: 'txn'; readonly request: TxnRequest }
  | { readonly do: 'compact'; readonly share: number }
  | { readonly do: 'garbage'; readonly count: number; readonly hasCheckpoint: boolean }
  | { readonly do: 'reload' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: txn.map((request) => ({ do: 'txn' as const, request })) },
  {
    weight: 1,
    arbitrary: fc.double({ min: 0, max: 1, noNaN: true }).map((share) => ({ do: 'compact' as const, share })),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('garbage' as const),
      count: fc.integer({ min: 1, max: 5 }),
      hasCheckpoint: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'reload' as const }) },
)

function pinned(request: TxnRequest, revision: number): TxnRequest {
  const pin = (operation: Operation): Operation =>
    operation.type === 'range' && operation.revision === 1 ? { ...operation, revision } : operation
  return { ...request, success: request.success.map(pin), failure: request.failure.map(pin) }
}

function rangesOf(outcome: CommandOutcome): readonly (readonly string[])[] {
  if (!outcome.ok) return []
  return (outcome.txn?.results ?? []).flatMap((result) =>
    result.type === 'range' ? [result.records.map((record) => showKeyValue(toKeyValue(record)))] : [],
  )
}

function run(step: Step, model: Model, real: Real): void {
  switch (step.do) {
    case 'txn': {
      const request = pinned(step.request, model.revision)
      const outcome = real.txn(request)
      // The model knows nothing of limits: what is refused changes nothing.
      if (!outcome.ok) {
        if (outcome.refusal.code !== 'duplicate-key') throw outcome.refusal
        return
      }
      const { succeeded, ranges } = model.txn(request)
      if (JSON.stringify(rangesOf(outcome)) !== JSON.stringify(ranges))
        throw new Error('ranges within a transaction')
      if (outcome.txn?.succeeded !== succeeded) throw new Error(`succeeded: ${outcome.txn?.succeeded}`)
      return
    }
    case 'compact': {
      const span = model.revision - model.compactRevision
      const revision = model.compactRevision + Math.round(span * step.share)
      const outcome = real.command({ kind: 'compact', revision })
      if (outcome.ok !== revision > model.compactRevision)
        throw new Error(`compact ${revision}: ${outcome.ok}`)
      if (outcome.ok) model.compact(revision)
      return
    }
    case 'garbage':
      real.removeGarbage(step.count, step.hasCheckpoint)
      return
    case 'reload':
      real.reload()
  }
}

function compareAll(model: Model, real: Real): void {
  const everything: [Uint8Array, Uint8Array | undefined][] = [
    [Uint8Array.of(0), Uint8Array.of(0)],
    [bytes('a'), bytes('b')],
    [bytes('a'), undefined],
    [bytes('b'), Uint8Array.of(0)],
  ]
  if (real.state.mvcc.revision !== model.revision)
    throw new Error(`revision ${real.state.mvcc.revision}, not ${model.revision}`)
  for (let revision = Math.max(1, model.compactRevision); revision <= model.revision; revision += 1) {
    for (const [key, end] of everything) {
      const wanted = model.range(key, end, revision)
      const found = real.range(key, end, revision)
      if (found.lines.join('; ') !== wanted.join('; ')) {
        throw new Error(`at ${revision}: ${found.lines.join('; ')} instead of ${wanted.join('; ')}`)
      }
      if (found.count !== wanted.length || found.more) throw new Error(`at ${revision}: count ${found.count}`)
      const one = real.range(key, end, revision, 1)
      if (one.count !== wanted.length || one.more !== wanted.length > 1)
        throw new Error(`at ${revision}: limit 1`)
    }
  }
  real.state.mvcc.check()
}

void t.test(
  'every key at every readable revision is what the obvious model says, through compaction and reload',
  (t) => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), (steps) => {
        const model = new Model()
        const real = new Real()
        for (const step of steps) {
          run(step, model, real)
          compareAll(model, real)
        }
        const events = real.changes.flatMap(({ revision, changes }) =>
          changes.map(({ key }) => `${key} ${revision}`),
        )
        const wanted = model.events.map((event) => `${event.key} ${event.mod}`)
        if (events.sort().join() !== wanted.sort().join()) throw new Error('events')
      }),
      { numRuns: 400, seed: 7 },
    )
    t.end()
  },
)

void t.test('after compaction and its removal nothing but the newest records is left', (t) => {
  const real = new Real()
  for (let i = 0; i < 50; i += 1) {
    real.txn({
      compare: [],
      success: [{ type: 'put', key: bytes(`k${i % 5}`), value: bytes('v') }],
      failure: [],
    })
  }
  real.txn({ compare: [], success: [{ type: 'delete', key: bytes('k0') }], failure: [] })
  real.txn({ compare: [], success: [{ type: 'put', key: bytes('k1'), value: bytes('w') }], failure: [] })
  t.ok(real.command({ kind: 'compact', revision: real.state.mvcc.revision }).ok)
  for (let i = 0; i < 20; i += 1) real.removeGarbage(10, true)
  t.equal(real.records.size, 4)
  t.equal(real.state.mvcc.compactor.hasWork, false)
  t.equal(
    real.state.mvcc.sizeBytes,
    [...real.records.values()].reduce((sum, record) => sum + record.length, 0),
  )
  t.end()
})

void t.test('a tombstone outlives what it hides: removed only after a checkpoint that covers that', (t) => {
  const real = new Real()
  real.txn({ compare: [], success: [{ type: 'put', key: bytes('k'), value: bytes('v') }], failure: [] })
  real.txn({ compare: [], success: [{ type: 'delete', key: bytes('k') }], failure: [] })
  real.txn({ compare: [], success: [{ type: 'put', key: bytes('other'), value: bytes('v') }], failure: [] })
  const [put, tombstone] = [...real.records.keys()]
  real.command({ kind: 'compact', revision: 4 })
  real.removeGarbage(100, false)
  real.removeGarbage(100, false)
  t.same([real.records.has(put ?? ''), real.records.has(tombstone ?? '')], [false, true])
  real.removeGarbage(100, true)
  t.equal(real.records.has(tombstone ?? ''), false)
  t.end()
})

void t.test('places lists every record once, by revision', (t) => {
  const real = new Real()
  for (let i = 0; i < 30; i += 1) {
    const puts = Array.from({ length: (i % 3) + 1 }, (_, j) => ({
      type: 'put' as const,
      key: bytes(`k${(i + j) % 7}`),
      value: bytes('v'),
    }))
    real.txn({ compare: [], success: puts, failure: [] })
  }
  const places = [...real.state.mvcc.places().inOrder()].map(({ main, sub }) => [main, sub])
  const wanted = real.changes.flatMap(({ revision, changes }) =>
    changes.map((_change, sub) => [revision, sub]),
  )
  t.same(places, wanted)
  t.end()
})

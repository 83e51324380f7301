import fc from 'fast-check'
import t from 'tap'
import { defined } from '../../platform/assert.ts'
import type { StoreError } from '../client/store-client.ts'
import { bytes } from '../cluster.fixture.ts'
import { isInRange, type KeyRange, toKeyText } from '../mvcc/key.ts'
import { Real } from '../mvcc/model.fixture.ts'
import { isTombstone, placeKey, recordKeyText, recordValue, toKeyValue } from '../mvcc/record.ts'
import { type OutgoingBatch, WatchHub, type Watcher, type WatchSource } from './watch-hub.ts'

/** A key space with a hub on it, fed by hand. */
class Bench {
  readonly real = new Real()
  readonly hub: WatchHub

  constructor() {
    this.hub = new WatchHub(() => this.#source())
  }

  #source(): WatchSource {
    const { mvcc } = this.real.state
    return {
      revision: mvcc.revision,
      compactRevision: mvcc.compactRevision,
      changesAt: (revision) => this.#changesAt(revision),
      recordAt: (place) => mvcc.readAt(place),
    }
  }

  /** From the records, as after the log has moved on. */
  #changesAt(revision: number) {
    const { mvcc } = this.real.state
    const changes: { key: string; record: Uint8Array; previous: ReturnType<typeof mvcc.placeBefore> }[] = []
    for (let sub = 0; ; sub += 1) {
      const record = this.real.records.get(toKeyText(placeKey({ main: revision, sub })))
      if (!record) break
      const key = recordKeyText(record)
      changes.push({ key, record, previous: mvcc.placeBefore(key, revision) })
    }
    return { revision, changes }
  }

  /** One transaction: puts of keys, a delete when the value is empty. */
  change(writes: readonly (readonly [key: string, value: string])[]): void {
    const before = this.real.changes.length
    this.real.txn({
      compare: [],
      success: writes.map(([key, value]) =>
        value === ''
          ? { type: 'delete', key: bytes(key) }
          : { type: 'put', key: bytes(key), value: bytes(value) },
      ),
      failure: [],
    })
    this.hub.publish(this.real.changes.slice(before))
  }

  compact(revision: number): void {
    this.real.command({ kind: 'compact', revision })
    for (let i = 0; i < 4; i += 1) this.real.removeGarbage(100, true)
  }

  watch(range: KeyRange, startRevision: number, options?: { wantsProgress?: boolean }): Reader {
    return new Reader(this.hub, range, startRevision, options?.wantsProgress ?? false)
  }
}

class Reader {
  readonly watcher: Watcher
  readonly batches: OutgoingBatch[] = []
  isReady = true
  error: StoreError | undefined

  constructor(hub: WatchHub, range: KeyRange, startRevision: number, wantsProgress: boolean) {
    this.watcher = hub.add(
      { range, startRevision, wantsPrevious: true, wantsProgress },
      {
        isReady: () => this.isReady,
        deliver: (batch) => this.batches.push(batch),
        end: (error) => {
          this.error = error
        },
      },
    )
  }

  get lines(): readonly string[] {
    return this.batches.flatMap(({ events }) =>
      events.map(({ record, previous }) => {
        const kv = toKeyValue(record)
        const type = isTombstone(record) ? 'delete' : 'put'
        const before = previous ? ` was ${toKeyText(recordValue(previous))}` : ''
        return `${kv.modRevision} ${type} ${toKeyText(kv.key)}=${toKeyText(kv.value)}${before}`
      }),
    )
  }
}

const all: KeyRange = { start: '\0', end: undefined }
const one = (key: string): KeyRange => ({ start: key, end: `${key}\0` })

void t.test('a watcher gets what happens in its range, with the value before', (t) => {
  const bench = new Bench()
  const reader = bench.watch({ start: 'a', end: 'b' }, 2)
  bench.hub.pump()
  bench.change([
    ['a1', 'x'],
    ['b1', 'y'],
  ])
  bench.change([['a1', 'z']])
  bench.change([['a1', '']])
  t.same(reader.lines, ['2 put a1=x', '3 put a1=z was x', '4 delete a1= was z'])
  t.end()
})

void t.test('a watcher of the past catches up and goes on without gap or repetition', (t) => {
  const bench = new Bench()
  for (let i = 0; i < 5; i += 1) bench.change([['k', `${i}`]])
  const reader = bench.watch(one('k'), 4)
  bench.change([['k', '5']])
  bench.hub.pump()
  bench.change([['k', '6']])
  t.same(
    reader.lines.map((line) => line.split(' ')[0]),
    ['4', '5', '6', '7', '8'],
  )
  t.end()
})

void t.test('a slow reader keeps nothing waiting and later gets everything once', (t) => {
  const bench = new Bench()
  const reader = bench.watch(all, 2)
  bench.hub.pump()
  reader.isReady = false
  for (let i = 0; i < 3000; i += 1) bench.change([[`k${i % 3}`, `${i}`]])
  t.equal(reader.batches.length, 0)
  t.equal(bench.hub.canPump, false)
  reader.isReady = true
  while (bench.hub.canPump) bench.hub.pump()
  bench.change([['k', 'last']])
  t.same(
    reader.lines.map((line) => Number(line.split(' ')[0])),
    Array.from({ length: 3001 }, (_, i) => i + 2),
  )
  t.end()
})

void t.test('all events of one revision come in one batch, also while catching up', (t) => {
  const bench = new Bench()
  for (let i = 0; i < 2000; i += 1)
    bench.change([
      ['a', `${i}`],
      ['b', `${i}`],
      ['c', `${i}`],
    ])
  const reader = bench.watch(all, 2)
  while (bench.hub.behindCount > 0) bench.hub.pump()
  t.ok(reader.batches.length > 1)
  for (const { events } of reader.batches) t.equal(events.length % 3, 0)
  t.end()
})

void t.test('a progress mark comes after every event up to it, never before one', (t) => {
  const bench = new Bench()
  const reader = bench.watch(all, 2)
  bench.hub.pump()
  bench.change([['k', '1']])
  reader.isReady = false
  bench.change([['k', '2']])
  bench.hub.requestProgress(reader.watcher)
  t.equal(reader.batches.length, 1, 'behind: the mark waits')
  reader.isReady = true
  bench.hub.pump()
  t.same(
    reader.batches.map(({ revision, events }) => [revision, events.length]),
    [
      [2, 1],
      [3, 1],
      [3, 0],
    ],
  )
  t.end()
})

void t.test('idle watchers that asked for it hear of the newest revision, others do not', (t) => {
  const bench = new Bench()
  const asked = bench.watch(one('x'), 2, { wantsProgress: true })
  const silent = bench.watch(one('x'), 2)
  bench.hub.pump()
  bench.change([['k', '1']])
  bench.hub.tellProgress()
  bench.hub.tellProgress()
  t.same(asked.batches, [{ revision: 2, events: [] }])
  t.same(silent.batches, [])
  t.end()
})

void t.test('a watch of the future gets neither older events nor older progress (etcd 20221)', (t) => {
  const bench = new Bench()
  const reader = bench.watch(all, 5)
  bench.hub.pump()
  bench.hub.requestProgress(reader.watcher)
  for (let i = 0; i < 3; i += 1) bench.change([['k', `${i}`]])
  t.same(reader.batches, [])
  bench.hub.tellProgress()
  t.same(reader.batches, [{ revision: 4, events: [] }])
  bench.change([['k', '3']])
  t.same(reader.lines, ['5 put k=3 was 2'])
  t.end()
})

void t.test(
  'a watch that starts before the compact revision ends as compacted; at it, it sees the delete (etcd 19179)',
  (t) => {
    const bench = new Bench()
    bench.change([['k', '1']])
    bench.change([['k', '2']])
    bench.change([['k', '']])
    bench.change([['other', '1']])
    bench.compact(4)
    const before = bench.watch(all, 3)
    const at = bench.watch(all, 4)
    bench.hub.pump()
    t.match(before.error, { code: 'compacted', revision: 4 })
    t.same(
      at.lines.map((line) => line.slice(0, 10)),
      ['4 delete k', '5 put othe'],
    )
    t.end()
  },
)

void t.test('after a snapshot took the place of the state, watchers go on from where they were', (t) => {
  const bench = new Bench()
  const reader = bench.watch(all, 2)
  bench.hub.pump()
  bench.change([['k', '1']])
  const other = new Bench()
  other.change([['k', '1']])
  for (let i = 2; i < 6; i += 1) other.change([['k', `${i}`]])
  bench.real.state = other.real.state
  for (const [key, record] of other.real.records) bench.real.records.set(key, record)
  bench.hub.restart()
  bench.hub.pump()
  t.same(
    reader.lines.map((line) => line.split(' ')[0]),
    ['2', '3', '4', '5', '6'],
  )
  t.end()
})

void t.test('a removed watcher hears nothing more', (t) => {
  const bench = new Bench()
  const reader = bench.watch(one('k'), 2)
  bench.hub.pump()
  bench.hub.remove(reader.watcher)
  bench.change([['k', '1']])
  t.same([reader.batches, bench.hub.watcherCount], [[], 0])
  t.end()
})

type Step =
  | { readonly do: 'change'; readonly writes: readonly (readonly [string, string])[] }
  | { readonly do: 'watch'; readonly start: number; readonly range: KeyRange }
  | { readonly do: 'ready'; readonly who: number }
  | { readonly do: 'progress'; readonly who: number }
  | { readonly do: 'compact'; readonly back: number }
  | { readonly do: 'pump' }

const name = fc.constantFrom('a', 'b', 'c')
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .uniqueArray(fc.tuple(name, fc.constantFrom('', 'x', 'y')), {
        minLength: 1,
        maxLength: 3,
        selector: ([key]) => key,
      })
      .map((writes) => ({ do: 'change' as const, writes })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('watch' as const),
      start: fc.integer({ min: 2, max: 30 }),
      range: fc.constantFrom(all, one('a'), { start: 'a', end: 'c' }),
    }),
  },
  { weight: 3, arbitrary: fc.nat(5).map((who) => ({ do: 'ready' as const, who })) },
  { weight: 2, arbitrary: fc.nat(5).map((who) => ({ do: 'progress' as const, who })) },
  { weight: 1, arbitrary: fc.nat(10).map((back) => ({ do: 'compact' as const, back })) },
  { weight: 4, arbitrary: fc.constant({ do: 'pump' as const }) },
)

interface Seen {
  readonly revision: number
  readonly key: string
}

/** What a watcher must have been told, given all changes there were. */
function checkReader(reader: Reader, history: readonly Seen[]): void {
  const { range, startRevision } = reader.watcher.options
  let told = startRevision - 1
  const found: string[] = []
  for (const { revision, events } of reader.batches) {
    if (revision < told) throw new Error(`progress went back from ${told} to ${revision}`)
    for (const { record } of events) {
      const mod = toKeyValue(record).modRevision
      if (mod <= told || mod > revision)
        throw new Error(`event of ${mod} in a batch up to ${revision} after ${told}`)
      found.push(`${mod} ${recordKeyText(record)}`)
    }
    told = revision
  }
  const wanted = history
    .filter(({ revision, key }) => revision >= startRevision && revision <= told && isInRange(range, key))
    .map(({ revision, key }) => `${revision} ${key}`)
  if (found.join() !== wanted.join()) throw new Error(`told ${found.join()} instead of ${wanted.join()}`)
}

void t.test('whatever is slow, late or compacted: ordered, unique, atomic, bookmarkable, no gap', (t) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 80, size: 'max' }), (steps) => {
      const bench = new Bench()
      const readers: Reader[] = []
      const history = () =>
        bench.real.changes.flatMap(({ revision, changes }) => changes.map(({ key }) => ({ revision, key })))
      for (const step of steps) {
        const reader = 'who' in step ? readers[step.who % Math.max(1, readers.length)] : undefined
        if (step.do === 'change') bench.change(step.writes)
        else if (step.do === 'watch')
          readers.push(bench.watch(step.range, step.start, { wantsProgress: true }))
        else if (step.do === 'compact') bench.compact(Math.max(1, bench.real.state.mvcc.revision - step.back))
        else if (step.do === 'pump') bench.hub.pump()
        else if (step.do === 'ready' && reader) reader.isReady = !reader.isReady
        else if (step.do === 'progress' && reader && !reader.watcher.isEnded)
          bench.hub.requestProgress(reader.watcher)
        for (const each of readers) checkReader(each, history())
      }
      for (const each of readers) each.isReady = true
      while (bench.hub.behindCount > 0) bench.hub.pump()
      bench.hub.tellProgress()
      for (const each of readers) {
        checkReader(each, history())
        const last = each.batches[each.batches.length - 1]
        const now = bench.real.state.mvcc.revision
        if (each.error) continue
        if (each.watcher.options.startRevision <= now && defined(last, 'last batch').revision !== now) {
          throw new Error(`a watcher was left at ${last?.revision}, now is ${now}`)
        }
      }
    }),
    { numRuns: 300, seed: 5 },
  )
  t.pass('held')
  t.end()
})

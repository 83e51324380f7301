import fc from 'fast-check'
import t from 'tap'
import { OrderedIndex } from './ordered-index.ts'

const key = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\0', '\xff'), minLength: 1, maxLength: 5 })

type Step =
  | { readonly do: 'insert' | 'toggle' | 'remove'; readonly key: string }
  | { readonly do: 'look'; readonly start: string; readonly end: string | undefined }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: key.map((key) => ({ do: 'insert' as const, key })) },
  { weight: 3, arbitrary: key.map((key) => ({ do: 'toggle' as const, key })) },
  { weight: 3, arbitrary: key.map((key) => ({ do: 'remove' as const, key })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(key, fc.option(key, { nil: undefined }))
      .map(([start, end]) => ({ do: 'look' as const, start, end })),
  },
)

/** The obvious model: a sorted list. */
class Model {
  readonly live = new Map<string, boolean>()
  readonly slots = new Map<string, number>()

  inRange(start: string, end: string | undefined): readonly string[] {
    return [...this.live.keys()].filter((key) => key >= start && (end === undefined || key < end)).sort()
  }
}

void t.test(
  'whatever is inserted, buried and removed, ranges, counts and order are those of a sorted list',
  (t) => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 400, size: 'max' }), (steps) => {
        const index = new OrderedIndex()
        const model = new Model()
        let slots = 0
        for (const step of steps) {
          if (step.do === 'look') {
            const range = { start: step.start, end: step.end }
            const all: string[] = []
            const live: string[] = []
            index.visitAll(range, (key) => all.push(key) > 0)
            index.visitLive(range, (key) => live.push(key) > 0)
            const wanted = model.inRange(step.start, step.end)
            const wantedLive = wanted.filter((key) => model.live.get(key))
            if (all.join() !== wanted.join()) throw new Error(`all: ${all} instead of ${wanted}`)
            if (live.join() !== wantedLive.join()) throw new Error(`live: ${live} instead of ${wantedLive}`)
            if (index.countLive(range) !== wantedLive.length) throw new Error('count')
            continue
          }
          const isLive = model.live.get(step.key)
          if (step.do === 'insert' && isLive === undefined) {
            index.insert(step.key, slots)
            model.live.set(step.key, true)
            model.slots.set(step.key, slots)
            slots += 1
          } else if (step.do === 'toggle' && isLive !== undefined) {
            index.setLive(step.key, !isLive)
            model.live.set(step.key, !isLive)
          } else if (step.do === 'remove' && isLive === false) {
            index.remove(step.key)
            model.live.delete(step.key)
            model.slots.delete(step.key)
          }
          index.check()
        }
        for (const [key, slot] of model.slots) if (index.find(key) !== slot) throw new Error(`slot of ${key}`)
      }),
      { numRuns: 150, seed: 1 },
    )
    t.end()
  },
)

void t.test('ten thousand keys in any order of coming are found, counted and removed', (t) => {
  const index = new OrderedIndex()
  const keys = Array.from({ length: 10_000 }, (_, i) => `k${String((i * 7919) % 10_000).padStart(5, '0')}`)
  keys.forEach((key, slot) => {
    index.insert(key, slot)
  })
  index.check()
  t.equal(index.countLive({ start: 'k00100', end: 'k00200' }), 100)
  t.equal(index.rankLive('k05000'), 5000)
  for (const key of keys) {
    index.setLive(key, false)
    index.remove(key)
  }
  index.check()
  t.equal(index.size, 0)
  t.end()
})

void t.test('a live key cannot be removed, nor a key inserted twice', (t) => {
  const index = new OrderedIndex()
  index.insert('a', 0)
  t.throws(() => index.remove('a'), { code: 'E_ASSERTION' })
  t.throws(() => index.insert('a', 1), { code: 'E_ASSERTION' })
  t.end()
})

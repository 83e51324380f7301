import fc from 'fast-check'
import t from 'tap'
import { pick, seededRandom, uuid } from './random.ts'

const seeds = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })

t.test('a fork depends on its label only, never on draws made before it', async (t) => {
  fc.assert(
    fc.property(seeds, fc.string(), fc.nat(20), (seed, label, draws) => {
      const one = seededRandom(seed)
      const other = seededRandom(seed)
      for (let index = 0; index < draws; index += 1) other.float()
      return one.fork(label).int(1 << 30) === other.fork(label).int(1 << 30)
    }),
  )
  t.not(
    seededRandom(1n)
      .fork('a')
      .int(1 << 30),
    seededRandom(1n)
      .fork('b')
      .int(1 << 30),
  )
})

t.test('integers stay in their half-open range and reach both ends', async (t) => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 1 << 20 }), (seed, bound) => {
      const value = seededRandom(seed).int(bound)
      return Number.isInteger(value) && value >= 0 && value < bound
    }),
  )
  const random = seededRandom(7n)
  t.same([...new Set(Array.from({ length: 200 }, () => random.int(3)))].sort(), [0, 1, 2])
  t.throws(() => random.int(0), /not in \[1/)
})

t.test('floats spread evenly over ten bins', async (t) => {
  const random = seededRandom(42n)
  const bins = Array.from({ length: 10 }, () => 0)
  for (let index = 0; index < 100_000; index += 1) {
    const bin = Math.floor(random.float() * 10)
    bins[bin] = (bins[bin] ?? 0) + 1
  }
  for (const count of bins) t.ok(Math.abs(count - 10_000) < 500, `${count} of 10000`)
})

t.test('a uuid is version 4 and differs from the next', async (t) => {
  const random = seededRandom(1n)
  const first = uuid(random)
  t.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.not(first, uuid(random))
})

t.test('picking from nothing is refused', async (t) => {
  t.throws(() => pick(seededRandom(1n), []), /nothing to pick/)
})

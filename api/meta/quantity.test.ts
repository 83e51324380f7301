import fc from 'fast-check'
import t from 'tap'
import {
  QuantityError,
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  subtractQuantities,
  toMilli,
  toNumber,
  toWhole,
} from './quantity.ts'

void t.test('texts become canonical as upstream has it', (t) => {
  const cases: readonly (readonly [string | number, string])[] = [
    ['0', '0'],
    ['1000m', '1'],
    ['0.1', '100m'],
    ['1.5', '1500m'],
    ['1.5Gi', '1536Mi'],
    ['0.5Ki', '512'],
    ['1024Mi', '1Gi'],
    ['1025Mi', '1025Mi'],
    ['1000k', '1M'],
    ['1e3', '1e3'],
    ['100e-3', '100e-3'],
    ['12E', '12E'],
    ['0.0000000001', '1n'],
    ['-100m', '-100m'],
    ['.5', '500m'],
    ['5.', '5'],
    [128974848, '128974848'],
    [0.25, '250m'],
  ]
  for (const [text, canonical] of cases) t.equal(canonicalQuantity(text), canonical, String(text))
  t.end()
})

void t.test('what is no quantity is refused', (t) => {
  for (const text of ['', 'x', '1 ', '1Q', '1mm', '1e', '--1', '1.2.3', '1ki', 'e3', '1Ki3', '1e99']) {
    t.throws(() => parseQuantity(text), QuantityError, text)
  }
  t.end()
})

void t.test('sizes and counts round away from zero', (t) => {
  t.equal(toMilli(parseQuantity('0.0001')), 1)
  t.equal(toWhole(parseQuantity('1500m')), 2)
  t.equal(toWhole(parseQuantity('-1500m')), -2)
  t.equal(toNumber(parseQuantity('2Gi')), 2147483648)
  t.end()
})

const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'Ki', 'Mi', 'Gi', 'Ti')
const quantity = fc
  .tuple(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.nat({ max: 999 }), suffix)
  .map(([whole, fraction, unit]) => parseQuantity(`${whole}.${String(fraction).padStart(3, '0')}${unit}`))

void t.test('adding is commutative and undone by subtracting; order agrees with differences', (t) => {
  fc.assert(
    fc.property(quantity, quantity, (a, b) => {
      const isCommutative = addQuantities(a, b).nano === addQuantities(b, a).nano
      const isUndone = subtractQuantities(addQuantities(a, b), b).nano === a.nano
      const sign = Number(a.nano - b.nano > 0n) - Number(a.nano - b.nano < 0n)
      return isCommutative && isUndone && compareQuantities(a, b) === sign
    }),
  )
  t.pass('held for every drawn case')
  t.end()
})

void t.test('the canonical text reads as the same amount, and is its own canonical text', (t) => {
  fc.assert(
    fc.property(quantity, (a) => {
      const text = formatQuantity(a)
      const again = parseQuantity(text)
      // Powers of 1024 have no fractions: the text may round up to the next whole unit.
      const isExact = a.format !== 'BinarySI' || a.nano % 1_000_000_000n === 0n
      const isSame = again.nano === a.nano || (!isExact && toWhole(again) === toWhole(a))
      // A whole number without a suffix no longer says that it was counted in powers of 1024.
      return isSame && (again.format !== a.format || formatQuantity(again) === text)
    }),
  )
  t.pass('held for every drawn case')
  t.end()
})

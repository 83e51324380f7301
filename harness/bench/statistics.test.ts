import t from 'tap'
import { median, spread } from './statistics.ts'

void t.test('the median is the middle value, or the mean of the two in the middle', async (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
  t.throws(() => median([]), /nothing/)
})

void t.test('a spread is rounded', async (t) => {
  t.same(spread([1.2, 9.7, 4.4]), { min: 1, median: 4, max: 10 })
})

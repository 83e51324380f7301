import fc from 'fast-check'
import t from 'tap'
import { formatIndexes, parseIndexes } from './indexes.ts'

t.test('three in a row become a range, fewer do not', (t) => {
  t.equal(formatIndexes(new Set([7, 0, 2, 3, 4, 5])), '0,2-5,7')
  t.equal(formatIndexes(new Set([1, 2])), '1,2')
  t.equal(formatIndexes(new Set()), '')
  t.end()
})

t.test('what is formatted is parsed again, and what is out of bounds or no index is left out', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 60 })), (list) => {
      const indexes = new Set(list)
      t.same(
        [...parseIndexes(formatIndexes(indexes), 61)].toSorted((a, b) => a - b),
        list.toSorted((a, b) => a - b),
      )
    }),
  )
  t.same([...parseIndexes('0,2-9,x,-3', 4)], [0, 2, 3])
  t.end()
})

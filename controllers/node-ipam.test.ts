import t from 'tap'
import { freeRange } from './node-ipam.ts'

t.test('the first free range is given, inside the cluster range only', (t) => {
  t.equal(freeRange('10.244.0.0/16', new Set()), '10.244.0.0/24')
  t.equal(freeRange('10.244.0.0/16', new Set(['10.244.0.0/24', '10.244.2.0/24'])), '10.244.1.0/24')
  t.equal(freeRange('10.244.6.0/23', new Set(['10.244.6.0/24'])), '10.244.7.0/24')
  t.equal(freeRange('10.244.6.0/23', new Set(['10.244.6.0/24', '10.244.7.0/24'])), undefined)
  t.end()
})

t.test('a range that cannot be divided is refused with what would do', (t) => {
  for (const wrong of ['', 'fd00::/64', '10.244.0.0/25', '10.300.0.0/16']) {
    t.throws(() => freeRange(wrong, new Set()), /must be an IPv4 range of \/24 or larger/)
  }
  t.end()
})

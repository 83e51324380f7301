import t from 'tap'
import { crc32c } from './crc32c.ts'

t.test('gives the checksums of RFC 3720 appendix B.4', (t) => {
  t.equal(crc32c(new Uint8Array(32)), 0x8a9136aa)
  t.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  t.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e)
  t.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c)
  t.equal(crc32c(new TextEncoder().encode('123456789')), 0xe3069283)
  t.equal(crc32c(new Uint8Array(0)), 0)
  t.end()
})

t.test('continues from the checksum of what comes before, wherever the cut is', (t) => {
  const bytes = Uint8Array.from({ length: 67 }, (_, i) => (i * 31) & 0xff)
  const whole = crc32c(bytes)
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    t.equal(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut))), whole)
  }
  t.end()
})

t.test('notices every single flipped bit', (t) => {
  const bytes = Uint8Array.from({ length: 40 }, (_, i) => i)
  const whole = crc32c(bytes)
  let missed = 0
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = bytes.slice()
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    if (crc32c(flipped) === whole) missed += 1
  }
  t.equal(missed, 0)
  t.end()
})

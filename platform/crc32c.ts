/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), eight bytes per step ("slicing-by-8", Kounavis and
 * Berry 2005). Detects torn and rotten bytes in the WAL, in stored values and in snapshot chunks; it is no
 * defence against an attacker. Source: RFC 3720 appendix B.4, whose examples are the test.
 */
const polynomial = 0x82f63b78

/** Eight tables of 256 words in one array: table k says what a byte does k bytes further on. */
const tables = makeTables()

function makeTables(): Int32Array {
  const made = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    made[byte] = crc
  }
  for (let byte = 0; byte < 256; byte += 1) {
    for (let k = 1; k < 8; k += 1) {
      const previous = made[(k - 1) * 256 + byte] ?? 0
      made[k * 256 + byte] = (previous >>> 8) ^ (made[previous & 0xff] ?? 0)
    }
  }
  return made
}

/**
 * The checksum of `bytes`, as an unsigned 32-bit integer. `previous` continues from the checksum of what
 * comes before: `crc32c(b, crc32c(a))` is the checksum of `a` and `b` together.
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  const t = tables
  const { length } = bytes
  let crc = ~previous
  let at = 0
  // The `| 0` and `?? 0` keep the engine in 32-bit integers; reads are within bounds by the loop's condition.
  for (const end = length - 7; at < end; at += 8) {
    crc ^= word(bytes, at)
    crc =
      (t[1792 + (crc & 0xff)] ?? 0) ^
      (t[1536 + ((crc >>> 8) & 0xff)] ?? 0) ^
      (t[1280 + ((crc >>> 16) & 0xff)] ?? 0) ^
      (t[1024 + (crc >>> 24)] ?? 0) ^
      (t[768 + (bytes[at + 4] ?? 0)] ?? 0) ^
      (t[512 + (bytes[at + 5] ?? 0)] ?? 0) ^
      (t[256 + (bytes[at + 6] ?? 0)] ?? 0) ^
      (t[bytes[at + 7] ?? 0] ?? 0)
  }
  for (; at < length; at += 1) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0)
  return ~crc >>> 0
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  )
}

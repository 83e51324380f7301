/**
 * CRC32C (Castagnoli, reflected 0x82f63b78; RFC 3720 appendix B.4) in plain TypeScript, sliced by eight.
 * Every stored value carries one, because LevelDB's binding here verifies no checksum on read.
 */
const polynomial = 0x82f63b78

/** Eight tables of 256, flat. Constant data, computed once. */
const table = makeTable()

function makeTable(): Uint32Array {
  const made = new Uint32Array(8 * 256)
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
    made[byte] = crc >>> 0
  }
  for (let slice = 1; slice < 8; slice += 1) {
    for (let byte = 0; byte < 256; byte += 1) {
      const previous = at(made, (slice - 1) * 256 + byte)
      made[slice * 256 + byte] = (previous >>> 8) ^ at(made, previous & 0xff)
    }
  }
  return made
}

function at(array: Uint32Array | Uint8Array, index: number): number {
  return array[index] as number // unsafe: every index here is below the array's length; a check costs half the speed
}

/** The checksum of `bytes`, continued from `seed` (the checksum of what came before; 0 at the start). */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed
  let i = 0
  const aligned = bytes.length - (bytes.length % 8)
  for (; i < aligned; i += 8) {
    const low =
      crc ^ (at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24))
    crc =
      at(table, 1792 + (low & 0xff)) ^
      at(table, 1536 + ((low >>> 8) & 0xff)) ^
      at(table, 1280 + ((low >>> 16) & 0xff)) ^
      at(table, 1024 + (low >>> 24)) ^
      at(table, 768 + at(bytes, i + 4)) ^
      at(table, 512 + at(bytes, i + 5)) ^
      at(table, 256 + at(bytes, i + 6)) ^
      at(table, at(bytes, i + 7))
  }
  for (; i < bytes.length; i += 1) crc = (crc >>> 8) ^ at(table, (crc ^ at(bytes, i)) & 0xff)
  return ~crc >>> 0
}

/** The checksum of a u32 in big-endian order, continued from `seed`. */
export function crc32cOfUint32(value: number, seed = 0): number {
  let crc = ~seed
  for (let shift = 24; shift >= 0; shift -= 8) {
    crc = (crc >>> 8) ^ at(table, (crc ^ (value >>> shift)) & 0xff)
  }
  return ~crc >>> 0
}

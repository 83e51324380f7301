/**
 * DEFLATE's decoder (RFC 1951), for streams that are flushed at byte borders: SPDY's header blocks. A block's
 * matches may reach back into what was decoded before and into a preset dictionary.
 */
const windowBytesMax = 32_768
const outputBytesMax = 256 * 1024

const lengthBase = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
  227, 258,
]
const lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
const distanceBase = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
  6145, 8193, 12_289, 16_385, 24_577,
]
const distanceBits = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
]
const codeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

/** Canonical Huffman codes: how many of each length, and the symbols in their order. */
interface Codes {
  readonly counts: readonly number[]
  readonly symbols: readonly number[]
}

function codesOf(lengths: readonly number[]): Codes {
  const counts = Array.from({ length: 16 }, () => 0)
  for (const length of lengths) counts[length] = (counts[length] ?? 0) + 1
  counts[0] = 0
  const symbols = Array.from(lengths.keys())
    .filter((symbol) => (lengths[symbol] ?? 0) > 0)
    .sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0) || a - b)
  return { counts, symbols }
}

const fixedLiterals = codesOf(
  Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8)),
)
const fixedDistances = codesOf(Array.from({ length: 30 }, () => 5))

export class Inflater {
  #window: number[]

  constructor(dictionary: Uint8Array) {
    this.#window = [...dictionary]
  }

  /** Decodes bytes that end at a flush. @throws Error when they are not DEFLATE's */
  decode(bytes: Uint8Array): Uint8Array {
    const begin = this.#window.length
    const bits = new BitReader(bytes)
    while (!bits.isAtEnd) {
      const isFinal = bits.take(1) === 1
      this.#block(bits, bits.take(2))
      if (this.#window.length - begin > outputBytesMax) throw new Error('a header block is too long')
      if (isFinal) break
    }
    const output = Uint8Array.from(this.#window.slice(begin))
    this.#window = this.#window.slice(-windowBytesMax)
    return output
  }

  #block(bits: BitReader, type: number): void {
    if (type === 0) this.#window.push(...bits.stored())
    else if (type === 1) this.#compressed(bits, fixedLiterals, fixedDistances)
    else if (type === 2) {
      const [literals, distances] = dynamicCodes(bits)
      this.#compressed(bits, literals, distances)
    } else throw new Error('DEFLATE block of an unknown type')
  }

  #compressed(bits: BitReader, literals: Codes, distances: Codes): void {
    for (;;) {
      const symbol = bits.symbol(literals)
      if (symbol === 256) return
      if (symbol < 256) {
        this.#window.push(symbol)
        continue
      }
      const length = (lengthBase[symbol - 257] ?? 0) + bits.take(lengthBits[symbol - 257] ?? 0)
      const code = bits.symbol(distances)
      const distance = (distanceBase[code] ?? 0) + bits.take(distanceBits[code] ?? 0)
      if (distance > this.#window.length) throw new Error('DEFLATE match before the beginning')
      for (let copied = 0; copied < length; copied += 1)
        this.#window.push(this.#window[this.#window.length - distance] ?? 0)
    }
  }
}

function dynamicCodes(bits: BitReader): readonly [Codes, Codes] {
  const literalCount = bits.take(5) + 257
  const distanceCount = bits.take(5) + 1
  const codeCount = bits.take(4) + 4
  const codeLengths = Array.from({ length: 19 }, () => 0)
  for (const position of codeLengthOrder.slice(0, codeCount)) codeLengths[position] = bits.take(3)
  const codes = codesOf(codeLengths)
  const lengths: number[] = []
  while (lengths.length < literalCount + distanceCount) {
    const symbol = bits.symbol(codes)
    if (symbol < 16) {
      lengths.push(symbol)
      continue
    }
    const repeated = symbol === 16 ? (lengths.at(-1) ?? 0) : 0
    const count = symbol === 16 ? 3 + bits.take(2) : symbol === 17 ? 3 + bits.take(3) : 11 + bits.take(7)
    for (let index = 0; index < count; index += 1) lengths.push(repeated)
  }
  return [codesOf(lengths.slice(0, literalCount)), codesOf(lengths.slice(literalCount))]
}

class BitReader {
  readonly #bytes: Uint8Array
  #at = 0
  #buffer = 0
  #count = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** No whole byte is left. */
  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  take(count: number): number {
    while (this.#count < count) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) throw new Error('DEFLATE data ends too early')
      this.#buffer |= byte << this.#count
      this.#at += 1
      this.#count += 8
    }
    const value = this.#buffer & ((1 << count) - 1)
    this.#buffer >>>= count
    this.#count -= count
    return value
  }

  symbol({ counts, symbols }: Codes): number {
    let code = 0
    let first = 0
    let index = 0
    for (let length = 1; length <= 15; length += 1) {
      code |= this.take(1)
      const count = counts[length] ?? 0
      if (code - count < first) return symbols[index + (code - first)] ?? 0
      index += count
      first = (first + count) << 1
      code <<= 1
    }
    throw new Error('DEFLATE code of no symbol')
  }

  stored(): Uint8Array {
    this.#buffer = 0
    this.#count = 0
    const length = (this.#bytes[this.#at] ?? 0) | ((this.#bytes[this.#at + 1] ?? 0) << 8)
    const begin = this.#at + 4
    if (begin + length > this.#bytes.length) throw new Error('DEFLATE data ends too early')
    this.#at = begin + length
    return this.#bytes.subarray(begin, begin + length)
  }
}

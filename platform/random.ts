/**
 * Randomness, as a power. A `Random` is a stream of draws from a seed; `fork(label)` gives an
 * independent stream whose draws depend only on the parent's seed and the label, never on how many
 * draws others have made. That keeps a simulated run stable while a schedule is shrunk.
 */
export interface Random {
  /** An independent stream named by `label`; the same label gives the same stream. */
  fork(label: string): Random
  /** A float in [0, 1). */
  float(): number
  /** An integer in [0, bound). `bound` in [1, 2^32]. */
  int(bound: number): number
  /** `length` random bytes. */
  bytes(length: number): Uint8Array
}

/** A version-4 UUID (RFC 9562). */
export function uuid(random: Random): string {
  const bytes = random.bytes(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Spreads `baseMs` evenly over [baseMs, baseMs * (1 + factor)). */
export function jitter(random: Random, baseMs: number, factor: number): number {
  return baseMs * (1 + random.float() * factor)
}

/** One of `items`, evenly. @throws when `items` is empty. */
export function pick<T>(random: Random, items: readonly T[]): T {
  if (items.length === 0) throw new Error('pick: nothing to pick from')
  return items[random.int(items.length)] as T // unsafe: the index is in range
}

const mask64 = (1n << 64n) - 1n

function hashLabel(seed: bigint, label: string): bigint {
  let hash = (0xcbf29ce484222325n ^ seed) & mask64
  for (const byte of new TextEncoder().encode(label)) {
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & mask64
  }
  return hash
}

/** splitmix64 (Steele, Lea, Flood 2014), used only to spread a seed over the generator's state. */
function splitmix(seed: bigint): () => number {
  let state = seed & mask64
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & mask64
    let z = state
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask64
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask64
    return Number((z ^ (z >> 31n)) & 0xffffffffn)
  }
}

/** A deterministic stream: xoshiro128** (Blackman, Vigna 2018) seeded through splitmix64. */
export function seededRandom(seed: bigint): Random {
  const next = splitmix(seed)
  let a = next()
  let b = next()
  let c = next()
  let d = next() | 1
  const uint32 = (): number => {
    const scrambled = Math.imul(b, 5)
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = (d << 11) | (d >>> 21)
    return result
  }
  return {
    fork: (label) => seededRandom(hashLabel(seed, label)),
    float: () => uint32() / 0x1_0000_0000,
    int: (bound) => {
      if (!(bound >= 1 && bound <= 0x1_0000_0000))
        throw new Error(`random.int: bound ${bound} is not in [1, 2^32]`)
      return Math.floor((uint32() / 0x1_0000_0000) * bound)
    },
    bytes: (length) => Uint8Array.from({ length }, () => uint32() & 0xff),
  }
}

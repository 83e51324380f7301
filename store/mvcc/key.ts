/**
 * Keys as text with one character per byte (latin1). Such strings compare in the order of their unsigned
 * bytes, are held compactly by V8 and are never decoded as UTF-8, so a key that is no text stays itself.
 */

/** Half-open range of keys; `end` undefined: to the last key. */
export interface KeyRange {
  readonly start: string
  readonly end: string | undefined
}

/** The text of a key: one character per byte. */
export function toKeyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}

/** The bytes of a key's text. A buffer of its own. */
export function fromKeyText(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i)
  return bytes
}

/**
 * A request's range. No `rangeEnd`: the one key, as `[key, key + "\0")`. `rangeEnd` of one zero byte: all
 * keys from `key` on (etcd's convention).
 */
export function toKeyRange(key: Uint8Array, rangeEnd: Uint8Array | undefined): KeyRange {
  const start = toKeyText(key)
  if (rangeEnd === undefined) return { start, end: `${start}\0` }
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { start, end: undefined }
  return { start, end: toKeyText(rangeEnd) }
}

export function isInRange(range: KeyRange, key: string): boolean {
  return key >= range.start && (range.end === undefined || key < range.end)
}

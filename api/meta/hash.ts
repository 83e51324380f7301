/**
 * The hashes by which controllers name what they make: fnv32a over deterministic JSON, spelled with the
 * letters that cannot form words.
 *
 * The text is not upstream's (which hashes a Go struct dump), only its shape: a hash names objects of this
 * control plane and is compared with nothing else.
 * Source: k8s.io/apimachinery pkg/util/rand (SafeEncodeString), Go's hash/fnv.
 */
import { canonicalJson } from './json.ts'

const safeLetters = 'bcdfghjklmnpqrstvwxz2456789'

/** FNV-1a, 32 bits, of the text's UTF-8 bytes. */
export function fnv32a(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) {
    hash ^= byte
    hash = Math.imul(hash, 0x01000193)
  }
  return hash >>> 0
}

/** Each character mapped to one of 27 that form no words. */
export function safeEncode(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => safeLetters[byte % safeLetters.length]).join('')
}

/**
 * The hash of a value (a pod template, say) for a name or label. `collisionCount` changes the hash after a
 * name collided with another object.
 */
export function hashOf(value: unknown, collisionCount?: number): string {
  const suffix = collisionCount === undefined ? '' : `:${collisionCount}`
  return safeEncode(String(fnv32a(canonicalJson(value) + suffix)))
}

/** The value of the label `pod-template-hash`. */
export function podTemplateHash(template: unknown, collisionCount?: number): string {
  return hashOf(template, collisionCount)
}

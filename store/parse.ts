/**
 * Shapes of decoded msgpack values, checked once at the door. What fails is `invalid-argument` with the
 * name of the field.
 */
import { Refusal } from './errors.ts'

function refuse(what: string, wanted: string, value: unknown): never {
  const found = value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value
  throw new Refusal('invalid-argument', `${what} must be ${wanted}, found ${found}`)
}

export function parseList(value: unknown, what: string): readonly unknown[] {
  return Array.isArray(value) ? value : refuse(what, 'a list', value)
}

export function parseBytes(value: unknown, what: string): Uint8Array {
  return value instanceof Uint8Array ? value : refuse(what, 'bytes', value)
}

export function parseOptionalBytes(value: unknown, what: string): Uint8Array | undefined {
  return value === null || value === undefined ? undefined : parseBytes(value, what)
}

/** An integer in [0, 2^53). */
export function parseCount(value: unknown, what: string): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    ? value
    : refuse(what, 'an integer not below 0', value)
}

/** Any finite number that is not below 0. */
export function parseMs(value: unknown, what: string): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
    ? value
    : refuse(what, 'a duration', value)
}

export function parseText(value: unknown, what: string): string {
  return typeof value === 'string' ? value : refuse(what, 'a text', value)
}

export function parseOptionalText(value: unknown, what: string): string | undefined {
  return value === null || value === undefined ? undefined : parseText(value, what)
}

/** A lease id: 16 lower-case hex digits, not all zero. */
export function parseLeaseId(value: unknown, what: string): string {
  const text = parseText(value, what)
  return /^[0-9a-f]{16}$/.test(text) && text !== '0000000000000000'
    ? text
    : refuse(what, '16 lower-case hex digits, not all zero', value)
}

export function parseFlag(value: unknown): boolean {
  return value === true || value === 1
}

/**
 * What ConfigMap and Secret check alike: keys, size, immutability.
 *
 * Source: kubernetes pkg/apis/core/validation/validation.go.
 */
import type { FieldError } from '../meta/field-error.ts'
import { forbiddenField, invalidValue, tooLong } from '../meta/field-error.ts'
import { deepEqual } from '../meta/json.ts'
import { configMapKeyProblems } from '../meta/names.ts'

/** Together the values may not be larger. */
const dataMaxBytes = 1024 * 1024

type Data = { readonly [key: string]: string } | undefined

/** Problems of the keys of a map at `field`. */
export function validateKeys(data: Data, field: string): FieldError[] {
  return Object.keys(data ?? {}).flatMap((key) =>
    configMapKeyProblems(key).map((text) => invalidValue(`${field}[${key}]`, key, text)),
  )
}

/** Bytes that base64 text stands for. */
export function base64Bytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return Math.floor((text.length * 3) / 4) - padding
}

/** The problem of too much data. */
export function sizeProblems(bytes: number, field: string): FieldError[] {
  return bytes > dataMaxBytes ? [tooLong(field, dataMaxBytes)] : []
}

interface ImmutableData {
  readonly immutable?: boolean | undefined
  readonly data?: Data
  readonly binaryData?: Data
}

const immutableText = 'field is immutable when `immutable` is set'

/** Problems of changing data that was declared immutable. */
export function validateImmutable(next: ImmutableData, previous: ImmutableData): FieldError[] {
  if (previous.immutable !== true) return []
  const problems: FieldError[] = []
  if (next.immutable !== true) problems.push(forbiddenField('immutable', immutableText))
  for (const field of ['data', 'binaryData'] as const) {
    if (!deepEqual(next[field] ?? {}, previous[field] ?? {}))
      problems.push(forbiddenField(field, immutableText))
  }
  return problems
}

/**
 * Random objects that fit a definition of the schema table, for properties of codecs and patches.
 *
 * Values are in the form that decoding gives (no empty lists, canonical quantities), so that equality is
 * plain equality. Definitions that refer to themselves end after a few levels.
 */
import fc from 'fast-check'
import type { Definition, FieldSchema, TypeSchema } from '../meta/schema.ts'
import { definitionOf } from '../meta/schema.ts'

const depthMax = 4
const word = fc.string({
  minLength: 1,
  maxLength: 6,
  unit: fc.constantFrom('a', 'b', 'ü', '0', '-', '.', '/'),
})
const time = fc
  .integer({ min: 0, max: 4_000_000_000 })
  .map((seconds) => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`)
const json = fc.oneof(
  fc.constantFrom<unknown>('x', 1, true),
  fc.dictionary(fc.constantFrom('a', 'b'), fc.integer()),
)

function scalarArbitrary(kind: TypeSchema['kind']): fc.Arbitrary<unknown> {
  switch (kind) {
    case 'string':
      return word
    case 'bytes':
      return word.map((text) => Buffer.from(text, 'utf8').toString('base64'))
    case 'int32':
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).filter((value) => value !== 0)
    case 'int64':
      return fc
        .integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })
        .filter((value) => value !== 0)
    case 'double':
      return fc.double({ min: -1e9, max: 1e9, noNaN: true }).filter((value) => value !== 0)
    case 'boolean':
      return fc.constant(true)
    case 'quantity':
      return fc.constantFrom('1', '100m', '2Gi', '1500m', '-3k')
    case 'intOrString':
      return fc.oneof(fc.integer({ min: -5, max: 70_000 }), fc.constantFrom('http', '25%'))
    case 'time':
      return time
    case 'microTime':
      return time.map((text) => text.replace('Z', '.123456Z'))
    case 'raw':
    case 'fields':
      return fc.dictionary(fc.constantFrom('a', 'f:b'), json)
    case 'schemaOrBool':
      return fc.boolean()
    case 'schemaOrStrings':
      return fc.array(word, { minLength: 1, maxLength: 2 })
    case 'schemaOrArray':
      return fc.constant({ type: 'string' })
    default:
      return json
  }
}

function typeArbitrary(type: TypeSchema, depth: number): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'struct':
      return definitionArbitrary(definitionOf(type.name), depth + 1)
    case 'list':
      return fc.array(typeArbitrary(type.item, depth), { minLength: 1, maxLength: 2 })
    case 'map':
      return fc.dictionary(word, typeArbitrary(type.value, depth), { minKeys: 1, maxKeys: 2 })
    default:
      return scalarArbitrary(type.kind)
  }
}

function isInProtobuf(field: FieldSchema, definition: Definition): boolean {
  const inEmbedded = (parts: Definition['embedded']): boolean =>
    parts.some((part) => part.fields.has(field.name) || inEmbedded(part.embedded))
  return field.number > 0 || inEmbedded(definition.embedded)
}

/** Random objects of a definition, with the fields that protobuf knows. */
export function definitionArbitrary(
  definition: Definition,
  depth = 0,
): fc.Arbitrary<Record<string, unknown>> {
  const model: Record<string, fc.Arbitrary<unknown>> = {}
  for (const field of definition.fields.values()) {
    if (!isInProtobuf(field, definition) || field.type.kind === 'any') continue
    const isDeep = depth >= depthMax && !['string', 'int32'].includes(field.type.kind)
    if (!isDeep) model[field.name] = typeArbitrary(field.type, depth)
  }
  const names = Object.keys(model)
  // A few fields at a time: objects stay small and, over many runs, every field comes up.
  return fc
    .subarray(names, { minLength: Math.min(names.length, 2), maxLength: Math.min(names.length, 4) })
    .chain((chosen) => {
      const picked = Object.fromEntries(chosen.map((name) => [name, model[name] ?? fc.constant('')]))
      return fc.record<Record<string, unknown>>(picked)
    })
}

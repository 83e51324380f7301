/**
 * What every kind promises, whatever it is: defaults fill once, the defaulted smallest object is valid and
 * survives every encoding, columns and selectable fields work on anything. Run over the whole catalogue.
 */
import type { Test } from 'tap'
import type { Kind, KubeObject } from '../kind.ts'
import { decode, decodeValue, encode, protobufMediaType, yamlMediaType } from '../meta/codec.ts'
import { deepClone, deepFreeze } from '../meta/json.ts'
import { apiVersionOf } from '../meta/owner.ts'
import { definitionByGvk, findDefinition } from '../meta/schema.ts'
import { sampleOf } from './samples.ts'

const nowMs = Date.UTC(2026, 10, 21)

/** The object as the server holds it after a create. */
export function created(kind: Kind, object: KubeObject): KubeObject {
  const decoded = decodeValue(deepClone(object), kind, 'Strict').object
  return kind.setDefaults(kind.prepareForCreate(kind.setDefaults(decoded)))
}

function checkDefaults(t: Test, kind: Kind): void {
  const once = deepFreeze(created(kind, sampleOf(kind)))
  t.strictSame(kind.setDefaults(once), once, 'defaults are idempotent')
  const empty = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: {} }
  t.doesNotThrow(() => kind.setDefaults(deepFreeze(empty)), 'defaults cope with an empty object')
  t.doesNotThrow(() => kind.validate(kind.setDefaults(empty)), 'validation copes with an empty object')
  t.strictSame(kind.validate(once), [], 'the defaulted smallest object is valid')
  t.strictSame(kind.validateUpdate(once, once), [], 'an unchanged object is a valid update')
  t.strictSame(
    decodeValue(deepClone(once), kind, 'Strict').object,
    deepClone(once),
    'defaults fit the schema',
  )
}

function checkEncodings(t: Test, kind: Kind): void {
  const object = deepClone(created(kind, sampleOf(kind)))
  for (const mediaType of [protobufMediaType, yamlMediaType]) {
    const back = decode(encode(object, mediaType), mediaType, kind, 'Ignore')
    t.same(deepClone(back.object), object, `survives ${mediaType}`)
  }
}

function checkTables(t: Test, kind: Kind): void {
  const empty = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: {} }
  for (const object of [empty, created(kind, sampleOf(kind))]) {
    for (const column of kind.columns) {
      const cell = column.cell(object, nowMs)
      t.ok(cell === null || ['string', 'number', 'boolean'].includes(typeof cell), `column ${column.name}`)
    }
    for (const [field, text] of Object.entries(kind.selectableFields)) {
      t.type(text(object), 'string', `selectable field ${field}`)
    }
  }
  t.equal(
    new Set(kind.columns.map((column) => column.name)).size,
    kind.columns.length,
    'column names are unique',
  )
}

/** The promises of one kind. */
export function checkKind(t: Test, kind: Kind): void {
  const definition = findDefinition(kind.definition)
  t.ok(definition !== undefined, 'its definition is in the schema table')
  t.equal(definitionByGvk(kind)?.name, kind.definition, 'its definition is found by group, version and kind')
  t.match(kind.resource, /^[a-z0-9]+$/)
  t.match(kind.singular, /^[a-z0-9]+$/)
  checkDefaults(t, kind)
  checkEncodings(t, kind)
  checkTables(t, kind)
}

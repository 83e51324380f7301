/**
 * What every kind promises, whatever it is: defaults fill once, the defaulted smallest object is valid and
 * survives every encoding, columns and selectable fields work on anything. Run over the whole catalogue.
 */
import fc from 'fast-check'
import type { Test } from 'tap'
import type { Kind, KubeObject } from '../kind.ts'
import { decode, decodeValue, encode, protobufMediaType, yamlMediaType } from '../meta/codec.ts'
import { deepClone, deepEqual, deepFreeze } from '../meta/json.ts'
import { apiVersionOf } from '../meta/owner.ts'
import type { Definition } from '../meta/schema.ts'
import { definitionByGvk, findDefinition } from '../meta/schema.ts'
import { definitionArbitrary } from './schema-arbitrary.ts'
import { sampleOf } from './samples.ts'

const runsPerKind = 30
const nowMs = Date.UTC(2026, 10, 21)

/** The object as the server holds it after a create. */
function created(kind: Kind, object: KubeObject): KubeObject {
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

function touchAll(kind: Kind, object: KubeObject): void {
  for (const column of kind.columns) column.cell(object, nowMs)
  for (const text of Object.values(kind.selectableFields)) text(object)
}

/** Whatever fits the schema may be sent: nothing of the kind may throw on it, and defaults fill once. */
function checkAnything(t: Test, kind: Kind, definition: Definition): void {
  const body = definitionArbitrary(definition)
  const property = fc.property(body, body, (a, b) => {
    const [next, previous] = [a, b].map((fields) =>
      created(kind, { metadata: {}, ...fields, apiVersion: apiVersionOf(kind), kind: kind.kind }),
    )
    if (next === undefined || previous === undefined) return false
    kind.validate(next)
    const changed = kind.setDefaults(kind.prepareForUpdate(next, previous))
    kind.validateUpdate(changed, previous)
    kind.validateStatusUpdate?.(changed, previous)
    touchAll(kind, changed)
    return deepEqual(kind.setDefaults(changed), changed)
  })
  t.doesNotThrow(
    () => fc.assert(property, { numRuns: runsPerKind }),
    'nothing that fits the schema makes it throw',
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
  if (definition !== undefined) checkAnything(t, kind, definition)
}

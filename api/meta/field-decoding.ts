/**
 * From JSON as parsed to an object of a definition: types checked in Go's words, unknown fields found, and
 * the form made the one that Go would write back: no nulls, no empty lists or maps where absence says the
 * same, no zeros where they mean nothing.
 *
 * `decodeFields` changes the value in place; it belongs to the caller, who has just parsed it.
 * Source: encoding/json, sigs.k8s.io/json (strict errors), apimachinery's UnmarshalJSON methods.
 */
import { isArray, isObject, trusted } from './json.ts'
import { QuantityError, formatQuantity, parseQuantity } from './quantity.ts'
import type { Definition, FieldSchema, ScalarKind, TypeSchema } from './schema.ts'
import { definitionOf } from './schema.ts'
import { formatTime, parseTime } from './time.ts'

/** A value of the wrong type: the whole object is refused. The message is what Go's decoder says. */
export class FieldTypeError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'FieldTypeError'
  }
}

type MutableObject = Record<string, unknown>

interface Context {
  readonly unknownFields: string[]
}

/** Where a value stands: `path` with indexes for strict errors, `goPath` without for type errors. */
interface Place {
  readonly path: string
  readonly goPath: string
  /** Name of the Go struct that holds the field. */
  readonly struct: string
}

const int32Max = 2 ** 31 - 1

function goKind(value: unknown): string {
  if (isArray(value)) return 'array'
  if (typeof value === 'boolean') return 'bool'
  return typeof value
}

function shortName(definition: string): string {
  return definition.slice(definition.lastIndexOf('.') + 1)
}

/** A definition as Go names the type: `v1.Container`. */
function goStruct(definition: string): string {
  return definition.split('.').slice(-2).join('.')
}

const goScalars: Partial<Readonly<Record<ScalarKind, string>>> = {
  string: 'string',
  bytes: '[]uint8',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  boolean: 'bool',
  time: 'string',
  microTime: 'string',
  raw: 'map[string]interface {}',
  fields: 'map[string]interface {}',
}

function goType(type: TypeSchema): string {
  switch (type.kind) {
    case 'struct':
      return goStruct(type.name)
    case 'list':
      return `[]${goType(type.item)}`
    case 'map':
      return `map[string]${goType(type.value)}`
    default:
      return goScalars[type.kind] ?? 'interface {}'
  }
}

function mismatch(value: unknown, type: TypeSchema, place: Place, found = goKind(value)): never {
  const field = place.goPath === '' ? 'value' : `struct field ${place.struct}.${place.goPath}`
  throw new FieldTypeError(`json: cannot unmarshal ${found} into Go ${field} of type ${goType(type)}`)
}

function decodeInteger(value: unknown, type: TypeSchema, place: Place): number {
  if (typeof value !== 'number') return mismatch(value, type, place)
  const isTooLarge = type.kind === 'int32' && (value > int32Max || value < -int32Max - 1)
  if (!Number.isInteger(value) || isTooLarge) return mismatch(value, type, place, `number ${value}`)
  return value
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function decodeBytes(value: unknown, type: TypeSchema, place: Place): string {
  if (typeof value !== 'string') return mismatch(value, type, place)
  const text = value.replace(/[\r\n]/g, '')
  if (!base64.test(text)) {
    const bad = text.search(/[^A-Za-z0-9+/=]/)
    throw new FieldTypeError(
      `illegal base64 data at input byte ${bad < 0 ? text.length - (text.length % 4) : bad}`,
    )
  }
  return text
}

function decodeTimeText(value: unknown, type: TypeSchema, place: Place): string {
  if (typeof value !== 'string') return mismatch(value, type, place)
  if (parseTime(value) === undefined) {
    const layout = type.kind === 'time' ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00'
    throw new FieldTypeError(
      `parsing time ${JSON.stringify(value)} as "${layout}": cannot parse ${JSON.stringify(value)} as "2006"`,
    )
  }
  return type.kind === 'time' ? wholeSeconds(value) : wholeMicroseconds(value)
}

const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
const microTimeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/

/** A time as it is written back: in UTC, without fractions. */
function wholeSeconds(text: string): string {
  return timeForm.test(text) ? text : formatTime(parseTime(text) ?? 0)
}

/** A MicroTime as it is written back: in UTC, with six digits. */
function wholeMicroseconds(text: string): string {
  if (microTimeForm.test(text)) return text
  const digits = (/\.(\d+)/.exec(text)?.[1] ?? '').padEnd(6, '0').slice(0, 6)
  return `${formatTime(parseTime(text) ?? 0).slice(0, -1)}.${digits}Z`
}

function decodeQuantityText(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string') {
    throw new FieldTypeError(new QuantityError('unable to parse quantity').message)
  }
  try {
    return formatQuantity(parseQuantity(text))
  } catch (error) {
    if (error instanceof QuantityError) throw new FieldTypeError(error.message)
    throw error
  }
}

function decodeScalar(
  value: unknown,
  type: TypeSchema & { readonly kind: ScalarKind },
  place: Place,
): unknown {
  switch (type.kind) {
    case 'string':
      return typeof value === 'string' ? value : mismatch(value, type, place)
    case 'boolean':
      return typeof value === 'boolean' ? value : mismatch(value, type, place)
    case 'int32':
    case 'int64':
      return decodeInteger(value, type, place)
    case 'double':
      return typeof value === 'number' ? value : mismatch(value, type, place)
    case 'bytes':
      return decodeBytes(value, type, place)
    case 'time':
    case 'microTime':
      return decodeTimeText(value, type, place)
    case 'quantity':
      return decodeQuantityText(value)
    case 'intOrString':
      if (typeof value === 'string') return value
      return decodeInteger(value, { kind: 'int32' }, place)
    case 'raw':
    case 'fields':
      return isObject(value) ? value : mismatch(value, type, place)
    default:
      return value
  }
}

function zeroOf(type: TypeSchema): unknown {
  switch (type.kind) {
    case 'struct':
      return {}
    case 'string':
    case 'bytes':
      return ''
    case 'boolean':
      return false
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 0
    case 'quantity':
      return '0'
    default:
      return null
  }
}

function decodeList(list: unknown[], item: TypeSchema, place: Place, context: Context): void {
  for (let i = 0; i < list.length; i += 1) {
    const value = list[i]
    const itemPlace = { ...place, path: `${place.path}[${i}]` }
    list[i] = value === null ? zeroOf(item) : decodeValue(value, item, itemPlace, context)
  }
}

function decodeMap(map: MutableObject, type: TypeSchema, place: Place, context: Context): void {
  for (const key of Object.keys(map)) {
    const value = map[key]
    const valuePlace = { ...place, path: `${place.path}.${key}` }
    map[key] = value === null ? zeroOf(type) : decodeValue(value, type, valuePlace, context)
  }
}

function decodeValue(value: unknown, type: TypeSchema, place: Place, context: Context): unknown {
  switch (type.kind) {
    case 'struct': {
      if (!isObject(value)) return mismatch(value, type, place)
      decodeStruct(trusted<MutableObject>(value), definitionOf(type.name), place, context)
      return value
    }
    case 'list':
      if (!isArray(value)) return mismatch(value, type, place)
      decodeList(trusted<unknown[]>(value), type.item, place, context)
      return value
    case 'map':
      if (!isObject(value)) return mismatch(value, type, place)
      decodeMap(trusted<MutableObject>(value), type.value, place, context)
      return value
    default:
      return decodeScalar(value, type, place)
  }
}

/** True for a value that Go would not write back. */
function isAbsent(value: unknown, field: FieldSchema): boolean {
  if (field.zeroIsAbsent) return value === '' || value === 0 || value === false
  if (field.isRequired) return false
  if (field.type.kind === 'list') return isArray(value) && value.length === 0
  if (field.type.kind !== 'map' || !isObject(value)) return false
  for (const _ in value) return false
  return true
}

function decodeStruct(object: MutableObject, definition: Definition, place: Place, context: Context): void {
  const struct = shortName(definition.name)
  for (const name of Object.keys(object)) {
    const field = definition.fields.get(name)
    const path = place.path === '' ? name : `${place.path}.${name}`
    if (field === undefined) {
      context.unknownFields.push(path)
      delete object[name]
      continue
    }
    const value = object[name]
    if (value === null && field.type.kind !== 'json') {
      delete object[name]
      continue
    }
    const goPath = place.goPath === '' ? name : `${place.goPath}.${name}`
    const decoded = decodeValue(value, field.type, { path, goPath, struct }, context)
    if (isAbsent(decoded, field)) delete object[name]
    else if (decoded !== value) object[name] = decoded
  }
}

/**
 * Checks and tidies an object of `definition` in place, and gives the paths of its unknown fields, which
 * are removed.
 * @throws FieldTypeError at the first value of a wrong type
 */
export function decodeFields(object: Record<string, unknown>, definition: Definition): readonly string[] {
  const context: Context = { unknownFields: [] }
  decodeStruct(object, definition, { path: '', goPath: '', struct: '' }, context)
  return context.unknownFields
}

/** As `decodeFields`, for a part of an object (`metadata` of a custom resource) that stands at `path`. */
export function decodePart(
  object: Record<string, unknown>,
  definition: Definition,
  path: string,
): readonly string[] {
  const context: Context = { unknownFields: [] }
  decodeStruct(object, definition, { path, goPath: path, struct: '' }, context)
  return context.unknownFields
}

/**
 * Kubernetes protobuf, driven by the schema table: a message of a definition to a JSON object and back.
 *
 * Invariants: unknown field numbers are skipped; what decodes is of the same form as decoded JSON (zeros
 * that mean nothing are dropped, a zero Time is absent); encoding writes only fields that are there.
 * Source: k8s.io/apimachinery pkg/runtime/serializer/protobuf, gogo/protobuf; special messages: Quantity,
 * Time, MicroTime, IntOrString, RawExtension, FieldsV1, JSON.
 */
import protobuf from 'protobufjs/minimal.js'
import { isArray, isObject, setField } from './json.ts'
import type { Definition, Embedded, FieldSchema, ScalarKind, TypeSchema } from './schema.ts'
import { definitionOf, jsonSchemaPropsName } from './schema.ts'
import { parseTime } from './time.ts'

type Reader = protobuf.Reader
type Writer = protobuf.Writer
type MutableObject = Record<string, unknown>

/** Bytes that are no message of the definition. */
export class ProtobufError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ProtobufError'
  }
}

const wireVarint = 0
const wire64 = 1
const wireBytes = 2
const nanosPerMs = 1_000_000
const utf8 = new TextDecoder()

/** How a definition looks on the wire: what each number means. Computed once per definition. */
interface Layout {
  readonly byNumber: ReadonlyMap<number, FieldSchema>
  readonly embedded: readonly { readonly number: number; readonly layout: Layout }[]
  readonly embeddedByNumber: ReadonlyMap<number, Layout>
  readonly fields: readonly (readonly [number, FieldSchema])[]
}

function layoutOfEmbedded(
  definition: Definition,
  numbers: ReadonlyMap<string, number>,
  inner: readonly Embedded[],
): Layout {
  const fields: (readonly [number, FieldSchema])[] = []
  for (const [name, number] of numbers) {
    const field = definition.fields.get(name)
    if (field !== undefined && number > 0) fields.push([number, field])
  }
  fields.sort((a, b) => a[0] - b[0])
  const embedded = inner.map((part) => ({
    number: part.number,
    layout: layoutOfEmbedded(definition, part.fields, part.embedded),
  }))
  return {
    byNumber: new Map(fields),
    fields,
    embedded,
    embeddedByNumber: new Map(embedded.map((part) => [part.number, part.layout])),
  }
}

/** Derived from constant data; entries go with their definitions. */
const layouts = new WeakMap<Definition, Layout>()

function layoutOf(definition: Definition): Layout {
  const known = layouts.get(definition)
  if (known !== undefined) return known
  const numbers = new Map(Array.from(definition.fields, ([name, field]) => [name, field.number]))
  const layout = layoutOfEmbedded(definition, numbers, definition.embedded)
  layouts.set(definition, layout)
  return layout
}

// ---- reading

function readDelimited<T>(reader: Reader, read: (inner: Reader) => T): T {
  return read(protobuf.Reader.create(reader.bytes()))
}

function eachField(reader: Reader, onField: (number: number, wireType: number) => boolean): void {
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (!onField(tag >>> 3, tag & 7)) reader.skipType(tag & 7)
  }
}

function readText(reader: Reader, number: number): string {
  let text = ''
  eachField(reader, (found) => {
    if (found !== number) return false
    text = reader.string()
    return true
  })
  return text
}

/** Seconds and nanoseconds as RFC 3339 text; undefined for the zero time, an empty message. */
function readTime(reader: Reader, withMicros: boolean): string | undefined {
  if (reader.len === reader.pos) return undefined
  let seconds = 0
  let nanos = 0
  eachField(reader, (number) => {
    if (number === 1) seconds = Number(reader.int64())
    else if (number === 2) nanos = reader.int32()
    else return false
    return true
  })
  const text = new Date(seconds * 1000).toISOString().slice(0, 19)
  return withMicros ? `${text}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z` : `${text}Z`
}

function readIntOrString(reader: Reader): number | string {
  let isText = false
  let integer = 0
  let text = ''
  eachField(reader, (number) => {
    if (number === 1) isText = Number(reader.int64()) === 1
    else if (number === 2) integer = reader.int32()
    else if (number === 3) text = reader.string()
    else return false
    return true
  })
  return isText ? text : integer
}

function readJson(reader: Reader): unknown {
  let value: unknown
  eachField(reader, (number) => {
    if (number !== 1) return false
    const bytes = reader.bytes()
    value = bytes.length === 0 ? undefined : JSON.parse(utf8.decode(bytes))
    return true
  })
  return value
}

const schemaType: TypeSchema = { kind: 'struct', name: jsonSchemaPropsName }

/** JSONSchemaPropsOrArray, …OrBool and …OrStringArray: field 1 or field 2, whichever is there. */
function readSchemaChoice(reader: Reader, kind: ScalarKind): unknown {
  let schema: unknown
  let allows = false
  const list: unknown[] = []
  eachField(reader, (number) => {
    if (kind === 'schemaOrBool' && number === 1) allows = reader.bool()
    else if (number === (kind === 'schemaOrBool' ? 2 : 1)) schema = readValue(reader, schemaType)
    else if (kind === 'schemaOrArray' && number === 2) list.push(readValue(reader, schemaType))
    else if (kind === 'schemaOrStrings' && number === 2) list.push(reader.string())
    else return false
    return true
  })
  if (schema !== undefined) return schema
  return kind === 'schemaOrBool' ? allows : list
}

function readScalar(reader: Reader, kind: ScalarKind): unknown {
  switch (kind) {
    case 'string':
      return reader.string()
    case 'bytes':
      return Buffer.from(reader.bytes()).toString('base64')
    case 'int32':
      return reader.int32()
    case 'int64':
      return Number(reader.int64())
    case 'double':
      return reader.double()
    case 'boolean':
      return reader.bool()
    case 'quantity':
      return readDelimited(reader, (inner) => readText(inner, 1))
    case 'time':
      return readDelimited(reader, (inner) => readTime(inner, false))
    case 'microTime':
      return readDelimited(reader, (inner) => readTime(inner, true))
    case 'intOrString':
      return readDelimited(reader, readIntOrString)
    case 'raw':
    case 'fields':
    case 'json':
      return readDelimited(reader, readJson)
    case 'schemaOrArray':
    case 'schemaOrBool':
    case 'schemaOrStrings':
      return readDelimited(reader, (inner) => readSchemaChoice(inner, kind))
    case 'any':
      reader.bytes()
      return undefined
  }
}

function readValue(reader: Reader, type: TypeSchema): unknown {
  switch (type.kind) {
    case 'struct':
      return readDelimited(reader, (inner) => readMessage(inner, layoutOf(definitionOf(type.name)), {}))
    case 'list':
      // A list inside a map is a message of its own with the items as field 1 (authentication's ExtraValue).
      return readDelimited(reader, (inner) => {
        const items: unknown[] = []
        eachField(inner, (number) => number === 1 && items.push(readValue(inner, type.item)) > 0)
        return items
      })
    case 'map':
      return undefined
    default:
      return readScalar(reader, type.kind)
  }
}

function readEntry(reader: Reader, value: TypeSchema, into: MutableObject): void {
  let key = ''
  let found: unknown = value.kind === 'string' || value.kind === 'bytes' ? '' : undefined
  eachField(reader, (number) => {
    if (number === 1) key = reader.string()
    else if (number === 2) found = readValue(reader, value)
    else return false
    return true
  })
  if (found !== undefined) setField(into, key, found)
}

function isVarint(type: TypeSchema): boolean {
  return type.kind === 'int32' || type.kind === 'int64' || type.kind === 'boolean'
}

function readRepeated(reader: Reader, item: TypeSchema, wireType: number, list: unknown[]): void {
  if (wireType === wireBytes && isVarint(item)) {
    readDelimited(reader, (packed) => {
      while (packed.pos < packed.len) list.push(readValue(packed, item))
    })
  } else list.push(readValue(reader, item))
}

function ownList(object: MutableObject, name: string): unknown[] {
  const known = object[name]
  if (Array.isArray(known)) return known
  const list: unknown[] = []
  object[name] = list
  return list
}

function ownMap(object: MutableObject, name: string): MutableObject {
  const known = object[name]
  if (isObject(known)) return known
  const map: MutableObject = {}
  object[name] = map
  return map
}

function expectedWireType(type: TypeSchema): number {
  if (isVarint(type)) return wireVarint
  return type.kind === 'double' ? wire64 : wireBytes
}

function readField(reader: Reader, field: FieldSchema, wireType: number, object: MutableObject): boolean {
  const { type, name } = field
  if (type.kind === 'list') {
    readRepeated(reader, type.item, wireType, ownList(object, name))
    return true
  }
  if (type.kind === 'map') {
    const map = ownMap(object, name)
    readDelimited(reader, (entry) => readEntry(entry, type.value, map))
    return true
  }
  if (wireType !== expectedWireType(type)) {
    throw new ProtobufError(`proto: wrong wireType = ${wireType} for field ${name}`)
  }
  const value = readValue(reader, type)
  const isZero = value === '' || value === 0 || value === false
  if (value !== undefined && !(isZero && field.zeroIsAbsent)) object[name] = value
  return true
}

function readMessage(reader: Reader, layout: Layout, object: MutableObject): MutableObject {
  eachField(reader, (number, wireType) => {
    const field = layout.byNumber.get(number)
    if (field !== undefined) return readField(reader, field, wireType, object)
    const inner = layout.embeddedByNumber.get(number)
    if (inner === undefined || wireType !== wireBytes) return false
    readDelimited(reader, (part) => readMessage(part, inner, object))
    return true
  })
  return object
}

/**
 * Reads one message of a definition.
 * @throws ProtobufError when the bytes are cut short or of another shape
 */
export function decodeMessage(bytes: Uint8Array, definition: Definition): Record<string, unknown> {
  try {
    return readMessage(protobuf.Reader.create(bytes), layoutOf(definition), {})
  } catch (error) {
    if (error instanceof ProtobufError) throw error
    throw new ProtobufError(`proto: ${error instanceof Error ? error.message : String(error)}`)
  }
}

// ---- writing

function tag(writer: Writer, number: number, wireType: number): Writer {
  return writer.uint32(((number << 3) | wireType) >>> 0)
}

function writeDelimited(writer: Writer, number: number, write: () => void): void {
  tag(writer, number, wireBytes).fork()
  write()
  writer.ldelim()
}

function writeTime(writer: Writer, number: number, text: string): void {
  const ms = parseTime(text)
  writeDelimited(writer, number, () => {
    if (ms === undefined) return
    const seconds = Math.floor(ms / 1000)
    const fraction = /\.(\d+)/.exec(text)?.[1]
    const nanos =
      fraction === undefined
        ? (ms - seconds * 1000) * nanosPerMs
        : Number(fraction.padEnd(9, '0').slice(0, 9))
    tag(writer, 1, wireVarint).int64(seconds)
    tag(writer, 2, wireVarint).int32(nanos)
  })
}

function writeIntOrString(writer: Writer, number: number, value: unknown): void {
  writeDelimited(writer, number, () => {
    const isText = typeof value === 'string'
    tag(writer, 1, wireVarint).int64(isText ? 1 : 0)
    tag(writer, 2, wireVarint).int32(isText ? 0 : Number(value))
    tag(writer, 3, wireBytes).string(isText ? value : '')
  })
}

function writeSchemaChoice(writer: Writer, number: number, kind: ScalarKind, value: unknown): void {
  writeDelimited(writer, number, () => {
    const isSchema = isObject(value)
    if (kind === 'schemaOrBool') {
      tag(writer, 1, wireVarint).bool(isSchema || value === true)
      if (isSchema) writeValue(writer, 2, schemaType, value)
    } else if (isSchema) writeValue(writer, 1, schemaType, value)
    else if (isArray(value)) {
      for (const item of value) {
        writeValue(writer, 2, kind === 'schemaOrArray' ? schemaType : { kind: 'string' }, item)
      }
    }
  })
}

function writeScalar(writer: Writer, number: number, kind: ScalarKind, value: unknown): void {
  switch (kind) {
    case 'string':
      tag(writer, number, wireBytes).string(String(value))
      return
    case 'bytes':
      tag(writer, number, wireBytes).bytes(Buffer.from(String(value), 'base64'))
      return
    case 'int32':
      tag(writer, number, wireVarint).int32(Number(value))
      return
    case 'int64':
      tag(writer, number, wireVarint).int64(Number(value))
      return
    case 'double':
      tag(writer, number, wire64).double(Number(value))
      return
    case 'boolean':
      tag(writer, number, wireVarint).bool(value === true)
      return
    case 'quantity':
      writeDelimited(writer, number, () => tag(writer, 1, wireBytes).string(String(value)))
      return
    case 'time':
    case 'microTime':
      writeTime(writer, number, String(value))
      return
    case 'intOrString':
      writeIntOrString(writer, number, value)
      return
    case 'raw':
    case 'fields':
    case 'json':
      writeDelimited(writer, number, () => tag(writer, 1, wireBytes).string(JSON.stringify(value)))
      return
    case 'schemaOrArray':
    case 'schemaOrBool':
    case 'schemaOrStrings':
      writeSchemaChoice(writer, number, kind, value)
      return
    case 'any':
      return
  }
}

function writeValue(writer: Writer, number: number, type: TypeSchema, value: unknown): void {
  switch (type.kind) {
    case 'struct':
      if (isObject(value)) {
        writeDelimited(writer, number, () => writeMessage(writer, layoutOf(definitionOf(type.name)), value))
      }
      return
    case 'list':
      writeDelimited(writer, number, () => {
        for (const item of isArray(value) ? value : []) writeValue(writer, 1, type.item, item)
      })
      return
    case 'map':
      return
    default:
      writeScalar(writer, number, type.kind, value)
  }
}

function writeMap(
  writer: Writer,
  number: number,
  type: TypeSchema,
  map: { readonly [key: string]: unknown },
): void {
  for (const key of Object.keys(map).sort()) {
    writeDelimited(writer, number, () => {
      tag(writer, 1, wireBytes).string(key)
      writeValue(writer, 2, type, map[key])
    })
  }
}

function writeField(writer: Writer, number: number, type: TypeSchema, value: unknown): void {
  if (type.kind === 'list') {
    for (const item of isArray(value) ? value : []) writeValue(writer, number, type.item, item)
  } else if (type.kind === 'map') {
    if (isObject(value)) writeMap(writer, number, type.value, value)
  } else writeValue(writer, number, type, value)
}

function hasAnyField(layout: Layout, object: { readonly [key: string]: unknown }): boolean {
  return (
    layout.fields.some(([, field]) => object[field.name] !== undefined) ||
    layout.embedded.some((part) => hasAnyField(part.layout, object))
  )
}

function writeMessage(writer: Writer, layout: Layout, object: { readonly [key: string]: unknown }): void {
  for (const [number, field] of layout.fields) {
    const value = object[field.name]
    if (value !== undefined && value !== null) writeField(writer, number, field.type, value)
  }
  for (const { number, layout: inner } of layout.embedded) {
    if (hasAnyField(inner, object)) writeDelimited(writer, number, () => writeMessage(writer, inner, object))
  }
}

/** Writes one message of a definition; fields that the definition does not know are left out. */
export function encodeMessage(
  object: { readonly [key: string]: unknown },
  definition: Definition,
): Uint8Array {
  const writer = protobuf.Writer.create()
  writeMessage(writer, layoutOf(definition), object)
  return writer.finish()
}

// ---- the envelope

const magic = [0x6b, 0x38, 0x73, 0x00]

/** `runtime.Unknown`: what the raw bytes are. */
export interface Envelope {
  readonly apiVersion: string
  readonly kind: string
  readonly raw: Uint8Array
  readonly contentType: string
}

/** True when the bytes begin with the mark of the storage and wire envelope. */
export function isEnvelope(bytes: Uint8Array): boolean {
  return magic.every((byte, index) => bytes[index] === byte)
}

/**
 * Opens an envelope.
 * @throws ProtobufError when it is none
 */
export function openEnvelope(bytes: Uint8Array): Envelope {
  if (!isEnvelope(bytes))
    throw new ProtobufError(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    )
  let apiVersion = ''
  let kind = ''
  let raw: Uint8Array = new Uint8Array(0)
  let contentType = ''
  try {
    const reader = protobuf.Reader.create(bytes.subarray(magic.length))
    eachField(reader, (number) => {
      if (number === 1) {
        readDelimited(reader, (inner) =>
          eachField(inner, (innerNumber) => {
            if (innerNumber === 1) apiVersion = inner.string()
            else if (innerNumber === 2) kind = inner.string()
            else return false
            return true
          }),
        )
      } else if (number === 2) raw = reader.bytes()
      else if (number === 4) contentType = reader.string()
      else return false
      return true
    })
  } catch (error) {
    throw new ProtobufError(`proto: ${error instanceof Error ? error.message : String(error)}`)
  }
  return { apiVersion, kind, raw, contentType }
}

/** Puts a message into an envelope. */
export function sealEnvelope({
  apiVersion,
  kind,
  raw,
}: Pick<Envelope, 'apiVersion' | 'kind' | 'raw'>): Uint8Array {
  const writer = protobuf.Writer.create()
  writeDelimited(writer, 1, () => {
    tag(writer, 1, wireBytes).string(apiVersion)
    tag(writer, 2, wireBytes).string(kind)
  })
  tag(writer, 2, wireBytes).bytes(raw)
  tag(writer, 3, wireBytes).string('')
  tag(writer, 4, wireBytes).string('')
  const body = writer.finish()
  const sealed = new Uint8Array(magic.length + body.length)
  sealed.set(magic)
  sealed.set(body, magic.length)
  return sealed
}

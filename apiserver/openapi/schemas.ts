/** Types of the schema table as OpenAPI schemas, with the markers that clients read. Pure. */
import {
  type Definition,
  definitionByGvk,
  definitionOf,
  type FieldSchema,
  findDefinition,
  type ScalarKind,
  structOf,
  type TypeSchema,
} from '../../api/meta/schema.ts'

type Json = Readonly<Record<string, unknown>>

/** Where references point: `#/components/schemas/` (v3) or `#/definitions/` (v2). */
export interface SchemaDialect {
  readonly refPrefix: string
  readonly version: 2 | 3
}

const scalars: Readonly<Record<ScalarKind, Json>> = {
  string: { type: 'string' },
  bytes: { type: 'string', format: 'byte' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  boolean: { type: 'boolean' },
  quantity: { type: 'string' },
  intOrString: { type: 'string', format: 'int-or-string' },
  time: { type: 'string', format: 'date-time' },
  microTime: { type: 'string', format: 'date-time' },
  raw: { type: 'object' },
  fields: { type: 'object' },
  json: {},
  schemaOrArray: {},
  schemaOrBool: {},
  schemaOrStrings: {},
  any: {},
}

/** Every definition that the roots reach, by name, sorted. */
export function schemasOf(roots: readonly string[], dialect: SchemaDialect): Readonly<Record<string, Json>> {
  const names = reachable(roots)
  return Object.fromEntries(names.map((name) => [name, definitionSchema(definitionOf(name), dialect)]))
}

/** The definition of a kind's list, if the table has one. */
export function listDefinition(kind: { group: string; version: string; kind: string }): string | undefined {
  return definitionByGvk({ ...kind, kind: `${kind.kind}List` })?.name
}

function reachable(roots: readonly string[]): readonly string[] {
  const found = new Set<string>()
  const queue = [...roots]
  for (;;) {
    const name = queue.pop()
    if (name === undefined) break
    const definition = findDefinition(name)
    if (found.has(name) || !definition) continue
    found.add(name)
    for (const field of definition.fields.values()) {
      const struct = structOf(field.type)
      if (struct !== undefined) queue.push(struct)
    }
  }
  return [...found].sort()
}

function definitionSchema(definition: Definition, dialect: SchemaDialect): Json {
  const fields = [...definition.fields.values()]
  const required = fields.filter((field) => field.isRequired).map((field) => field.name)
  const properties = Object.fromEntries(fields.map((field) => [field.name, fieldSchema(field, dialect)]))
  return {
    type: 'object',
    ...(required.length === 0 ? {} : { required }),
    ...(fields.length === 0 ? {} : { properties }),
    ...(definition.isAtomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(definition.gvks.length === 0 ? {} : { 'x-kubernetes-group-version-kind': definition.gvks }),
  }
}

function fieldSchema(field: FieldSchema, dialect: SchemaDialect): Json {
  const base = typeSchema(field.type, dialect)
  const isRef = '$ref' in base
  return {
    ...(isRef && dialect.version === 3 ? { allOf: [base] } : base),
    ...(field.format === undefined || isRef ? {} : { format: field.format }),
    ...(field.default === undefined ? {} : { default: field.default }),
    ...(field.listType === undefined ? {} : { 'x-kubernetes-list-type': field.listType }),
    ...(field.listMapKeys.length === 0 ? {} : { 'x-kubernetes-list-map-keys': field.listMapKeys }),
    ...(field.patchStrategies.length === 0
      ? {}
      : { 'x-kubernetes-patch-strategy': field.patchStrategies.join(',') }),
    ...(field.mergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': field.mergeKey }),
    ...(field.isAtomicMap ? { 'x-kubernetes-map-type': 'atomic' } : {}),
  }
}

function typeSchema(type: TypeSchema, dialect: SchemaDialect): Json {
  switch (type.kind) {
    case 'struct':
      return { $ref: `${dialect.refPrefix}${type.name}` }
    case 'list':
      return { type: 'array', items: nested(type.item, dialect) }
    case 'map':
      return { type: 'object', additionalProperties: nested(type.value, dialect) }
    case 'quantity':
      return dialect.version === 3 ? { oneOf: [{ type: 'string' }, { type: 'number' }] } : scalars.quantity
    default:
      return scalars[type.kind]
  }
}

function nested(type: TypeSchema, dialect: SchemaDialect): Json {
  const schema = typeSchema(type, dialect)
  return '$ref' in schema && dialect.version === 3 ? { allOf: [schema], default: {} } : schema
}

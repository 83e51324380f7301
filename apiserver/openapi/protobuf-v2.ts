/**
 * The v2 document in the protobuf form that kubectl up to 1.28 insists on (and newer ones prefer): gnostic's
 * `openapi.v2.Document`. As much of it as clients read: definitions with their extensions, and for every
 * path the PATCH operation, in which they look for `fieldValidation` and `dryRun`.
 * Source: google/gnostic openapiv2/OpenAPIv2.proto (field numbers).
 */
import protobuf from 'protobufjs/minimal.js'
import { isArray, isObject } from '../../api/meta/json.ts'

type Writer = protobuf.Writer
type Json = Readonly<Record<string, unknown>>

/** What `encodeDocument` takes of a v2 document. */
export interface DocumentV2 {
  readonly info: { readonly title: string; readonly version: string }
  readonly definitions: Readonly<Record<string, Json>>
  readonly paths: Readonly<Record<string, unknown>>
}

/** Field numbers by message. */
const fields = {
  document: { swagger: 1, info: 2, paths: 8, definitions: 9 },
  info: { title: 1, version: 2 },
  named: { name: 1, value: 2 },
  schema: {
    ref: 1,
    format: 2,
    description: 4,
    default: 5,
    required: 19,
    additionalProperties: 21,
    type: 22,
    items: 23,
    properties: 25,
    extension: 31,
  },
  paths: { path: 2 },
  pathItem: { patch: 8 },
  operation: { operationId: 5, parameters: 8, extension: 13 },
  query: { in: 2, name: 4, type: 6 },
} as const

/** The bytes of the document. */
export function encodeDocument(document: DocumentV2): Uint8Array {
  const writer = protobuf.Writer.create()
  text(writer, fields.document.swagger, '2.0')
  message(writer, fields.document.info, (inner) => {
    text(inner, fields.info.title, document.info.title)
    text(inner, fields.info.version, document.info.version)
  })
  message(writer, fields.document.paths, (inner) => {
    for (const [path, item] of Object.entries(document.paths)) writePath(inner, path, item)
  })
  message(writer, fields.document.definitions, (inner) => writeNamedSchemas(inner, document.definitions))
  return writer.finish()
}

function message(writer: Writer, field: number, write: (inner: Writer) => void): void {
  writer.uint32((field << 3) | 2).fork()
  write(writer)
  writer.ldelim()
}

function text(writer: Writer, field: number, value: unknown): void {
  if (typeof value === 'string') writer.uint32((field << 3) | 2).string(value)
}

function writePath(writer: Writer, path: string, item: unknown): void {
  const patch = isObject(item) ? item['patch'] : undefined
  if (!isObject(patch)) return
  message(writer, fields.paths.path, (named) => {
    text(named, fields.named.name, path)
    message(named, fields.named.value, (pathItem) =>
      message(pathItem, fields.pathItem.patch, (operation) => writeOperation(operation, patch)),
    )
  })
}

function writeOperation(writer: Writer, operation: { readonly [key: string]: unknown }): void {
  text(writer, fields.operation.operationId, operation['operationId'])
  const parameters = operation['parameters']
  for (const parameter of isArray(parameters) ? parameters : []) {
    if (isObject(parameter)) writeQueryParameter(writer, parameter)
  }
  writeExtensions(writer, fields.operation.extension, operation)
}

/** ParametersItem.parameter → Parameter.non_body_parameter → query_parameter_sub_schema. */
function writeQueryParameter(writer: Writer, parameter: { readonly [key: string]: unknown }): void {
  message(writer, fields.operation.parameters, (item) =>
    message(item, 1, (inner) =>
      message(inner, 2, (nonBody) =>
        message(nonBody, 3, (query) => {
          text(query, fields.query.in, 'query')
          text(query, fields.query.name, parameter['name'])
          text(query, fields.query.type, 'string')
        }),
      ),
    ),
  )
}

function writeNamedSchemas(writer: Writer, schemas: { readonly [name: string]: unknown }): void {
  for (const [name, schema] of Object.entries(schemas)) {
    if (!isObject(schema)) continue
    message(writer, 1, (named) => {
      text(named, fields.named.name, name)
      message(named, fields.named.value, (inner) => writeSchema(inner, schema))
    })
  }
}

function writeSchema(writer: Writer, schema: { readonly [key: string]: unknown }): void {
  const { schema: field } = fields
  text(writer, field.ref, schema['$ref'])
  text(writer, field.format, schema['format'])
  text(writer, field.description, schema['description'])
  if (schema['default'] !== undefined) writeAny(writer, field.default, schema['default'])
  const required = schema['required']
  for (const name of isArray(required) ? required : []) text(writer, field.required, name)
  const additional = schema['additionalProperties']
  if (isObject(additional))
    message(writer, field.additionalProperties, (item) =>
      message(item, 1, (inner) => writeSchema(inner, additional)),
    )
  if (typeof schema['type'] === 'string') message(writer, field.type, (item) => text(item, 1, schema['type']))
  const items = schema['items']
  if (isObject(items))
    message(writer, field.items, (item) => message(item, 1, (inner) => writeSchema(inner, items)))
  const properties = schema['properties']
  if (isObject(properties)) message(writer, field.properties, (inner) => writeNamedSchemas(inner, properties))
  writeExtensions(writer, field.extension, schema)
}

/** `x-…` members as NamedAny, their values as YAML, of which JSON is a part. */
function writeExtensions(writer: Writer, field: number, object: { readonly [key: string]: unknown }): void {
  for (const [name, value] of Object.entries(object)) {
    if (!name.startsWith('x-')) continue
    message(writer, field, (named) => {
      text(named, fields.named.name, name)
      writeAny(named, fields.named.value, value)
    })
  }
}

function writeAny(writer: Writer, field: number, value: unknown): void {
  message(writer, field, (any) => text(any, 2, `${JSON.stringify(value)}\n`))
}

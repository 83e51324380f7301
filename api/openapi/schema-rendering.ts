/**
 * Definitions of the schema table as OpenAPI schemas, for both versions of the document.
 *
 * The two differ in where they keep schemas and in what may stand beside a `$ref`: nothing in version 2,
 * while version 3 wraps the reference in `allOf`.
 */
import type { Definition, FieldSchema, ScalarKind, TypeSchema } from '../meta/schema.ts'
import { findDefinition, structOf } from '../meta/schema.ts'

export type OpenApiVersion = 2 | 3

/** A part of an OpenAPI document. */
export interface OpenApiObject {
  readonly [field: string]: unknown
}

const roots: Readonly<Record<OpenApiVersion, string>> = { 2: '#/definitions/', 3: '#/components/schemas/' }

/** `$ref` text of a definition. */
export function referenceText(name: string, version: OpenApiVersion): string {
  return `${roots[version]}${name}`
}

const quantityName = 'io.k8s.apimachinery.pkg.api.resource.Quantity'
const intOrStringName = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString'
const timeName = 'io.k8s.apimachinery.pkg.apis.meta.v1.Time'
const microTimeName = 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime'
const rawName = 'io.k8s.apimachinery.pkg.runtime.RawExtension'
const fieldsName = 'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1'
const crdPrefix = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.'

/** Scalars that the documents name as definitions of their own. */
const namedScalars: Partial<Readonly<Record<ScalarKind, string>>> = {
  quantity: quantityName,
  intOrString: intOrStringName,
  time: timeName,
  microTime: microTimeName,
  fields: fieldsName,
  json: `${crdPrefix}JSON`,
  schemaOrArray: `${crdPrefix}JSONSchemaPropsOrArray`,
  schemaOrBool: `${crdPrefix}JSONSchemaPropsOrBool`,
  schemaOrStrings: `${crdPrefix}JSONSchemaPropsOrStringArray`,
}

function namedScalarSchema(name: string, version: OpenApiVersion): OpenApiObject | undefined {
  switch (name) {
    case quantityName:
      return version === 2 ? { type: 'string' } : { oneOf: [{ type: 'string' }, { type: 'number' }] }
    case intOrStringName:
      return version === 2
        ? { type: 'string', format: 'int-or-string' }
        : { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] }
    case timeName:
    case microTimeName:
      return { type: 'string', format: 'date-time' }
    case rawName:
    case fieldsName:
      return { type: 'object' }
    default:
      return name.startsWith(crdPrefix) && findDefinition(name)?.fields.size === 0 ? {} : undefined
  }
}

const plainScalars: Partial<Readonly<Record<ScalarKind, OpenApiObject>>> = {
  string: { type: 'string' },
  bytes: { type: 'string', format: 'byte' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  boolean: { type: 'boolean' },
  raw: { type: 'object' },
  any: {},
}

function renderReference(name: string, version: OpenApiVersion, beside: OpenApiObject): OpenApiObject {
  const reference = { $ref: referenceText(name, version) }
  if (version === 2 || Object.keys(beside).length === 0) return { ...reference, ...beside }
  return { ...beside, allOf: [reference] }
}

function renderType(type: TypeSchema, version: OpenApiVersion, beside: OpenApiObject = {}): OpenApiObject {
  switch (type.kind) {
    case 'struct':
      return renderReference(type.name, version, beside)
    case 'list':
      return { ...beside, type: 'array', items: renderType(type.item, version) }
    case 'map':
      return { ...beside, type: 'object', additionalProperties: renderType(type.value, version) }
    default: {
      const named = namedScalars[type.kind]
      if (named !== undefined) return renderReference(named, version, beside)
      return { ...plainScalars[type.kind], ...beside }
    }
  }
}

function markersOf(field: FieldSchema, version: OpenApiVersion): OpenApiObject {
  return {
    ...(field.format === undefined ? {} : { format: field.format }),
    ...(field.default === undefined || version === 2 ? {} : { default: field.default }),
    ...(field.listType === undefined ? {} : { 'x-kubernetes-list-type': field.listType }),
    ...(field.listMapKeys.length === 0 ? {} : { 'x-kubernetes-list-map-keys': field.listMapKeys }),
    ...(field.isAtomicMap ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(field.patchStrategies.length === 0
      ? {}
      : { 'x-kubernetes-patch-strategy': field.patchStrategies.join(',') }),
    ...(field.mergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': field.mergeKey }),
  }
}

/** One definition as a schema. */
export function renderDefinition(definition: Definition, version: OpenApiVersion): OpenApiObject {
  const scalar = namedScalarSchema(definition.name, version)
  if (scalar !== undefined) return scalar
  const properties: Record<string, OpenApiObject> = {}
  const required: string[] = []
  for (const field of definition.fields.values()) {
    properties[field.name] = renderType(field.type, version, markersOf(field, version))
    if (field.isRequired) required.push(field.name)
  }
  return {
    type: 'object',
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
    ...(required.length === 0 ? {} : { required }),
    ...(definition.gvks.length === 0 ? {} : { 'x-kubernetes-group-version-kind': definition.gvks }),
    ...(definition.isAtomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(definition.unions === undefined ? {} : { 'x-kubernetes-unions': definition.unions }),
  }
}

function namesIn(type: TypeSchema): readonly string[] {
  const struct = structOf(type)
  if (struct !== undefined) return [struct]
  let inner = type
  while (inner.kind === 'list' || inner.kind === 'map')
    inner = inner.kind === 'list' ? inner.item : inner.value
  const named = inner.kind === 'struct' ? undefined : namedScalars[inner.kind]
  return named === undefined ? [] : [named]
}

/** The schemas of some definitions and of all that they refer to, sorted by name. */
export function renderClosure(names: readonly string[], version: OpenApiVersion): OpenApiObject {
  const found = new Map<string, OpenApiObject>()
  const pending = [...names]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const definition = found.has(name) ? undefined : findDefinition(name)
    if (definition === undefined) continue
    found.set(name, renderDefinition(definition, version))
    for (const field of definition.fields.values()) pending.push(...namesIn(field.type))
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}

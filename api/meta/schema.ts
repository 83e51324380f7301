/**
 * The schema table: for every served type its fields, how lists and maps merge, and its protobuf numbers.
 *
 * The table is text in `api/generated/schema.ts`; it is parsed when first asked, and each definition is
 * expanded when first asked. Only decoding, patching and OpenAPI import this module: kinds do not, so that
 * clients never load it.
 *
 * Source: the Kubernetes OpenAPI document and protobuf descriptors, through tools/generate-api.ts.
 */
import { schemaText } from '../generated/schema.ts'
import { trusted } from './json.ts'

/** Types that are single values on the wire, though some are messages in protobuf. */
export type ScalarKind =
  | 'string'
  | 'bytes'
  | 'int32'
  | 'int64'
  | 'double'
  | 'boolean'
  | 'quantity'
  | 'intOrString'
  | 'time'
  | 'microTime'
  /** Any object: RawExtension, FieldsV1. */
  | 'raw'
  | 'fields'
  /** Any JSON value. */
  | 'json'
  | 'schemaOrArray'
  | 'schemaOrBool'
  | 'schemaOrStrings'
  | 'any'

export type TypeSchema =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'struct'; readonly name: string }
  | { readonly kind: 'list'; readonly item: TypeSchema }
  | { readonly kind: 'map'; readonly value: TypeSchema }

export interface FieldSchema {
  readonly name: string
  readonly type: TypeSchema
  /** Protobuf field number; 0 where the field stands in an embedded message, or has none. */
  readonly number: number
  readonly isRequired: boolean
  /** A zero ('', 0, false) says the same as absence and is dropped. */
  readonly zeroIsAbsent: boolean
  readonly listType: 'map' | 'set' | 'atomic' | undefined
  readonly listMapKeys: readonly string[]
  /** 'merge', 'replace', 'retainKeys' or several of them, by comma. */
  readonly patchStrategies: readonly string[]
  readonly mergeKey: string | undefined
  readonly isAtomicMap: boolean
  readonly format: string | undefined
  /** As published; `{}`, `''`, `0` and `false` only say that the field is no pointer. */
  readonly default: unknown
}

/** A Go embedded struct: one message on the protobuf wire, its fields the outer object's in JSON. */
export interface Embedded {
  readonly number: number
  readonly fields: ReadonlyMap<string, number>
  readonly embedded: readonly Embedded[]
}

export interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

export interface Definition {
  /** `io.k8s.api.core.v1.Pod` */
  readonly name: string
  readonly fields: ReadonlyMap<string, FieldSchema>
  readonly embedded: readonly Embedded[]
  readonly isAtomic: boolean
  readonly gvks: readonly GroupVersionKind[]
  readonly unions: unknown
}

type FieldRow = readonly [type: string, number: number, flags: string, extras?: FieldExtras]
interface FieldExtras {
  readonly l?: 'map' | 'set' | 'atomic'
  readonly k?: readonly string[]
  readonly s?: string
  readonly m?: string
  readonly a?: 1
  readonly f?: string
  readonly d?: unknown
}
type EmbeddedRow = readonly [number: number, fields: Record<string, number>, inner: readonly EmbeddedRow[]]
interface DefinitionRow {
  readonly f: Readonly<Record<string, FieldRow>>
  readonly i?: readonly EmbeddedRow[]
  readonly g?: 'many' | readonly (readonly [group: string, version: string, kind: string])[]
  readonly a?: 1
  readonly u?: unknown
}
interface Table {
  readonly names: readonly string[]
  readonly rows: ReadonlyMap<string, DefinitionRow>
  readonly byGvk: ReadonlyMap<string, string>
  readonly definitions: Map<string, Definition>
}

const scalarDefinitions: Readonly<Record<string, ScalarKind>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'quantity',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'intOrString',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'time',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'microTime',
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': 'fields',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'raw',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': 'json',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray': 'schemaOrArray',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool': 'schemaOrBool',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray': 'schemaOrStrings',
}

const letters: Readonly<Record<string, ScalarKind>> = {
  s: 'string',
  y: 'bytes',
  i: 'int32',
  l: 'int64',
  d: 'double',
  b: 'boolean',
  o: 'raw',
  '*': 'any',
}

/** `metadata` of every object. */
export const objectMetaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
/** `metadata` of every list. */
export const listMetaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta'
/** The body of DELETE, which every group and version serves. */
const deleteOptionsName = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions'
/** The message that JSONSchemaProps and its relatives refer to. */
export const jsonSchemaPropsName = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps'

function parseTable(): Table {
  const { names, definitions } = trusted<{ names: string[]; definitions: DefinitionRow[] }>(
    JSON.parse(schemaText),
  )
  const rows = new Map<string, DefinitionRow>()
  const byGvk = new Map<string, string>()
  names.forEach((name, index) => {
    const row = definitions[index]
    if (row === undefined) return
    rows.set(name, row)
    if (row.g === undefined || row.g === 'many') return
    for (const [group, version, kind] of row.g) byGvk.set(`${group}/${version}/${kind}`, name)
  })
  return { names, rows, byGvk, definitions: new Map() }
}

/** Constant data, parsed once: the same for every cluster in the process. */
let parsed: Table | undefined

function table(): Table {
  parsed ??= parseTable()
  return parsed
}

function parseType(text: string, names: readonly string[]): TypeSchema {
  const first = text[0] ?? '*'
  if (first === '[') return { kind: 'list', item: parseType(text.slice(1), names) }
  if (first === '{') return { kind: 'map', value: parseType(text.slice(1), names) }
  if (first !== '#') return { kind: letters[first] ?? 'any' }
  const name = names[Number(text.slice(1))] ?? ''
  const scalar = scalarDefinitions[name]
  return scalar === undefined ? { kind: 'struct', name } : { kind: scalar }
}

function fieldOfRow(
  name: string,
  [type, number, flags, extras]: FieldRow,
  names: readonly string[],
): FieldSchema {
  return {
    name,
    type: parseType(type, names),
    number,
    isRequired: flags.includes('r'),
    zeroIsAbsent: flags.includes('z'),
    listType: extras?.l,
    listMapKeys: extras?.k ?? [],
    patchStrategies: extras?.s?.split(',') ?? [],
    mergeKey: extras?.m,
    isAtomicMap: extras?.a === 1,
    format: extras?.f,
    default: extras?.d,
  }
}

function embeddedOfRow([number, fields, inner]: EmbeddedRow): Embedded {
  return { number, fields: new Map(Object.entries(fields)), embedded: inner.map(embeddedOfRow) }
}

function expand(name: string, row: DefinitionRow, names: readonly string[]): Definition {
  const gvks = row.g === undefined || row.g === 'many' ? [] : row.g
  return {
    name,
    fields: new Map(Object.entries(row.f).map(([field, value]) => [field, fieldOfRow(field, value, names)])),
    embedded: (row.i ?? []).map(embeddedOfRow),
    isAtomic: row.a === 1,
    gvks: gvks.map(([group, version, kind]) => ({ group, version, kind })),
    unions: row.u,
  }
}

/** The definition of that name, or undefined. */
export function findDefinition(name: string): Definition | undefined {
  const { definitions, rows, names } = table()
  const known = definitions.get(name)
  if (known !== undefined) return known
  const row = rows.get(name)
  if (row === undefined) return undefined
  const definition = expand(name, row, names)
  definitions.set(name, definition)
  return definition
}

/**
 * The definition of that name.
 * @throws Error when the table has none: a bug, for names come from the table or from kinds
 */
export function definitionOf(name: string): Definition {
  const definition = findDefinition(name)
  if (definition === undefined) throw new Error(`schema: no definition ${name}`)
  return definition
}

/** The definition of a group, version and kind; DeleteOptions belongs to every group. */
export function definitionByGvk({ group, version, kind }: GroupVersionKind): Definition | undefined {
  if (kind === 'DeleteOptions') return findDefinition(deleteOptionsName)
  if (group === 'meta.k8s.io' && version === 'v1beta1') return definitionByGvk({ group, version: 'v1', kind })
  const name = table().byGvk.get(`${group}/${version}/${kind}`)
  return name === undefined ? undefined : findDefinition(name)
}

/** What a type refers to: the struct at the end of lists and maps, or undefined. */
export function structOf(type: TypeSchema): string | undefined {
  switch (type.kind) {
    case 'struct':
      return type.name
    case 'list':
      return structOf(type.item)
    case 'map':
      return structOf(type.value)
    default:
      return undefined
  }
}

/**
 * Bodies to objects and back: JSON, YAML and Kubernetes' protobuf envelope, checked against the schema.
 *
 * `decode` reads what a client sent and says, as the request's `fieldValidation` asks, what it found that the
 * schema does not know. Errors are the Status errors that Kubernetes answers with.
 * Source: k8s.io/apimachinery pkg/runtime/serializer; apiserver pkg/endpoints/handlers.
 */
import type { KubeObject } from '../kind.ts'
import { findDuplicateFields, isNestedDeeper } from './duplicate-fields.ts'
import { FieldTypeError, decodeFields, decodePart } from './field-decoding.ts'
import { isObject, trusted } from './json.ts'
import { parseApiVersion } from './owner.ts'
import { ProtobufError, decodeMessage, encodeMessage, openEnvelope, sealEnvelope } from './protobuf.ts'
import type { Definition, GroupVersionKind } from './schema.ts'
import { definitionByGvk, definitionOf, listMetaName, objectMetaName } from './schema.ts'
import { badRequest, notAcceptable, unsupportedMediaType } from './status.ts'
import { YamlError, formatYaml, parseYaml } from './yaml.ts'

export const jsonMediaType = 'application/json'
export const yamlMediaType = 'application/yaml'
export const protobufMediaType = 'application/vnd.kubernetes.protobuf'
/** What `decode` reads and `encode` writes. */
export const mediaTypes: readonly string[] = [jsonMediaType, yamlMediaType, protobufMediaType]

/** What to do about unknown and duplicate fields: nothing, tell, or refuse. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'

export interface Decoded {
  readonly object: KubeObject
  /** For `Warning: 299` headers; empty unless fieldValidation is Warn. */
  readonly warnings: readonly string[]
}

interface Parsed {
  readonly value: unknown
  /** Problems of the text itself, in the words of its format. */
  readonly duplicates: readonly string[]
}

/** The media type without its parameters, in lower case. */
export function mediaTypeOf(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase()
}

/** Deeper bodies are refused: every walk over an object here is recursive. (Upstream stops at 10,000.) */
const nestingMax = 1000
const utf8 = new TextDecoder()
const encoder = new TextEncoder()

function parseJsonBytes(bytes: Uint8Array, wantsDuplicates: boolean): Parsed {
  const text = utf8.decode(bytes)
  if (isNestedDeeper(text, nestingMax)) throw new SyntaxError('exceeded max depth')
  const value: unknown = JSON.parse(text)
  const duplicates = wantsDuplicates
    ? findDuplicateFields(text).map((path) => `duplicate field ${JSON.stringify(path)}`)
    : []
  return { value, duplicates }
}

function unrecognized(expected: GroupVersionKind, cause: string): Error {
  return badRequest(`the object provided is unrecognized (must be of type ${expected.kind}): ${cause}`)
}

function parseText(
  bytes: Uint8Array,
  mediaType: string,
  expected: GroupVersionKind,
  wantsDuplicates: boolean,
): Parsed {
  try {
    if (mediaType === jsonMediaType) return parseJsonBytes(bytes, wantsDuplicates)
    return parseYaml(utf8.decode(bytes))
  } catch (error) {
    if (error instanceof YamlError) throw unrecognized(expected, error.message)
    const cause = error instanceof Error ? error.message : String(error)
    throw unrecognized(expected, `couldn't get version/kind; json parse error: ${cause}`)
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The body's own apiVersion and kind, or the expected ones where it says none. */
function gvkOf(body: { readonly [field: string]: unknown }, expected: GroupVersionKind): GroupVersionKind {
  const apiVersion = textOf(body['apiVersion'])
  const kind = textOf(body['kind']) || expected.kind
  return apiVersion === '' ? { ...expected, kind } : { ...parseApiVersion(apiVersion), kind }
}

function apiVersionText({ group, version }: GroupVersionKind): string {
  return group === '' ? version : `${group}/${version}`
}

function checkGvk(actual: GroupVersionKind, expected: GroupVersionKind): void {
  if (expected.kind === 'DeleteOptions' && actual.kind === 'DeleteOptions') return
  if (actual.group !== expected.group || actual.version !== expected.version) {
    throw badRequest(
      `the API version in the data (${apiVersionText(actual)}) does not match the expected API version (${apiVersionText(expected)})`,
    )
  }
  if (actual.kind !== expected.kind)
    throw cannotBeHandled(actual, expected, `no kind "${expected.kind}" is in the body`)
}

function cannotBeHandled(actual: GroupVersionKind, expected: GroupVersionKind, cause: string): Error {
  return badRequest(
    `${actual.kind} in version ${JSON.stringify(actual.version)} cannot be handled as a ${expected.kind}: ${cause}`,
  )
}

function decodeProtobuf(bytes: Uint8Array, expected: GroupVersionKind): KubeObject {
  try {
    const envelope = openEnvelope(bytes)
    const actual = gvkOf({ apiVersion: envelope.apiVersion, kind: envelope.kind }, expected)
    checkGvk(actual, expected)
    const definition = definitionByGvk(actual)
    if (definition === undefined) {
      throw unrecognized(
        expected,
        `no protobuf message is known for ${apiVersionText(actual)} ${actual.kind}`,
      )
    }
    const fields = decodeMessage(envelope.raw, definition)
    return trusted<KubeObject>({
      apiVersion: apiVersionText(actual),
      kind: actual.kind,
      ...withMetadata(fields, definition),
    })
  } catch (error) {
    if (error instanceof ProtobufError) throw unrecognized(expected, error.message)
    throw error
  }
}

function withMetadata(fields: Record<string, unknown>, definition: Definition): Record<string, unknown> {
  if (fields['metadata'] === undefined && definition.fields.has('metadata')) fields['metadata'] = {}
  return fields
}

/** Fields of an object that the table does not know (custom resources): only metadata is checked. */
function decodeUntyped(body: Record<string, unknown>): readonly string[] {
  const metadata = body['metadata']
  if (metadata === undefined || metadata === null) {
    body['metadata'] = {}
    return []
  }
  if (!isObject(metadata))
    throw new FieldTypeError(
      'json: cannot unmarshal string into Go struct field .metadata of type v1.ObjectMeta',
    )
  const name = body['items'] === undefined ? objectMetaName : listMetaName
  return decodePart(trusted<Record<string, unknown>>(metadata), definitionOf(name), 'metadata')
}

interface FieldsResult {
  readonly object: KubeObject
  readonly unknownFields: readonly string[]
}

function decodeObject(value: unknown, expected: GroupVersionKind): FieldsResult {
  if (!isObject(value)) {
    throw unrecognized(expected, "couldn't get version/kind; json parse error: the body is not an object")
  }
  const actual = gvkOf(value, expected)
  checkGvk(actual, expected)
  const body = trusted<Record<string, unknown>>(value)
  const definition = definitionByGvk(actual)
  try {
    const unknownFields = definition === undefined ? decodeUntyped(body) : decodeFields(body, definition)
    if (definition !== undefined) withMetadata(body, definition)
    body['apiVersion'] = apiVersionText(actual)
    body['kind'] = actual.kind
    return { object: trusted<KubeObject>(body), unknownFields }
  } catch (error) {
    if (error instanceof FieldTypeError) throw cannotBeHandled(actual, expected, error.message)
    throw error
  }
}

/**
 * Decodes an object that JSON gave, in place, as `decode` does: for patches' results and stored objects.
 * @throws ApiError 400
 */
export function decodeValue(
  value: unknown,
  expected: GroupVersionKind,
  fieldValidation: FieldValidation = 'Ignore',
): Decoded {
  const { object, unknownFields } = decodeObject(value, expected)
  return judged(object, expected, unknownFieldTexts(unknownFields), fieldValidation)
}

function unknownFieldTexts(paths: readonly string[]): readonly string[] {
  return paths.map((path) => `unknown field ${JSON.stringify(path)}`)
}

function judged(
  object: KubeObject,
  expected: GroupVersionKind,
  problems: readonly string[],
  fieldValidation: FieldValidation,
): Decoded {
  if (fieldValidation === 'Ignore' || problems.length === 0) return { object, warnings: [] }
  if (fieldValidation === 'Warn') return { object, warnings: problems }
  throw cannotBeHandled(
    { ...expected, kind: object.kind },
    expected,
    `strict decoding error: ${problems.join(', ')}`,
  )
}

/**
 * Reads a body.
 *
 * `expected` is what the path stands for; a body that says nothing is taken for that, one that says something
 * else is refused. Custom resources (kinds without a definition) are read with only their metadata checked.
 * @throws ApiError 415 for another media type, 400 for a body that is malformed, of wrong types, or, when
 * `fieldValidation` is Strict, with unknown or duplicate fields
 */
export function decode(
  bytes: Uint8Array,
  contentType: string,
  expected: GroupVersionKind,
  fieldValidation: FieldValidation = 'Ignore',
): Decoded {
  const mediaType = mediaTypeOf(contentType) || jsonMediaType
  if (mediaType === protobufMediaType) return { object: decodeProtobuf(bytes, expected), warnings: [] }
  if (mediaType !== jsonMediaType && mediaType !== yamlMediaType) throw unsupportedMediaType(mediaTypes)
  const parsed = parseText(bytes, mediaType, expected, fieldValidation !== 'Ignore')
  const { object, unknownFields } = decodeObject(parsed.value, expected)
  const problems = [...parsed.duplicates, ...unknownFieldTexts(unknownFields)]
  return judged(object, expected, problems, fieldValidation)
}

function encodeProtobuf(value: unknown): Uint8Array {
  const body = isObject(value) ? value : {}
  const apiVersion = textOf(body['apiVersion'])
  const kind = textOf(body['kind'])
  const definition = definitionByGvk({ ...parseApiVersion(apiVersion), kind })
  if (definition === undefined) throw notAcceptable([jsonMediaType, yamlMediaType])
  return sealEnvelope({ apiVersion, kind, raw: encodeMessage(body, definition) })
}

/**
 * Writes an object in a media type.
 * @throws ApiError 406 for a media type that is not written, or a kind that has no protobuf message
 */
export function encode(value: unknown, mediaType: string): Uint8Array {
  switch (mediaTypeOf(mediaType)) {
    case jsonMediaType:
      return encoder.encode(`${JSON.stringify(value)}\n`)
    case yamlMediaType:
      return encoder.encode(formatYaml(value))
    case protobufMediaType:
      return encodeProtobuf(value)
    default:
      throw notAcceptable(mediaTypes)
  }
}

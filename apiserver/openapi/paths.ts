/** The paths of a group version with their operations, as OpenAPI wants them. Pure. */
import { subresourcesOf } from '../../api/meta/kind-definition.ts'
import type { Kind, Subresource, Verb } from '../../api/kind.ts'
import { listDefinition, type SchemaDialect } from './schemas.ts'

type Json = Readonly<Record<string, unknown>>

interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  readonly action: string
}

const operations: Readonly<Record<Verb, Operation>> = {
  list: { method: 'get', action: 'list' },
  watch: { method: 'get', action: 'watch' },
  get: { method: 'get', action: 'get' },
  create: { method: 'post', action: 'post' },
  update: { method: 'put', action: 'put' },
  patch: { method: 'patch', action: 'patch' },
  delete: { method: 'delete', action: 'delete' },
  deletecollection: { method: 'delete', action: 'deletecollection' },
}

const collectionVerbs: readonly Verb[] = ['list', 'create', 'deletecollection']
const objectVerbs: readonly Verb[] = ['get', 'update', 'patch', 'delete']
const patchTypes = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
]
const bodyTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']

/** `/api/v1` or `/apis/apps/v1`. */
export function rootPath(group: string, version: string): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`
}

/** Paths of all kinds of one group version. */
export function pathsOf(kinds: readonly Kind[], dialect: SchemaDialect): Json {
  const paths: Record<string, Json> = {}
  for (const kind of kinds) {
    const root = rootPath(kind.group, kind.version)
    const scoped = kind.namespaced
      ? `${root}/namespaces/{namespace}/${kind.resource}`
      : `${root}/${kind.resource}`
    if (kind.namespaced && kind.verbs.includes('list'))
      paths[`${root}/${kind.resource}`] = pathItem(kind, ['list'], [], dialect)
    const parameters = kind.namespaced ? ['namespace'] : []
    paths[scoped] = pathItem(
      kind,
      collectionVerbs.filter((verb) => kind.verbs.includes(verb)),
      parameters,
      dialect,
    )
    const own = objectVerbs.filter((verb) => kind.verbs.includes(verb))
    if (own.length > 0) paths[`${scoped}/{name}`] = pathItem(kind, own, [...parameters, 'name'], dialect)
    for (const subresource of subresourcesOf(kind))
      paths[`${scoped}/{name}/${subresource.name}`] = subresourceItem(kind, subresource, parameters, dialect)
  }
  return paths
}

function pathItem(
  kind: Kind,
  verbs: readonly Verb[],
  pathParameters: readonly string[],
  dialect: SchemaDialect,
): Json {
  const item: Record<string, unknown> = {}
  for (const verb of verbs) {
    const schema = verb === 'list' ? (listDefinition(kind) ?? kind.definition) : kind.definition
    item[operations[verb].method] = operation(kind, verb, kind, schema, dialect)
  }
  if (pathParameters.length > 0)
    item['parameters'] = pathParameters.map((name) => pathParameter(name, dialect))
  return item
}

function subresourceItem(
  kind: Kind,
  subresource: Subresource,
  parameters: readonly string[],
  dialect: SchemaDialect,
): Json {
  const item: Record<string, unknown> = {}
  for (const verb of subresource.verbs)
    item[operations[verb].method] = operation(kind, verb, subresource, undefined, dialect)
  item['parameters'] = [...parameters, 'name'].map((name) => pathParameter(name, dialect))
  return item
}

function operation(
  kind: Kind,
  verb: Verb,
  subject: { readonly group: string; readonly version: string; readonly kind: string },
  schema: string | undefined,
  dialect: SchemaDialect,
): Json {
  const { action } = operations[verb]
  const reference = schema === undefined ? {} : { $ref: `${dialect.refPrefix}${schema}` }
  const description = 'OK'
  const ok =
    dialect.version === 3
      ? { description, content: contentOf(bodyTypes, reference) }
      : { description, ...(schema === undefined ? {} : { schema: reference }) }
  return {
    tags: [tagOf(kind)],
    operationId: `${verb}${tagOf(kind)}${subject.kind}${kind === subject ? '' : kind.kind}`,
    parameters: queryParameters(verb, dialect),
    ...bodyOf(verb, reference, dialect),
    responses: { 200: ok, 401: { description: 'Unauthorized' } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group: subject.group, version: subject.version, kind: subject.kind },
  }
}

function bodyOf(verb: Verb, reference: Json, dialect: SchemaDialect): Json {
  const hasBody = verb === 'create' || verb === 'update' || verb === 'patch'
  if (!hasBody || dialect.version === 2) return {}
  const types = verb === 'patch' ? patchTypes : bodyTypes
  const schema = verb === 'patch' ? { type: 'object' } : reference
  return { requestBody: { content: contentOf(types, schema), required: true } }
}

function contentOf(types: readonly string[], schema: Json): Json {
  return Object.fromEntries(types.map((type) => [type, { schema }]))
}

function tagOf(kind: Kind): string {
  const group = kind.group === '' ? 'core' : (kind.group.split('.')[0] ?? kind.group)
  return `${group}_${kind.version}`
}

function queryParameters(verb: Verb, dialect: SchemaDialect): readonly Json[] {
  const names: readonly string[] =
    verb === 'list' || verb === 'deletecollection'
      ? [
          'continue',
          'fieldSelector',
          'labelSelector',
          'limit',
          'resourceVersion',
          'resourceVersionMatch',
          'timeoutSeconds',
          'watch',
          'allowWatchBookmarks',
          'sendInitialEvents',
        ]
      : verb === 'create' || verb === 'update' || verb === 'patch'
        ? ['dryRun', 'fieldManager', 'fieldValidation', ...(verb === 'patch' ? ['force'] : []), 'pretty']
        : verb === 'delete'
          ? ['dryRun', 'gracePeriodSeconds', 'orphanDependents', 'propagationPolicy', 'pretty']
          : ['pretty']
  return names.map((name) => ({
    name,
    in: 'query',
    description: '',
    ...typed({ type: 'string', uniqueItems: true }, dialect),
  }))
}

function pathParameter(name: string, dialect: SchemaDialect): Json {
  return {
    name,
    in: 'path',
    required: true,
    description: '',
    ...typed({ type: 'string', uniqueItems: true }, dialect),
  }
}

function typed(schema: Json, dialect: SchemaDialect): Json {
  return dialect.version === 3 ? { schema } : schema
}

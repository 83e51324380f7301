/**
 * The operations on kinds, as both versions of the OpenAPI document list them: paths, verbs, parameters and
 * what goes in and out.
 */
import type { Kind, Verb } from '../kind.ts'
import { subresourcesOf } from '../meta/kind-definition.ts'
import { definitionByGvk, deleteOptionsName } from '../meta/schema.ts'

/** What an operation does, in the words of `x-kubernetes-action`. */
export type Action = 'list' | 'get' | 'post' | 'put' | 'patch' | 'delete' | 'deletecollection' | 'connect'

export interface Parameter {
  readonly name: string
  readonly in: 'query' | 'path'
  readonly type: 'string' | 'integer' | 'boolean'
}

export interface Operation {
  readonly path: string
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  readonly action: Action
  readonly operationId: string
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly parameters: readonly Parameter[]
  /** Definition of the body; undefined for none. */
  readonly requestDefinition: string | undefined
  readonly responseDefinition: string | undefined
}

const patchName = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch'
const statusName = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status'

const query = (name: string, type: Parameter['type'] = 'string'): Parameter => ({ name, in: 'query', type })
const pretty = query('pretty')
const writeParameters = [pretty, query('dryRun'), query('fieldManager'), query('fieldValidation')]
const listParameters = [
  pretty,
  query('allowWatchBookmarks', 'boolean'),
  query('continue'),
  query('fieldSelector'),
  query('labelSelector'),
  query('limit', 'integer'),
  query('resourceVersion'),
  query('resourceVersionMatch'),
  query('sendInitialEvents', 'boolean'),
  query('timeoutSeconds', 'integer'),
  query('watch', 'boolean'),
]
const deleteParameters = [
  pretty,
  query('dryRun'),
  query('gracePeriodSeconds', 'integer'),
  query('orphanDependents', 'boolean'),
  query('propagationPolicy'),
]
const parametersOf: Readonly<Record<Action, readonly Parameter[]>> = {
  list: listParameters,
  get: [pretty],
  post: writeParameters,
  put: writeParameters,
  patch: [...writeParameters, query('force', 'boolean')],
  delete: deleteParameters,
  deletecollection: [...listParameters, ...deleteParameters.slice(1)],
  connect: [],
}
const methods: Readonly<Record<Action, Operation['method']>> = {
  list: 'get',
  get: 'get',
  post: 'post',
  put: 'put',
  patch: 'patch',
  delete: 'delete',
  deletecollection: 'delete',
  connect: 'get',
}

/** `/api/v1` or `/apis/apps/v1`. */
export function groupVersionPath({
  group,
  version,
}: {
  readonly group: string
  readonly version: string
}): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function groupWord(group: string): string {
  return group === ''
    ? 'Core'
    : group
        .replace(/\.k8s\.io$/, '')
        .split('.')
        .map(capitalise)
        .join('')
}

interface Place {
  readonly path: string
  readonly suffix: string
  readonly parameters: readonly Parameter[]
}

interface Body {
  readonly group: string
  readonly version: string
  readonly kind: string
}

function requestOf(action: Action, body: string | undefined): string | undefined {
  if (action === 'post' || action === 'put') return body
  if (action === 'patch') return patchName
  return action === 'delete' || action === 'deletecollection' ? deleteOptionsName : undefined
}

function responseOf(action: Action, kind: Kind, body: string | undefined): string | undefined {
  if (action === 'list') return `${kind.definition}List`
  if (action === 'delete' || action === 'deletecollection') return statusName
  return action === 'connect' ? undefined : body
}

function operation(kind: Kind, place: Place, action: Action, body: Body): Operation {
  const definition = definitionByGvk(body)?.name
  const scope = kind.namespaced && place.path.includes('{namespace}') ? 'Namespaced' : ''
  const word =
    action === 'put' ? 'replace' : action === 'post' ? 'create' : action === 'get' ? 'read' : action
  const verb = word === 'deletecollection' ? 'deleteCollection' : word
  return {
    path: place.path,
    method: methods[action],
    action,
    operationId: `${verb}${groupWord(kind.group)}${capitalise(kind.version)}${scope}${kind.kind}${place.suffix}`,
    group: body.group,
    version: body.version,
    kind: body.kind,
    parameters: [...place.parameters, ...parametersOf[action]],
    requestDefinition: requestOf(action, definition),
    responseDefinition: responseOf(action, kind, definition),
  }
}

const collectionActions: readonly (readonly [Verb, Action])[] = [
  ['list', 'list'],
  ['create', 'post'],
  ['deletecollection', 'deletecollection'],
]
const objectActions: readonly (readonly [Verb, Action])[] = [
  ['get', 'get'],
  ['update', 'put'],
  ['patch', 'patch'],
  ['delete', 'delete'],
]

function actionsFor(
  verbs: readonly Verb[],
  actions: readonly (readonly [Verb, Action])[],
): readonly Action[] {
  return actions.filter(([verb]) => verbs.includes(verb)).map(([, action]) => action)
}

function subresourceOperations(kind: Kind, object: Place): readonly Operation[] {
  return subresourcesOf(kind).flatMap((subresource) => {
    const { name, verbs } = subresource
    const isConnect = subresource.kind.endsWith('Options')
    const place = { ...object, path: `${object.path}/${name}`, suffix: capitalise(name) }
    const actions = isConnect
      ? (['connect'] as const)
      : actionsFor(verbs, [...objectActions, ['create', 'post']])
    return actions.map((action) => operation(kind, place, action, subresource))
  })
}

/** Every operation on a kind, its subresources included. */
export function operationsOf(kind: Kind): readonly Operation[] {
  const root = groupVersionPath(kind)
  const namespace: Parameter = { name: 'namespace', in: 'path', type: 'string' }
  const name: Parameter = { name: 'name', in: 'path', type: 'string' }
  const scoped = kind.namespaced ? [namespace] : []
  const collectionPath = kind.namespaced
    ? `${root}/namespaces/{namespace}/${kind.resource}`
    : `${root}/${kind.resource}`
  const collection: Place = { path: collectionPath, suffix: '', parameters: scoped }
  const object: Place = { path: `${collectionPath}/{name}`, suffix: '', parameters: [...scoped, name] }
  const everywhere: Place = { path: `${root}/${kind.resource}`, suffix: 'ForAllNamespaces', parameters: [] }
  return [
    ...(kind.namespaced && kind.verbs.includes('list') ? [operation(kind, everywhere, 'list', kind)] : []),
    ...actionsFor(kind.verbs, collectionActions).map((action) => operation(kind, collection, action, kind)),
    ...actionsFor(kind.verbs, objectActions).map((action) => operation(kind, object, action, kind)),
    ...subresourceOperations(kind, object),
  ]
}

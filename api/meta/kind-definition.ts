/**
 * `defineKind`: a Kind from what is special about it, the rest as most kinds have it.
 *
 * Loads no schema tables, so that clients pay nothing for importing a kind.
 */
import type { Kind, KubeObject, Subresource, Verb } from '../kind.ts'
import { trusted } from './json.ts'

/** What most resources can do. */
export const fullVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]

type Given<T> = Pick<
  Kind<T>,
  'group' | 'version' | 'kind' | 'resource' | 'namespaced' | 'definition' | 'columns'
>

function same<O>(object: O): O {
  return object
}

/** A new object's status is the server's to write. */
function withoutStatus<T>(object: T): T {
  return trusted<T>({ ...trusted<object>(object), status: {} })
}

function noProblems(): readonly never[] {
  return []
}

/** A kind with the usual answers for everything that is not given. */
export function defineKind<T>(given: Given<T> & Partial<Kind<T>>): Kind<T> {
  return {
    singular: given.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    verbs: fullVerbs,
    storagePath: given.resource,
    nameFormat: 'subdomain',
    hasStatus: false,
    hasGeneration: false,
    subresources: [],
    updatesUnconditionally: true,
    setDefaults: same,
    prepareForCreate: given.hasStatus === true ? withoutStatus : same,
    prepareForUpdate: same,
    validate: noProblems,
    validateUpdate: noProblems,
    selectableFields: {},
    ...given,
  }
}

/** A kind as the catalogue holds it, its object's type forgotten: callers decode before they call. */
export function anyKind<T>(kind: Kind<T>): Kind {
  return trusted<Kind<KubeObject>>(kind)
}

/** All paths below an object, `/status` and `/scale` included, sorted by name as discovery lists them. */
export function subresourcesOf(kind: Kind): readonly Subresource[] {
  const all = [...kind.subresources]
  const verbs: readonly Verb[] = ['get', 'patch', 'update']
  if (kind.hasStatus) {
    all.push({ name: 'status', verbs, group: kind.group, version: kind.version, kind: kind.kind })
  }
  if (kind.scale !== undefined) {
    all.push({ name: 'scale', verbs, group: 'autoscaling', version: 'v1', kind: 'Scale' })
  }
  return all.sort((a, b) => (a.name < b.name ? -1 : 1))
}

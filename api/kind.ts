/**
 * A kind, as data plus pure functions: what the apiserver needs to serve a resource, and what clients need
 * to address it. One file per kind in `api/<group>/`, one line in `api/catalog.ts`.
 *
 * Pure: no clock, no randomness, no I/O. Objects are never changed in place; functions give new ones.
 */
import type { FieldError } from './meta/field-error.ts'
import type { ObjectMeta } from './types.ts'

/** Any Kubernetes object at rest: the fields that all share, the others unknown until a kind is known. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly [field: string]: unknown
}

/** What identifies a resource on the wire. Enough for a client. */
export interface Resource<T = KubeObject> {
  /** '' for core. */
  readonly group: string
  readonly version: string
  readonly kind: string
  /** Plural, lower case: the path segment. */
  readonly resource: string
  readonly namespaced: boolean
  /** Carries the object's type; never set. */
  readonly __type?: T
}

/** One column of `kubectl get` (Table). `cell` gets the object and the wall clock in milliseconds. */
export interface Column<T> {
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  readonly format?: string
  readonly description: string
  /** 0: always shown; 1: with `-o wide`. */
  readonly priority: 0 | 1
  readonly cell: (object: T, nowMs: number) => string | number | boolean | null
}

export type Verb = 'create' | 'get' | 'list' | 'watch' | 'update' | 'patch' | 'delete' | 'deletecollection'

/** Where `/scale` finds its three fields, as paths from the object's root. */
export interface ScalePaths {
  readonly specReplicas: readonly string[]
  readonly statusReplicas: readonly string[]
  /** A LabelSelector or a plain label map in the object, given as text in Scale's status. */
  readonly selector: readonly string[]
}

/** A path below an object besides `/status` and `/scale`, which `hasStatus` and `scale` state. */
export interface Subresource {
  /** 'log', 'eviction', 'token'… */
  readonly name: string
  /** As discovery lists them. */
  readonly verbs: readonly Verb[]
  /** What the body is: 'Eviction' of policy/v1, say. */
  readonly group: string
  readonly version: string
  readonly kind: string
}

export interface Kind<T = KubeObject> extends Resource<T> {
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly verbs: readonly Verb[]
  /** Key of the type in `api/meta/schema` ("io.k8s.api.core.v1.Pod") and, with the first dots changed, in the protobuf table. */
  readonly definition: string
  /** Path below `/registry/` at which upstream stores it: "pods", "services/specs", "minions"… */
  readonly storagePath: string
  /** How `metadata.name` is checked. */
  readonly nameFormat: 'subdomain' | 'label' | 'service' | 'path-segment'
  /** Has `/status`: the main endpoint keeps `.status`, `/status` keeps everything else. */
  readonly hasStatus: boolean
  /** `metadata.generation` counts changes of `spec`. */
  readonly hasGeneration: boolean
  readonly scale?: ScalePaths
  readonly subresources: readonly Subresource[]
  /** PUT of a missing object creates it (few kinds). */
  readonly createsOnUpdate?: boolean
  /** PUT without a resourceVersion is allowed. */
  readonly updatesUnconditionally: boolean
  /** Objects vanish this long after their last write (Events). */
  readonly ttlSeconds?: number
  /** Fills defaults. Idempotent. */
  readonly setDefaults: (object: T) => T
  /** Kind-specific cleaning on create (status reset and the like); generic metadata is done by the registry. */
  readonly prepareForCreate: (object: T) => T
  /** Kind-specific cleaning on update of the main endpoint; `status` and `generation` are done by the registry. */
  readonly prepareForUpdate: (next: T, previous: T) => T
  /** Problems of a new object; metadata is validated by the registry. */
  readonly validate: (object: T) => readonly FieldError[]
  /** Problems of a change (immutable fields…); `validate(next)` is run as well. */
  readonly validateUpdate: (next: T, previous: T) => readonly FieldError[]
  /** Problems of a change through /status. */
  readonly validateStatusUpdate?: (next: T, previous: T) => readonly FieldError[]
  readonly columns: readonly Column<T>[]
  /** Field selectors beyond metadata.name and metadata.namespace: label -> its text in the object. */
  readonly selectableFields: Readonly<Record<string, (object: T) => string>>
}

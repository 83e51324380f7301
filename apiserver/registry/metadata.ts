/**
 * The metadata that the registry owns: identity, times, generation, and the rules of what a client may
 * change. Source: k8s.io/apiserver pkg/registry/rest/{meta,create,update}.go, apimachinery
 * pkg/api/validation/objectmeta.go.
 */
import type { FieldError } from '../../api/meta/field-error.ts'
import { deepEqual } from '../../api/meta/json.ts'
import { annotationProblems, labelProblems } from '../../api/meta/labels.ts'
import { nameProblems } from '../../api/meta/names.ts'
import { badRequest, conflict } from '../../api/meta/status.ts'
import type { Kind, KubeObject } from '../../api/kind.ts'
import type { ObjectMeta } from '../../api/types.ts'
import { formatTime } from '../../platform/clock.ts'
import { uuid } from '../../platform/random.ts'
import { asObject } from '../storage/parse.ts'
import type { RegistryParts, WriteScope } from './scope.ts'

/** `object` with some metadata fields replaced; undefined removes a field. */
export function withMetadata(object: KubeObject, fields: Partial<ObjectMeta>): KubeObject {
  const metadata: Record<string, unknown> = { ...object.metadata }
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined) delete metadata[field]
    else metadata[field] = value
  }
  return asObject({ ...object, metadata })
}

/** Checks that a body belongs to the URL it was sent to, and gives it the URL's namespace. */
export function placeInNamespace(scope: WriteScope, object: KubeObject): KubeObject {
  const { kind, namespace } = scope
  const own = object.metadata.namespace ?? ''
  if (!kind.namespaced) {
    if (own !== '') throw badRequest('namespace is not allowed on this type')
    return own === object.metadata.namespace ? withMetadata(object, { namespace: undefined }) : object
  }
  if (namespace === '') throw badRequest('an empty namespace may not be set during creation')
  if (own !== '' && own !== namespace)
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`)
  return withMetadata(object, { namespace })
}

/** Identity and times of a new object. */
export function fillSystemFields(
  parts: Pick<RegistryParts, 'clock' | 'random'>,
  kind: Kind,
  object: KubeObject,
): KubeObject {
  return withMetadata(object, {
    uid: uuid(parts.random),
    creationTimestamp: formatTime(parts.clock.wallMs()),
    generation: kind.hasGeneration ? 1 : undefined,
    deletionTimestamp: undefined,
    deletionGracePeriodSeconds: undefined,
    selfLink: undefined,
    resourceVersion: undefined,
  })
}

/** Problems of a new object's metadata. */
export function metadataProblems(kind: Kind, object: KubeObject): readonly FieldError[] {
  const meta = object.metadata
  const problems: FieldError[] = []
  const name = meta.name ?? ''
  if (name === '')
    problems.push({
      type: 'FieldValueRequired',
      field: 'metadata.name',
      message: 'Required value: name or generateName is required',
    })
  else
    for (const text of nameProblems(kind.nameFormat, name))
      problems.push({
        type: 'FieldValueInvalid',
        field: 'metadata.name',
        message: `Invalid value: ${JSON.stringify(name)}: ${text}`,
      })
  if (kind.namespaced && (meta.namespace ?? '') === '')
    problems.push({ type: 'FieldValueRequired', field: 'metadata.namespace', message: 'Required value' })
  problems.push(...labelProblems(meta.labels, 'metadata.labels'))
  problems.push(...annotationProblems(meta.annotations, 'metadata.annotations'))
  problems.push(...ownerProblems(meta))
  return problems
}

function ownerProblems(meta: ObjectMeta): readonly FieldError[] {
  const owners = meta.ownerReferences ?? []
  const problems: FieldError[] = []
  const required = (at: number, field: string): FieldError => ({
    type: 'FieldValueInvalid',
    field: `metadata.ownerReferences[${at}].${field}`,
    message: `Invalid value: "": ${field} must not be empty`,
  })
  owners.forEach((owner, at) => {
    if (!owner.apiVersion) problems.push(required(at, 'apiVersion'))
    if (!owner.kind) problems.push(required(at, 'kind'))
    if (!owner.name) problems.push(required(at, 'name'))
    if (!owner.uid) problems.push(required(at, 'uid'))
  })
  const controllers = owners.filter((owner) => owner.controller === true)
  if (controllers.length > 1)
    problems.push({
      type: 'FieldValueInvalid',
      field: 'metadata.ownerReferences',
      message: `Invalid value: Only one reference can have Controller set to true. Found "true" in references for ${controllers.map((owner) => `${owner.kind}/${owner.name}`).join(' and ')}`,
    })
  return problems
}

/** Problems of a change to metadata: what may never change once set, and finalizers while deleting. */
export function metadataUpdateProblems(next: KubeObject, previous: KubeObject): readonly FieldError[] {
  const problems: FieldError[] = []
  if (previous.metadata.deletionTimestamp !== undefined) {
    const before = new Set(previous.metadata.finalizers ?? [])
    const added = (next.metadata.finalizers ?? []).filter((finalizer) => !before.has(finalizer))
    if (added.length > 0)
      problems.push({
        type: 'FieldValueForbidden',
        field: 'metadata.finalizers',
        message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((text) => JSON.stringify(text)).join(', ')}}`,
      })
  }
  return problems
}

/**
 * Puts back what a client cannot change by an update. @throws ApiError 409 on another uid, 400 on
 * another name or namespace
 */
export function keepSystemFields(
  scope: WriteScope,
  name: string,
  next: KubeObject,
  previous: KubeObject,
): KubeObject {
  const { kind } = scope
  const given = next.metadata
  if ((given.name ?? '') !== '' && given.name !== name)
    throw badRequest(`the name of the object (${given.name}) does not match the name on the URL (${name})`)
  if (kind.namespaced && given.namespace && given.namespace !== scope.namespace)
    throw badRequest(
      `the namespace of the object (${given.namespace}) does not match the namespace on the URL (${scope.namespace})`,
    )
  if (given.uid && given.uid !== previous.metadata.uid)
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${given.uid}, UID in object meta: ${previous.metadata.uid ?? ''}`,
    )
  return withMetadata(next, {
    name,
    namespace: kind.namespaced ? scope.namespace : undefined,
    uid: previous.metadata.uid,
    creationTimestamp: previous.metadata.creationTimestamp,
    generateName: given.generateName ?? previous.metadata.generateName,
    generation: previous.metadata.generation,
    deletionTimestamp: previous.metadata.deletionTimestamp,
    deletionGracePeriodSeconds: previous.metadata.deletionGracePeriodSeconds,
    selfLink: undefined,
    resourceVersion: previous.metadata.resourceVersion,
  })
}

/** Counts a change of anything but metadata and status. */
export function bumpGeneration(kind: Kind, next: KubeObject, previous: KubeObject): KubeObject {
  if (!kind.hasGeneration) return next
  const { metadata: _a, status: _b, ...nextRest } = next
  const { metadata: _c, status: _d, ...previousRest } = previous
  if (deepEqual(nextRest, previousRest)) return next
  return withMetadata(next, { generation: (previous.metadata.generation ?? 0) + 1 })
}

/** True when two states differ in nothing that is worth a write (times of managedFields aside). */
export function isSameState(a: KubeObject, b: KubeObject): boolean {
  return deepEqual(comparable(a), comparable(b))
}

function comparable(object: KubeObject): unknown {
  const { resourceVersion: _resourceVersion, managedFields, ...meta } = object.metadata
  const fields = (managedFields ?? []).map(({ time: _time, ...entry }) => entry)
  return { ...object, metadata: { ...meta, managedFields: fields } }
}

/** How bootstrap writes: through the registry, as the apiserver's own user, tolerant of other replicas. */
import { isAlreadyExists, isNotFound } from '../../api/meta/status.ts'
import type { Kind, KubeObject } from '../../api/kind.ts'
import type { User } from '../authn/user.ts'
import type { Parts } from '../parts.ts'
import { createObject } from '../registry/create.ts'
import { deleteObject } from '../registry/deletion.ts'
import type { WriteScope } from '../registry/scope.ts'
import { updateObject } from '../registry/update.ts'

const self: User = { name: 'system:apiserver', uid: '', groups: ['system:masters'], extra: {} }

function scopeOf(kind: Kind, namespace: string): WriteScope {
  return {
    kind,
    namespace,
    subresource: '',
    user: self,
    dryRun: false,
    fieldManager: 'apiserver',
    isApply: false,
    warnings: [],
  }
}

/** Creates an object unless it is there. @returns false when it was there */
export async function createIfMissing(parts: Parts, kind: Kind, object: KubeObject): Promise<boolean> {
  try {
    await createObject(parts.registry, scopeOf(kind, object.metadata.namespace ?? ''), object)
    return true
  } catch (error) {
    if (isAlreadyExists(error)) return false
    throw error
  }
}

/** Changes an object if it is there; creates `missing` if it is not. A change to the same state writes nothing. */
export async function ensureObject(
  parts: Parts,
  kind: Kind,
  missing: KubeObject,
  change: (current: KubeObject) => KubeObject,
): Promise<void> {
  const name = missing.metadata.name ?? ''
  const scope = scopeOf(kind, missing.metadata.namespace ?? '')
  try {
    await updateObject(parts.registry, scope, name, { apply: change, createIfMissing: () => missing })
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    await updateObject(parts.registry, scope, name, { apply: change })
  }
}

/** Deletes an object if it is there. */
export async function deleteIfPresent(
  parts: Parts,
  kind: Kind,
  namespace: string,
  name: string,
): Promise<void> {
  try {
    await deleteObject(parts.registry, scopeOf(kind, namespace), name, {
      gracePeriodSeconds: undefined,
      propagationPolicy: undefined,
      preconditions: {},
    })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

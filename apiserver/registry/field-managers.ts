/** Who manages which fields (`metadata.managedFields`) after a write. */
import { updateManagedFields } from '../../api/meta/managed-fields.ts'
import type { KubeObject } from '../../api/kind.ts'
import { apiVersionOf } from '../storage/keys.ts'
import type { RegistryParts, WriteScope } from './scope.ts'

/** The manager as managed fields name it. */
export function writerOf(parts: Pick<RegistryParts, 'clock'>, scope: WriteScope) {
  return {
    manager: scope.fieldManager,
    apiVersion: apiVersionOf(scope.kind),
    subresource: scope.subresource,
    nowMs: parts.clock.wallMs(),
  }
}

/**
 * `next` with its managers brought up to date. Server-side apply has done so itself; Events are written so
 * often and shared by so few that their managers are not kept.
 */
export function recordManager(
  parts: Pick<RegistryParts, 'clock'>,
  scope: WriteScope,
  previous: KubeObject | undefined,
  next: KubeObject,
): KubeObject {
  if (scope.isApply || scope.kind.ttlSeconds !== undefined) return next
  return updateManagedFields({
    ...writerOf(parts, scope),
    live: previous,
    next,
    definition: scope.kind.definition,
  })
}

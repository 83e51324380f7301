/**
 * What a few resources do beyond the generic registry: allocate before a write, release after it. A hook
 * that allocates gives back how to undo it, for a write may still be refused.
 */
import type { KubeObject } from '../../api/kind.ts'
import type { WriteScope } from './scope.ts'

/** An object prepared by a hook. */
export interface Prepared {
  readonly object: KubeObject
  /** The write happened: release what the previous state held alone. */
  readonly commit: () => Promise<void>
  /** The write did not happen: release what was allocated for it. */
  readonly rollback: () => Promise<void>
}

export interface ResourceHook {
  /** Changes the new state before it is checked. Pure. */
  readonly shapeUpdate?: (next: KubeObject, previous: KubeObject) => KubeObject
  readonly beforeCreate?: (scope: WriteScope, object: KubeObject) => Promise<Prepared>
  readonly beforeUpdate?: (scope: WriteScope, next: KubeObject, previous: KubeObject) => Promise<Prepared>
  readonly afterDelete?: (object: KubeObject) => Promise<void>
}

/** `resource.group` (or `resource` for core) → hook. */
export type ResourceHooks = ReadonlyMap<string, ResourceHook>

/** The key of a kind's hook. */
export function hookKey(kind: { readonly group: string; readonly resource: string }): string {
  return kind.group === '' ? kind.resource : `${kind.resource}.${kind.group}`
}

/** A preparation that holds nothing. */
export function unprepared(object: KubeObject): Prepared {
  return { object, commit: async () => {}, rollback: async () => {} }
}

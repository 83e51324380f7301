/** What every write knows about its request. */
import type { Kind, KubeObject } from '../../api/kind.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Random } from '../../platform/random.ts'
import type { Admission } from '../admission/plugin.ts'
import type { User } from '../authn/user.ts'
import type { EventLeases } from '../storage/event-leases.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import type { ResourceHooks } from './hooks.ts'

/** What the registry works with. */
export interface RegistryParts {
  readonly clock: Clock
  readonly random: Random
  readonly storage: ObjectStorage
  readonly leases: EventLeases
  readonly admission: Admission
  readonly hooks: ResourceHooks
}

/** One write request. */
export interface WriteScope {
  readonly kind: Kind
  /** '' for cluster-scoped kinds. */
  readonly namespace: string
  readonly subresource: string
  readonly user: User
  readonly dryRun: boolean
  readonly fieldManager: string
  /** Present for server-side apply. */
  readonly isApply: boolean
  readonly warnings: string[]
}

/** An object as a write left it: stored, or for a dry run as it would be. */
export interface WriteOutcome {
  readonly object: KubeObject
  readonly created: boolean
}

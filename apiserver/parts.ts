/** What the parts of one apiserver share. Built once in `server`; no part keeps module state. */
import type { HttpClient } from '../platform/network.ts'
import type { Powers } from '../platform/powers.ts'
import type { TaskGroup } from '../platform/tasks.ts'
import type { StoreClient } from '../store/client/store-client.ts'
import type { ServiceAccountTokens } from './authn/service-account-tokens.ts'
import type { Authorizer } from './authz/authorizer.ts'
import type { RbacAuthorizer } from './authz/rbac.ts'
import type { CacherSet } from './cacher/cacher-set.ts'
import type { ApiserverConfig } from './config.ts'
import type { RegistryParts } from './registry/scope.ts'
import type { ObjectStorage } from './storage/object-storage.ts'
import type { RevisionReader } from './storage/revision-reader.ts'

export interface Parts {
  readonly powers: Powers
  readonly config: ApiserverConfig
  readonly tasks: TaskGroup
  readonly store: StoreClient
  readonly storage: ObjectStorage
  readonly revisions: RevisionReader
  readonly cachers: CacherSet
  readonly registry: RegistryParts
  /** Speaks TLS to kubelets. */
  readonly kubelets: HttpClient
  /** Speaks plain HTTP to pods, for `proxy`. */
  readonly plain: HttpClient
  readonly tokens: ServiceAccountTokens
  readonly rbac: RbacAuthorizer
  readonly authorizer: Authorizer
  readonly readiness: Readiness
}

/** What `/readyz` tells. */
export interface Readiness {
  /** Bootstrap objects are written and checked. */
  isBootstrapped: boolean
  isShuttingDown: boolean
}

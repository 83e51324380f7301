/** Resources with hooks, one line each. */
import type { Clock } from '../../platform/clock.ts'
import type { Random } from '../../platform/random.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import type { ResourceHook, ResourceHooks } from './hooks.ts'
import { certificateSigningRequestHook } from './csr-hook.ts'
import { namespaceHook } from './namespace-hook.ts'
import { serviceHook } from './service-hook.ts'

export interface HookParts {
  readonly storage: ObjectStorage
  readonly clock: Clock
  readonly random: Random
  readonly serviceCidr: string
}

/** Every hook by its resource. */
export function createHooks(parts: HookParts): ResourceHooks {
  return new Map<string, ResourceHook>([
    ['certificatesigningrequests.certificates.k8s.io', certificateSigningRequestHook()],
    ['namespaces', namespaceHook()],
    ['services', serviceHook(parts)],
  ])
}

/** The admission plugins that are on, in upstream's order, one line each. */
import type { Clock } from '../../platform/clock.ts'
import type { Random } from '../../platform/random.ts'
import type { CacherSet } from '../cacher/cacher-set.ts'
import type { ObjectStorage } from '../storage/object-storage.ts'
import { certificateSubjectRestriction } from './certificate-subject-restriction.ts'
import { defaultTolerationSeconds } from './default-toleration-seconds.ts'
import { limitRanger } from './limit-ranger.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { nodeRestriction } from './node-restriction.ts'
import { type Admission, admissionChain, type AdmissionPlugin } from './plugin.ts'
import { priority } from './priority.ts'
import { rbacEscalation } from './rbac-escalation.ts'
import type { RbacAuthorizer } from '../authz/rbac.ts'
import { resourceQuota } from './resource-quota.ts'
import { runtimeClass } from './runtime-class.ts'
import { serviceAccount } from './service-account.ts'
import { defaultStorageClass } from './default-storage-class.ts'
import { taintNodesByCondition } from './taint-nodes-by-condition.ts'

/** What plugins may look at. */
export interface AdmissionParts {
  readonly storage: ObjectStorage
  readonly cachers: CacherSet
  readonly clock: Clock
  readonly rbac: RbacAuthorizer
  readonly random: Random
}

/** Every plugin, in order. */
function admissionPlugins(parts: AdmissionParts): readonly AdmissionPlugin[] {
  return [
    namespaceLifecycle(parts),
    limitRanger(parts),
    serviceAccount(parts),
    nodeRestriction(),
    taintNodesByCondition(),
    priority(parts),
    defaultTolerationSeconds(),
    defaultStorageClass(parts),
    runtimeClass(parts),
    certificateSubjectRestriction(),
    rbacEscalation(parts),
    resourceQuota(parts),
  ]
}

/** The chain of all plugins. */
export function createAdmission(parts: AdmissionParts): Admission {
  return admissionChain(admissionPlugins(parts))
}

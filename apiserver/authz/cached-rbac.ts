/** RBAC objects from the watch caches. */
import { anyKind } from '../../api/meta/kind-definition.ts'
import { clusterRoleBindings } from '../../api/rbac/cluster-role-binding.ts'
import { clusterRoles } from '../../api/rbac/cluster-role.ts'
import { roleBindings } from '../../api/rbac/role-binding.ts'
import { roles } from '../../api/rbac/role.ts'
import type { CacherSet } from '../cacher/cacher-set.ts'
import { kindPrefix } from '../storage/keys.ts'
import type { RbacObjects } from './rbac.ts'

const loadWaitMs = 10_000

/** The four kinds, followed by the caches. */
export function cachedRbacObjects(cachers: CacherSet): RbacObjects {
  const kinds = {
    roles: anyKind(roles),
    rolebindings: anyKind(roleBindings),
    clusterroles: anyKind(clusterRoles),
    clusterrolebindings: anyKind(clusterRoleBindings),
  }
  const all = Object.values(kinds)
  return {
    async ready() {
      for (const kind of all) {
        const cacher = cachers.for(kind)
        if (!cacher.isReady) await cacher.waitFor(0, loadWaitMs)
      }
    },
    changes: () => all.reduce((sum, kind) => sum + cachers.for(kind).changes, 0),
    list: (resource) => {
      const kind = kinds[resource]
      return cachers
        .for(kind)
        .list(kindPrefix(kind))
        .map((stored) => stored.object())
    },
  }
}

/** The authorizers in order; the first that allows decides. */
import type { CacherSet } from '../cacher/cacher-set.ts'
import type { Authorizer, Decision } from './authorizer.ts'
import { NodeAuthorizer } from './node.ts'
import type { RbacAuthorizer } from './rbac.ts'

/** Node, then RBAC, as upstream's default. */
export function createAuthorizer(rbac: RbacAuthorizer, cachers: CacherSet): Authorizer {
  return union([new NodeAuthorizer(cachers), rbac])
}

/** Allows what any member allows. */
export function union(authorizers: readonly Authorizer[]): Authorizer {
  return {
    async authorize(attributes) {
      let refused: Decision = { allowed: false, reason: '' }
      for (const authorizer of authorizers) {
        const decision = await authorizer.authorize(attributes)
        if (decision.allowed) return decision
        if (decision.reason !== '') refused = decision
      }
      return refused
    },
  }
}

/** SelfSubjectAccessReview (authorization.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { SelfSubjectAccessReview } from '../types.ts'

/** The resource `selfsubjectaccessreviews`. */
export const selfSubjectAccessReviews = defineKind<SelfSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  resource: 'selfsubjectaccessreviews',
  namespaced: false,
  definition: 'io.k8s.api.authorization.v1.SelfSubjectAccessReview',
  verbs: ['create'],
  columns: nameAndAge(),
})

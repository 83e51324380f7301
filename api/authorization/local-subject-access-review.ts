/** LocalSubjectAccessReview (authorization.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { LocalSubjectAccessReview } from '../types.ts'

/** The resource `localsubjectaccessreviews`. */
export const localSubjectAccessReviews = defineKind<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'LocalSubjectAccessReview',
  resource: 'localsubjectaccessreviews',
  namespaced: true,
  definition: 'io.k8s.api.authorization.v1.LocalSubjectAccessReview',
  verbs: ['create'],
  columns: nameAndAge(),
})

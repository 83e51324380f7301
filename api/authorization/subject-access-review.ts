/** SubjectAccessReview (authorization.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { SubjectAccessReview } from '../types.ts'

/** The resource `subjectaccessreviews`. */
export const subjectAccessReviews = defineKind<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  resource: 'subjectaccessreviews',
  namespaced: false,
  definition: 'io.k8s.api.authorization.v1.SubjectAccessReview',
  verbs: ['create'],
  columns: nameAndAge(),
})

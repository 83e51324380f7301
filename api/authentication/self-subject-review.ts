/** SelfSubjectReview (authentication.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { SelfSubjectReview } from '../types.ts'

/** The resource `selfsubjectreviews`. */
export const selfSubjectReviews = defineKind<SelfSubjectReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  resource: 'selfsubjectreviews',
  namespaced: false,
  definition: 'io.k8s.api.authentication.v1.SelfSubjectReview',
  verbs: ['create'],
  columns: nameAndAge(),
})

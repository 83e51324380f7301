/** TokenReview (authentication.k8s.io/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { TokenReview } from '../types.ts'

/** The resource `tokenreviews`. */
export const tokenReviews = defineKind<TokenReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  resource: 'tokenreviews',
  namespaced: false,
  definition: 'io.k8s.api.authentication.v1.TokenReview',
  verbs: ['create'],
  columns: nameAndAge(),
})

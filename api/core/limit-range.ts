/** LimitRange (v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { LimitRange } from '../types.ts'

/** The resource `limitranges`. */
export const limitRanges = defineKind<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  resource: 'limitranges',
  namespaced: true,
  definition: 'io.k8s.api.core.v1.LimitRange',
  shortNames: ['limits'],
  columns: nameAndAge(),
})

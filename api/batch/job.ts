/** Job (batch/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { Job } from '../types.ts'

/** The resource `jobs`. */
export const jobs = defineKind<Job>({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  resource: 'jobs',
  namespaced: true,
  definition: 'io.k8s.api.batch.v1.Job',
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  columns: nameAndAge(),
})

/** ReplicaSet (apps/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { ReplicaSet } from '../types.ts'

/** The resource `replicasets`. */
export const replicaSets = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  resource: 'replicasets',
  namespaced: true,
  definition: 'io.k8s.api.apps.v1.ReplicaSet',
  shortNames: ['rs'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  scale: {
    specReplicas: ['spec', 'replicas'],
    statusReplicas: ['status', 'replicas'],
    selector: ['spec', 'selector'],
  },
  columns: nameAndAge(),
})

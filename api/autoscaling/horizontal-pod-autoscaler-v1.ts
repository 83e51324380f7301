/** HorizontalPodAutoscaler (autoscaling/v1). */
import { nameAndAge } from '../meta/columns.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type { AutoscalingV1HorizontalPodAutoscaler } from '../types.ts'

/** The resource `horizontalpodautoscalers`. */
export const autoscalingV1HorizontalPodAutoscalers = defineKind<AutoscalingV1HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v1',
  kind: 'HorizontalPodAutoscaler',
  resource: 'horizontalpodautoscalers',
  namespaced: true,
  definition: 'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  hasStatus: true,
  columns: nameAndAge(),
})

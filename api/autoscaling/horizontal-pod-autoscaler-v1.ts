/** HorizontalPodAutoscaler (autoscaling/v1): the older shape, CPU only; stored as v2. */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, unknownText, unset } from '../meta/columns.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type {
  AutoscalingV1HorizontalPodAutoscaler,
  AutoscalingV1HorizontalPodAutoscalerSpec,
} from '../types.ts'
import { scaleTargetText, validateAutoscalerBounds } from './horizontal-pod-autoscaler.ts'

type Autoscaler = AutoscalingV1HorizontalPodAutoscaler

function setDefaults(autoscaler: Autoscaler): Autoscaler {
  if (autoscaler.spec === undefined) return autoscaler
  const spec = withDefaults<AutoscalingV1HorizontalPodAutoscalerSpec>(autoscaler.spec, { minReplicas: 1 })
  return withFields(autoscaler, { spec })
}

function targetsText({ spec, status }: Autoscaler): string {
  const now = status?.currentCPUUtilizationPercentage
  const wanted = spec?.targetCPUUtilizationPercentage
  const left = now === undefined ? unknownText : `${now}%`
  return `cpu: ${left}/${wanted === undefined ? unset : `${wanted}%`}`
}

const columns: readonly Column<Autoscaler>[] = [
  nameColumn(),
  column('Reference', 'What it scales.', ({ spec }) => scaleTargetText(spec?.scaleTargetRef)),
  column('Targets', 'CPU: now and wanted.', targetsText),
  column('MinPods', 'Fewest pods.', ({ spec }) => String(spec?.minReplicas ?? unset)),
  column('MaxPods', 'Most pods.', ({ spec }) => spec?.maxReplicas ?? 0, { type: 'integer' }),
  column('Replicas', 'Pods now.', ({ status }) => status?.currentReplicas ?? 0, { type: 'integer' }),
  ageColumn(),
]

/** The resource `horizontalpodautoscalers`, version 1. */
export const autoscalingV1HorizontalPodAutoscalers = defineKind<Autoscaler>({
  group: 'autoscaling',
  version: 'v1',
  kind: 'HorizontalPodAutoscaler',
  resource: 'horizontalpodautoscalers',
  namespaced: true,
  definition: 'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  hasStatus: true,
  setDefaults,
  validate: ({ spec }) => validateAutoscalerBounds(spec),
  columns,
})

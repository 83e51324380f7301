/**
 * HorizontalPodAutoscaler (autoscaling/v2): replicas that follow metrics.
 *
 * Source: kubernetes pkg/apis/autoscaling/{v2/defaults,validation/validation}.go, printers.go.
 */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, none, unknownText, unset } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, required } from '../meta/field-error.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { pathSegmentProblems } from '../meta/names.ts'
import { canonicalQuantity } from '../meta/quantity.ts'
import type {
  HPAScalingRules,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerBehavior,
  HorizontalPodAutoscalerSpec,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../types.ts'

const defaultUtilization = 80
const defaultMetrics: readonly MetricSpec[] = [
  {
    type: 'Resource',
    resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: defaultUtilization } },
  },
]
const scaleUpRules: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
}
const scaleDownRules: HPAScalingRules = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
}

function setBehaviorDefaults(behavior: HorizontalPodAutoscalerBehavior): HorizontalPodAutoscalerBehavior {
  return withFields(behavior, {
    scaleUp: withDefaults(behavior.scaleUp ?? {}, scaleUpRules),
    scaleDown: withDefaults(behavior.scaleDown ?? {}, scaleDownRules),
  })
}

function setDefaults(autoscaler: HorizontalPodAutoscaler): HorizontalPodAutoscaler {
  const given = autoscaler.spec
  if (given === undefined) return autoscaler
  const spec = withDefaults<HorizontalPodAutoscalerSpec>(given, { minReplicas: 1, metrics: defaultMetrics })
  return withFields(autoscaler, {
    spec: withFields(spec, { behavior: spec.behavior && setBehaviorDefaults(spec.behavior) }),
  })
}

interface Bounds {
  readonly minReplicas?: number | undefined
  readonly maxReplicas?: number | undefined
  readonly scaleTargetRef?: { readonly kind?: string; readonly name?: string } | undefined
}

/** Problems that both versions check. */
export function validateAutoscalerBounds(spec: Bounds | undefined): FieldError[] {
  const { minReplicas, maxReplicas = 0, scaleTargetRef } = spec ?? {}
  const problems: FieldError[] = []
  if (minReplicas !== undefined && minReplicas < 1) {
    problems.push(invalidValue('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'))
  }
  if (maxReplicas < 1) problems.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than 0'))
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    problems.push(
      invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'),
    )
  }
  for (const field of ['kind', 'name'] as const) {
    const value = scaleTargetRef?.[field] ?? ''
    const at = `spec.scaleTargetRef.${field}`
    if (value === '') problems.push(required(at))
    else problems.push(...pathSegmentProblems(value).map((text) => invalidValue(at, value, text)))
  }
  return problems
}

/** `Deployment/web` */
export function scaleTargetText(
  reference: { readonly kind?: string; readonly name?: string } | undefined,
): string {
  return `${reference?.kind ?? ''}/${reference?.name ?? ''}`
}

function currentText(current: MetricValueStatus | undefined, target: MetricTarget): string {
  if (target.averageUtilization !== undefined) {
    return current?.averageUtilization === undefined ? unknownText : `${current.averageUtilization}%`
  }
  const value = target.averageValue === undefined ? current?.value : current?.averageValue
  return value === undefined ? unknownText : canonicalQuantity(value)
}

function targetText(target: MetricTarget): string {
  if (target.averageUtilization !== undefined) return `${target.averageUtilization}%`
  if (target.averageValue !== undefined) return `${canonicalQuantity(target.averageValue)} (avg)`
  return target.value === undefined ? '<auto>' : canonicalQuantity(target.value)
}

function metricText(spec: MetricSpec, status: MetricStatus | undefined): string {
  const target = (spec.resource ?? spec.containerResource ?? spec.pods ?? spec.object ?? spec.external)
    ?.target
  if (target === undefined) return '<unknown type>'
  const current = (
    status?.resource ??
    status?.containerResource ??
    status?.pods ??
    status?.object ??
    status?.external
  )?.current
  const label = spec.resource === undefined ? '' : `${spec.resource.name}: `
  return `${label}${currentText(current, target)}/${targetText(target)}`
}

function targetsText({ spec, status }: HorizontalPodAutoscaler): string {
  const metrics = spec?.metrics ?? []
  if (metrics.length === 0) return none
  const texts = metrics.map((metric, index) => metricText(metric, status?.currentMetrics?.[index]))
  return texts.length > 2 ? `${texts.slice(0, 2).join(', ')} + ${texts.length - 2} more...` : texts.join(', ')
}

const columns: readonly Column<HorizontalPodAutoscaler>[] = [
  nameColumn(),
  column('Reference', 'What it scales.', ({ spec }) => scaleTargetText(spec?.scaleTargetRef)),
  column('Targets', 'Metrics: now and wanted.', targetsText),
  column('MinPods', 'Fewest pods.', ({ spec }) => String(spec?.minReplicas ?? unset)),
  column('MaxPods', 'Most pods.', ({ spec }) => spec?.maxReplicas ?? 0, { type: 'integer' }),
  column('Replicas', 'Pods now.', ({ status }) => status?.currentReplicas ?? 0, { type: 'integer' }),
  ageColumn(),
]

/** The resource `horizontalpodautoscalers`, version 2. */
export const horizontalPodAutoscalers = defineKind<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  resource: 'horizontalpodautoscalers',
  namespaced: true,
  definition: 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  hasStatus: true,
  setDefaults,
  validate: ({ spec }) => validateAutoscalerBounds(spec),
  columns,
})

/**
 * autoscaling/v1 ⇄ v2: v1 knows the CPU target only; what else a v2 object holds travels in annotations.
 * Source: k8s.io/kubernetes pkg/apis/autoscaling/v1/conversion.go, annotations.go.
 */
import type { KubeObject } from '../../api/kind.ts'
import { fieldOf } from '../../api/meta/json.ts'
import { asObject } from '../storage/parse.ts'

const metricsAnnotation = 'autoscaling.alpha.kubernetes.io/metrics'
const behaviorAnnotation = 'autoscaling.alpha.kubernetes.io/behavior'

/** v1 → v2. */
export function hpaV1ToV2(hpa: KubeObject): KubeObject {
  const { targetCPUUtilizationPercentage, ...spec } = recordOf(hpa['spec'])
  const {
    [metricsAnnotation]: metricsText,
    [behaviorAnnotation]: behaviorText,
    ...annotations
  } = {
    ...hpa.metadata.annotations,
  }
  const cpu =
    targetCPUUtilizationPercentage === undefined
      ? []
      : [
          {
            type: 'Resource',
            resource: {
              name: 'cpu',
              target: { type: 'Utilization', averageUtilization: targetCPUUtilizationPercentage },
            },
          },
        ]
  const more = metricsText === undefined ? [] : listOf(parseOr(metricsText, []))
  const { currentCPUUtilizationPercentage: _cpu, ...status } = recordOf(hpa['status'])
  return asObject({
    ...hpa,
    apiVersion: 'autoscaling/v2',
    metadata: { ...hpa.metadata, annotations },
    spec: {
      ...spec,
      metrics: [...cpu, ...more],
      ...(behaviorText === undefined ? {} : { behavior: parseOr(behaviorText, {}) }),
    },
    status: { desiredReplicas: 0, currentMetrics: null, ...status },
  })
}

/** v2 → v1. */
export function hpaV2ToV1(hpa: KubeObject): KubeObject {
  const { metrics, behavior, ...spec } = recordOf(hpa['spec'])
  const isCpu = (metric: unknown) =>
    fieldOf(metric, 'type') === 'Resource' &&
    fieldOf(fieldOf(metric, 'resource'), 'name') === 'cpu' &&
    fieldOf(fieldOf(fieldOf(metric, 'resource'), 'target'), 'averageUtilization') !== undefined
  const all = listOf(metrics)
  const cpu = all.find(isCpu)
  const rest = all.filter((metric) => metric !== cpu)
  const target = fieldOf(fieldOf(fieldOf(cpu, 'resource'), 'target'), 'averageUtilization')
  const { currentMetrics: _metrics, conditions: _conditions, ...status } = recordOf(hpa['status'])
  const annotations = {
    ...hpa.metadata.annotations,
    ...(rest.length === 0 ? {} : { [metricsAnnotation]: JSON.stringify(rest) }),
    ...(behavior === undefined ? {} : { [behaviorAnnotation]: JSON.stringify(behavior) }),
  }
  return asObject({
    ...hpa,
    apiVersion: 'autoscaling/v1',
    metadata: { ...hpa.metadata, annotations },
    spec: { ...spec, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: { currentReplicas: 0, desiredReplicas: 0, ...status },
  })
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function parseOr(text: string, fallback: unknown): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return fallback
  }
}

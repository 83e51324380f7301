/**
 * Taints and tolerations.
 *
 * Source: kubernetes staging/src/k8s.io/component-helpers/scheduling/corev1, k8s.io/api/core/v1/toleration.go.
 */
import type { Taint, Toleration } from '../types.ts'

/** True when the toleration covers the taint. An empty key with Exists covers all; an empty effect any effect. */
export function toleratesTaint(toleration: Toleration, taint: Taint): boolean {
  const { key = '', operator = 'Equal', value = '', effect = '' } = toleration
  if (effect !== '' && effect !== taint.effect) return false
  if (key !== '' && key !== taint.key) return false
  if (operator === '' || operator === 'Equal') return key !== '' && value === (taint.value ?? '')
  return operator === 'Exists'
}

/** True when one of the tolerations covers the taint. */
export function isTaintTolerated(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return (tolerations ?? []).some((toleration) => toleratesTaint(toleration, taint))
}

/** The first taint with one of the effects that nothing tolerates, or undefined. */
export function findUntoleratedTaint(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined {
  return (taints ?? []).find(
    (taint) => effects.includes(taint.effect) && !isTaintTolerated(tolerations, taint),
  )
}

/** `key=value:effect`, as kubectl and events print it. */
export function formatTaint(taint: Taint): string {
  const value = taint.value ?? ''
  return `${taint.key}${value === '' ? '' : `=${value}`}:${taint.effect}`
}

/** Same key and effect: a node has at most one such taint. */
export function isSameTaint(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.effect === b.effect
}

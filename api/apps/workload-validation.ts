/**
 * What the workloads of this group check alike: selectors, counts, rolling updates.
 *
 * Source: kubernetes pkg/apis/apps/validation/validation.go.
 */
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, required } from '../meta/field-error.ts'
import { parsePercent } from '../meta/int-or-string.ts'
import { deepEqual } from '../meta/json.ts'
import { validateLabelSelector } from '../meta/label-selector-validation.ts'
import type { LabelSelector, PersistentVolumeClaim, PodTemplateSpec } from '../types.ts'
import { validateWorkloadTemplate } from '../core/pod-spec-validation.ts'

/** True when the selector is there and asks for something. */
function isUsable(selector: LabelSelector | undefined): selector is LabelSelector {
  const count = Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length
  return selector !== undefined && count > 0
}

interface Selecting {
  readonly selector?: LabelSelector | undefined
  readonly template?: PodTemplateSpec | undefined
  readonly volumeClaimTemplates?: readonly PersistentVolumeClaim[] | undefined
}

/** The template as its pods will have it: each claim template becomes a volume of that name. */
function withClaimVolumes({ template, volumeClaimTemplates }: Selecting): PodTemplateSpec | undefined {
  const claims = volumeClaimTemplates ?? []
  if (claims.length === 0 || template?.spec === undefined) return template
  const names = new Set(claims.map((claim) => claim.metadata?.name ?? ''))
  const own = (template.spec.volumes ?? []).filter((volume) => !names.has(volume.name))
  const mounted = [...names].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }))
  return { ...template, spec: { ...template.spec, volumes: [...own, ...mounted] } }
}

/** Problems of `spec.selector` and of a template that it must match. */
export function validateSelectorAndTemplate(spec: Selecting, kindWord: string): FieldError[] {
  const { selector } = spec
  const problems: FieldError[] = []
  if (selector === undefined) problems.push(required('spec.selector'))
  else problems.push(...validateLabelSelector(selector, 'spec.selector'))
  if (selector !== undefined && !isUsable(selector)) {
    problems.push(invalidValue('spec.selector', selector, `empty selector is invalid for ${kindWord}`))
  }
  if (isUsable(selector) && problems.length === 0) {
    problems.push(...validateWorkloadTemplate(withClaimVolumes(spec), selector, 'spec.template'))
  }
  return problems
}

/** A count that may not be negative. */
export function countProblems(value: number | undefined, field: string): FieldError[] {
  return value !== undefined && value < 0
    ? [invalidValue(field, value, 'must be greater than or equal to 0')]
    : []
}

/** A count or a percentage. */
export function countOrPercentProblems(value: number | string | undefined, field: string): FieldError[] {
  if (value === undefined) return []
  if (typeof value === 'number') return countProblems(value, field)
  if (parsePercent(value) !== undefined) return []
  return [
    invalidValue(
      field,
      value,
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    ),
  ]
}

/** True for 0 and 0%. */
export function isZeroCount(value: number | string | undefined): boolean {
  return value === 0 || (typeof value === 'string' && parsePercent(value) === 0)
}

/** A field that keeps the value it was created with. */
export function immutableProblems(next: unknown, previous: unknown, field: string): FieldError[] {
  return deepEqual(next, previous) ? [] : [invalidValue(field, next ?? null, 'field is immutable')]
}

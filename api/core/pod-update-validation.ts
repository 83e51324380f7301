/**
 * What may change in a pod that exists: images, an earlier deadline, more tolerations, fewer scheduling
 * gates, a negative grace period to one second. Everything else is fixed.
 *
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidatePodUpdate).
 */
import type { FieldError } from '../meta/field-error.ts'
import { forbiddenField, invalidValue } from '../meta/field-error.ts'
import { deepEqual, mapList, withFields } from '../meta/json.ts'
import type { Container, Pod, PodSpec } from '../types.ts'

const immutableText =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

function withImagesOf(
  containers: readonly Container[] | undefined,
  previous: readonly Container[] | undefined,
) {
  return mapList(containers, (container, index) => withFields(container, { image: previous?.[index]?.image }))
}

/** `next` with everything that may change set back to what `previous` has. */
function withoutAllowedChanges(next: PodSpec, previous: PodSpec): PodSpec {
  const wasNegative = (previous.terminationGracePeriodSeconds ?? 0) < 0
  const isGated = (previous.schedulingGates ?? []).length > 0
  return withFields(next, {
    containers: withImagesOf(next.containers, previous.containers) ?? [],
    initContainers: withImagesOf(next.initContainers, previous.initContainers),
    activeDeadlineSeconds: previous.activeDeadlineSeconds,
    tolerations: previous.tolerations,
    schedulingGates: previous.schedulingGates,
    ...(wasNegative && next.terminationGracePeriodSeconds === 1
      ? { terminationGracePeriodSeconds: previous.terminationGracePeriodSeconds }
      : {}),
    // While gated, a pod may still be steered to fewer nodes.
    ...(isGated ? { nodeSelector: previous.nodeSelector, affinity: previous.affinity } : {}),
  })
}

function deadlineProblems(next: PodSpec, previous: PodSpec): FieldError[] {
  const before = previous.activeDeadlineSeconds
  const after = next.activeDeadlineSeconds
  const field = 'spec.activeDeadlineSeconds'
  if (before === undefined) return []
  if (after === undefined)
    return [invalidValue(field, null, 'must not update from a positive integer to nil value')]
  return after > before ? [invalidValue(field, after, 'must be less than or equal to previous value')] : []
}

function tolerationProblems(next: PodSpec, previous: PodSpec): FieldError[] {
  const without = (toleration: object) => withFields(toleration, { tolerationSeconds: undefined })
  const isLost = (previous.tolerations ?? []).some(
    (old) => !(next.tolerations ?? []).some((toleration) => deepEqual(without(toleration), without(old))),
  )
  return isLost
    ? [
        forbiddenField(
          'spec.tolerations',
          'existing toleration can not be modified except its tolerationSeconds',
        ),
      ]
    : []
}

function gateProblems(next: PodSpec, previous: PodSpec): FieldError[] {
  const known = new Set((previous.schedulingGates ?? []).map((gate) => gate.name))
  const extra = (next.schedulingGates ?? []).find((gate) => !known.has(gate.name))
  return extra === undefined
    ? []
    : [
        forbiddenField(
          'spec.schedulingGates',
          `only deletion is allowed, but found new scheduling gate '${extra.name}'`,
        ),
      ]
}

function changedFields(a: PodSpec, b: PodSpec): string {
  const fields = new Set([...Object.keys(a), ...Object.keys(b)])
  const left = new Map(Object.entries(a))
  const right = new Map(Object.entries(b))
  return [...fields]
    .filter((field) => !deepEqual(left.get(field), right.get(field)))
    .sort()
    .join(', ')
}

/** Problems of a change of a pod through the main endpoint. */
export function validatePodUpdate(next: Pod, previous: Pod): readonly FieldError[] {
  const before = previous.spec
  const after = next.spec
  if (before === undefined || after === undefined) return []
  const problems = [
    ...deadlineProblems(after, before),
    ...tolerationProblems(after, before),
    ...gateProblems(after, before),
  ]
  ;(after.containers ?? []).forEach((container, index) => {
    const image = container.image ?? ''
    if (image === '')
      problems.push({
        type: 'FieldValueRequired',
        field: `spec.containers[${index}].image`,
        message: 'Required value',
      })
  })
  const rest = withoutAllowedChanges(after, before)
  if (!deepEqual(rest, before)) {
    problems.push(forbiddenField('spec', `${immutableText}\nchanged: ${changedFields(rest, before)}\n`))
  }
  return problems
}

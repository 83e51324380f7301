/**
 * Defaults and problems of a job's spec, shared by Job and CronJob.
 *
 * Source: kubernetes pkg/apis/batch/v1/defaults.go, pkg/apis/batch/validation/validation.go.
 */
import { countProblems } from '../apps/workload-validation.ts'
import { setPodTemplateDefaults } from '../core/pod-spec-defaults.ts'
import { validatePodTemplate } from '../core/pod-spec-validation.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, notSupported, required } from '../meta/field-error.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import type { JobSpec } from '../types.ts'

const unlimited = 2 ** 31 - 1
const completionModes = ['Indexed', 'NonIndexed']
const replacementPolicies = ['Failed', 'TerminatingOrFailed']

/** Defaults of a job's spec. */
export function setJobSpecDefaults(spec: JobSpec | undefined): JobSpec {
  const given: JobSpec = spec ?? { template: {} }
  const isPlain = given.completions === undefined && given.parallelism === undefined
  const base = withDefaults<JobSpec>(given, {
    completions: isPlain ? 1 : undefined,
    parallelism: 1,
    backoffLimit: given.backoffLimitPerIndex === undefined ? 6 : unlimited,
    completionMode: 'NonIndexed',
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: given.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed',
  })
  return withFields(base, { template: setPodTemplateDefaults(base.template) })
}

/** Problems of a job's spec that stands at `field`. */
export function validateJobSpec(spec: JobSpec, field: string): FieldError[] {
  const policy = spec.template?.spec?.restartPolicy
  const mode = spec.completionMode ?? ''
  const replacement = spec.podReplacementPolicy ?? 'TerminatingOrFailed'
  const problems = [
    ...countProblems(spec.parallelism, `${field}.parallelism`),
    ...countProblems(spec.completions, `${field}.completions`),
    ...countProblems(spec.activeDeadlineSeconds, `${field}.activeDeadlineSeconds`),
    ...countProblems(spec.backoffLimit, `${field}.backoffLimit`),
    ...countProblems(spec.ttlSecondsAfterFinished, `${field}.ttlSecondsAfterFinished`),
    ...countProblems(spec.backoffLimitPerIndex, `${field}.backoffLimitPerIndex`),
    ...validatePodTemplate(spec.template, `${field}.template`),
  ]
  if (!completionModes.includes(mode))
    problems.push(notSupported(`${field}.completionMode`, mode, completionModes))
  if (mode === 'Indexed' && spec.completions === undefined) {
    problems.push(required(`${field}.completions`, 'when completion mode is Indexed'))
  }
  if (mode !== 'Indexed' && spec.backoffLimitPerIndex !== undefined) {
    problems.push(
      invalidValue(
        `${field}.backoffLimitPerIndex`,
        spec.backoffLimitPerIndex,
        'requires indexed completion mode',
      ),
    )
  }
  if (!replacementPolicies.includes(replacement)) {
    problems.push(notSupported(`${field}.podReplacementPolicy`, replacement, replacementPolicies))
  }
  if (policy === 'Always') {
    problems.push(required(`${field}.template.spec.restartPolicy`, 'valid values: "OnFailure", "Never"'))
  }
  return problems
}

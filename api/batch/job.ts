/**
 * Job (batch/v1): pods that run to completion.
 *
 * Source: kubernetes pkg/registry/batch/job/strategy.go (selector generation), printers.go (printJob).
 */
import { immutableProblems } from '../apps/workload-validation.ts'
import { ageColumn, column, nameColumn, workloadColumns } from '../meta/columns.ts'
import { isConditionTrue } from '../meta/conditions.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, required } from '../meta/field-error.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { validateLabelSelector } from '../meta/label-selector-validation.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { matchesLabels, tryLabelSelectorFrom } from '../meta/selector.ts'
import { humanDuration, parseTime } from '../meta/time.ts'
import type { Job, JobSpec } from '../types.ts'
import { setJobSpecDefaults, validateJobSpec } from './job-spec.ts'

/** Label with the owning job's uid; the generated selector asks for it. */
export const controllerUidLabel = 'batch.kubernetes.io/controller-uid'
/** Label with the owning job's name. */
export const jobNameLabel = 'batch.kubernetes.io/job-name'

function setDefaults(job: Job): Job {
  const spec = setJobSpecDefaults(job.spec)
  const labels = job.metadata.labels ?? spec.template?.metadata?.labels
  return withFields(job, { spec, metadata: withDefaults(job.metadata, { labels }) })
}

/** The selector and labels that tie a job to its pods, unless the user made them. */
function withGeneratedSelector(job: Job, spec: JobSpec): JobSpec {
  if (spec.manualSelector === true) return spec
  const uid = job.metadata.uid ?? ''
  const name = job.metadata.name ?? ''
  const template = spec.template ?? {}
  const labels = {
    ...template.metadata?.labels,
    [controllerUidLabel]: uid,
    'controller-uid': uid,
    [jobNameLabel]: name,
    'job-name': name,
  }
  return {
    ...spec,
    selector: { ...spec.selector, matchLabels: { ...spec.selector?.matchLabels, [controllerUidLabel]: uid } },
    template: { ...template, metadata: { ...template.metadata, labels } },
  }
}

function prepareForCreate(job: Job): Job {
  return { ...job, status: {}, spec: withGeneratedSelector(job, job.spec ?? { template: {} }) }
}

function validate({ spec }: Job): readonly FieldError[] {
  if (spec === undefined) return [required('spec.template')]
  const problems = validateJobSpec(spec, 'spec')
  if (spec.selector === undefined) problems.push(required('spec.selector'))
  else problems.push(...validateLabelSelector(spec.selector, 'spec.selector'))
  const selector = tryLabelSelectorFrom(spec.selector)
  const labels = spec.template?.metadata?.labels
  if (spec.selector !== undefined && selector !== undefined && !matchesLabels(selector, labels)) {
    const text = '`selector` does not match template `labels`'
    problems.push(invalidValue('spec.template.metadata.labels', labels, text))
  }
  return problems
}

function validateUpdate(next: Job, previous: Job): readonly FieldError[] {
  const [after, before] = [next.spec, previous.spec]
  // While suspended and not yet started, the pods may still be steered.
  const isTemplateOpen = before?.suspend === true && previous.status?.startTime === undefined
  const isElastic = before?.completionMode === 'Indexed' && after?.completions === after?.parallelism
  return [
    ...(isElastic ? [] : immutableProblems(after?.completions, before?.completions, 'spec.completions')),
    ...immutableProblems(after?.selector, before?.selector, 'spec.selector'),
    ...(isTemplateOpen ? [] : immutableProblems(after?.template, before?.template, 'spec.template')),
    ...immutableProblems(after?.completionMode, before?.completionMode, 'spec.completionMode'),
    ...immutableProblems(after?.podFailurePolicy, before?.podFailurePolicy, 'spec.podFailurePolicy'),
    ...immutableProblems(
      after?.backoffLimitPerIndex,
      before?.backoffLimitPerIndex,
      'spec.backoffLimitPerIndex',
    ),
    ...immutableProblems(after?.managedBy, before?.managedBy, 'spec.managedBy'),
  ]
}

function statusText(job: Job): string {
  const types: readonly (readonly [string, string])[] = [
    ['Complete', 'Complete'],
    ['Failed', 'Failed'],
  ]
  const ended = types.find(([type]) => isConditionTrue(job.status?.conditions, type))
  if (ended !== undefined) return ended[1]
  if (job.metadata?.deletionTimestamp !== undefined) return 'Terminating'
  const pending = ['Suspended', 'FailureTarget', 'SuccessCriteriaMet']
  return pending.find((type) => isConditionTrue(job.status?.conditions, type)) ?? 'Running'
}

function completionsText({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`
  const parallelism = spec?.parallelism ?? 0
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

function durationText({ status }: Job, nowMs: number): string {
  const start = parseTime(status?.startTime)
  return start === undefined ? '' : humanDuration((parseTime(status?.completionTime) ?? nowMs) - start)
}

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
  setDefaults,
  prepareForCreate,
  validate,
  validateUpdate,
  columns: [
    nameColumn(),
    column('Status', 'Status of the job.', statusText),
    column('Completions', 'Successful pods out of those wanted.', completionsText),
    column('Duration', 'Time from start to completion, or to now.', durationText),
    ageColumn(),
    ...workloadColumns<Job>(
      ({ spec }) => spec?.template?.spec?.containers,
      ({ spec }) => spec?.selector,
    ),
  ],
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
})

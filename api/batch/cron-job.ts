/**
 * CronJob (batch/v1): jobs made on a schedule.
 *
 * Source: kubernetes pkg/apis/batch/v1/defaults.go, pkg/apis/batch/validation/validation.go.
 */
import { countProblems } from '../apps/workload-validation.ts'
import { ageColumn, column, nameColumn, none, workloadColumns } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { invalidValue, notSupported, required } from '../meta/field-error.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import { age } from '../meta/time.ts'
import type { CronJob, CronJobSpec } from '../types.ts'
import { CronError, parseCron } from './cron-schedule.ts'
import { setJobSpecDefaults, validateJobSpec } from './job-spec.ts'

/** Longer names leave no room for the job's suffix. */
const nameMax = 52
const concurrencyPolicies = ['Allow', 'Forbid', 'Replace']

function setDefaults(cronJob: CronJob): CronJob {
  const given: CronJobSpec = cronJob.spec ?? { schedule: '', jobTemplate: {} }
  const spec = withDefaults(given, {
    concurrencyPolicy: 'Allow',
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  })
  const template = withDefaults(spec.jobTemplate ?? {}, { metadata: {} })
  return withFields(cronJob, {
    spec: withFields(spec, {
      jobTemplate: withFields(template, { spec: setJobSpecDefaults(template.spec) }),
    }),
  })
}

function scheduleProblems(schedule: string | undefined): FieldError[] {
  const field = 'spec.schedule'
  if (schedule === undefined || schedule === '') return [required(field)]
  if (schedule.includes('TZ'))
    return [invalidValue(field, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')]
  try {
    parseCron(schedule)
    return []
  } catch (error) {
    if (error instanceof CronError) return [invalidValue(field, schedule, error.message)]
    throw error
  }
}

function zoneProblems(zone: string | undefined): FieldError[] {
  if (zone === undefined) return []
  const field = 'spec.timeZone'
  if (zone === '') return [invalidValue(field, zone, 'timeZone must be nil or non-empty string')]
  if (zone.toLowerCase() === 'local')
    return [
      invalidValue(
        field,
        zone,
        'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      ),
    ]
  try {
    Intl.DateTimeFormat('en', { timeZone: zone })
    return []
  } catch {
    return [invalidValue(field, zone, `unknown time zone ${zone}`)]
  }
}

function validate({ spec, metadata }: CronJob): readonly FieldError[] {
  if (spec === undefined) return [required('spec.schedule')]
  const policy = spec.concurrencyPolicy ?? ''
  const name = metadata.name ?? ''
  const jobSpec = spec.jobTemplate?.spec
  return [
    ...scheduleProblems(spec.schedule),
    ...zoneProblems(spec.timeZone),
    ...countProblems(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds'),
    ...countProblems(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit'),
    ...countProblems(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit'),
    ...(concurrencyPolicies.includes(policy)
      ? []
      : [notSupported('spec.concurrencyPolicy', policy, concurrencyPolicies)]),
    ...(jobSpec === undefined
      ? [required('spec.jobTemplate.spec')]
      : validateJobSpec(jobSpec, 'spec.jobTemplate.spec')),
    ...(name.length > nameMax
      ? [invalidValue('metadata.name', name, `must be no more than ${nameMax} characters`)]
      : []),
  ]
}

/** The resource `cronjobs`. */
export const cronJobs = defineKind<CronJob>({
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  resource: 'cronjobs',
  namespaced: true,
  definition: 'io.k8s.api.batch.v1.CronJob',
  shortNames: ['cj'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  setDefaults,
  validate,
  columns: [
    nameColumn(),
    column('Schedule', 'When it runs, in cron form.', ({ spec }) => spec?.schedule ?? ''),
    column('Timezone', 'Where that time is.', ({ spec }) => spec?.timeZone ?? none),
    column('Suspend', 'True while no jobs are made.', ({ spec }) =>
      spec?.suspend === true ? 'True' : 'False',
    ),
    column('Active', 'Jobs that run now.', ({ status }) => (status?.active ?? []).length, {
      type: 'integer',
    }),
    column('Last Schedule', 'Time since the last job was made.', ({ status }, nowMs) =>
      status?.lastScheduleTime === undefined ? none : age(status.lastScheduleTime, nowMs),
    ),
    ageColumn(),
    ...workloadColumns<CronJob>(
      ({ spec }) => spec?.jobTemplate?.spec?.template?.spec?.containers,
      ({ spec }) => spec?.jobTemplate?.spec?.selector,
    ),
  ],
})

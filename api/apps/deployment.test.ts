import t from 'tap'
import { trusted } from '../meta/json.ts'
import type { CronJob, Deployment, Job, StatefulSet } from '../types.ts'
import { cronJobs } from '../batch/cron-job.ts'
import { CronError, nextCronTime, parseCron } from '../batch/cron-schedule.ts'
import { jobs } from '../batch/job.ts'
import { deployments } from './deployment.ts'
import { statefulSets } from './stateful-set.ts'

const labels = { app: 'web' }
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i:1' }] } }
const spec = { selector: { matchLabels: labels }, template }

function deploymentOf(fields: object): Deployment {
  return deployments.setDefaults(
    trusted<Deployment>({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: fields,
    }),
  )
}

const problemsOf = (fields: object) =>
  deployments.validate(deploymentOf(fields)).map(({ field, message }) => `${field}: ${message}`)

void t.test('a deployment rolls by quarters unless it says otherwise', (t) => {
  t.match(deploymentOf(spec).spec, {
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    template: { spec: { restartPolicy: 'Always' } },
  })
  t.equal(deploymentOf({ ...spec, replicas: 0 }).spec?.replicas, 0)
  t.strictSame(deploymentOf({ ...spec, strategy: { type: 'Recreate' } }).spec?.strategy, { type: 'Recreate' })
  t.notOk(deploymentOf(spec).spec?.template?.spec?.enableServiceLinks, 'only pods get this default')
  t.end()
})

void t.test('what is wrong with a deployment is said by field', (t) => {
  t.same(problemsOf(spec), [])
  t.same(problemsOf({ template }), ['spec.selector: Required value'])
  t.same(problemsOf({ selector: {}, template }), [
    'spec.selector: Invalid value: {}: empty selector is invalid for deployment',
  ])
  t.same(problemsOf({ ...spec, selector: { matchLabels: { app: 'db' } } }), [
    'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
  ])
  t.same(problemsOf({ ...spec, replicas: -1 }), [
    'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  ])
  t.same(
    problemsOf({ ...spec, template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } }),
    ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
  )
  t.same(problemsOf({ ...spec, strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } } }), [
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0',
  ])
  t.same(problemsOf({ ...spec, progressDeadlineSeconds: 5, minReadySeconds: 5 }), [
    'spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds',
  ])
  t.end()
})

void t.test('the selector of a deployment is fixed', (t) => {
  const next = deploymentOf({ ...spec, selector: { matchLabels: { app: 'db' } } })
  t.match(deployments.validateUpdate(next, deploymentOf(spec)), [
    {
      type: 'FieldValueInvalid',
      field: 'spec.selector',
      message: 'Invalid value: {"matchLabels":{"app":"db"}}: field is immutable',
    },
  ])
  t.end()
})

void t.test('only some fields of a stateful set may change', (t) => {
  const setOf = (fields: object) =>
    statefulSets.setDefaults(
      trusted<StatefulSet>({
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'db' },
        spec: { ...spec, ...fields },
      }),
    )
  t.same(
    statefulSets.validateUpdate(
      setOf({ replicas: 3, template: { ...template, metadata: { labels: { app: 'web', v: '2' } } } }),
      setOf({}),
    ),
    [],
  )
  const mounting = {
    containers: [{ name: 'c', image: 'i', volumeMounts: [{ name: 'data', mountPath: '/d' }] }],
  }
  const claims = {
    template: { ...template, spec: mounting },
    volumeClaimTemplates: [{ metadata: { name: 'data' } }],
  }
  t.same(statefulSets.validate(setOf(claims)), [], 'a claim template may be mounted')
  t.equal(statefulSets.validate(setOf({ template: claims.template })).length, 1)
  t.match(statefulSets.validateUpdate(setOf({ serviceName: 'x' }), setOf({})), [
    { field: 'spec', message: /^Forbidden: updates to statefulset spec/ },
  ])
  t.end()
})

const once = { spec: { ...template.spec, restartPolicy: 'Never' } }

void t.test('a job finds its pods by its own uid', (t) => {
  const given = trusted<Job>({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'j', uid: 'u1' },
    spec: { template: once },
  })
  const job = jobs.prepareForCreate(jobs.setDefaults(given))
  t.strictSame(job.spec?.selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u1' } })
  t.match(job.spec?.template?.metadata?.labels, {
    'batch.kubernetes.io/job-name': 'j',
    'job-name': 'j',
    'controller-uid': 'u1',
  })
  t.match(job.spec, {
    completions: 1,
    parallelism: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
  })
  t.same(jobs.validate(job), [])
  const always = jobs.setDefaults(
    trusted<Job>({ ...given, spec: { template, selector: { matchLabels: labels } } }),
  )
  t.match(jobs.validate(always), [
    {
      field: 'spec.template.spec.restartPolicy',
      message: 'Required value: valid values: "OnFailure", "Never"',
    },
  ])
  t.match(jobs.validateUpdate(trusted<Job>({ ...job, spec: { ...job.spec, completions: 2 } }), job), [
    { field: 'spec.completions', message: /field is immutable/ },
  ])
  t.end()
})

void t.test('a cron job is refused for a schedule that is none', (t) => {
  const problems = (fields: object, name = 'c') =>
    cronJobs
      .validate(
        cronJobs.setDefaults(
          trusted<CronJob>({
            apiVersion: 'batch/v1',
            kind: 'CronJob',
            metadata: { name },
            spec: { schedule: '* * * * *', jobTemplate: { spec: { template: once } }, ...fields },
          }),
        ),
      )
      .map(({ field }) => field)
  t.same(problems({}), [])
  t.same(problems({ schedule: '* * * *' }), ['spec.schedule'])
  t.same(problems({ schedule: 'TZ=UTC * * * * *' }), ['spec.schedule'])
  t.same(problems({ timeZone: 'Mars/Olympus' }), ['spec.timeZone'])
  t.same(problems({ timeZone: 'Europe/Berlin' }), [])
  t.same(problems({}, 'c'.repeat(53)), ['metadata.name'])
  t.end()
})

void t.test('schedules name the times that cron means', (t) => {
  const next = (text: string, after: string) => {
    const ms = nextCronTime(parseCron(text), Date.parse(after))
    return ms === undefined ? undefined : new Date(ms).toISOString()
  }
  t.equal(next('*/15 * * * *', '2026-01-01T00:00:00Z'), '2026-01-01T00:15:00.000Z')
  t.equal(next('0 0 29 2 *', '2026-01-01T00:00:00Z'), '2028-02-29T00:00:00.000Z')
  t.equal(next('0 12 * * mon-fri', '2026-01-02T12:00:00Z'), '2026-01-05T12:00:00.000Z')
  t.equal(
    next('0 0 1 * 1', '2026-01-02T00:00:00Z'),
    '2026-01-05T00:00:00.000Z',
    'day or weekday, when both are given',
  )
  t.equal(next('@hourly', '2026-01-01T00:00:30Z'), '2026-01-01T01:00:00.000Z')
  t.equal(next('@every 1h30m', '2026-01-01T00:00:00Z'), '2026-01-01T01:30:00.000Z')
  t.equal(next('0 0 31 2 *', '2026-01-01T00:00:00Z'), undefined)
  for (const text of [
    '',
    '* * * *',
    '60 * * * *',
    '* * * * 8',
    '5-1 * * * *',
    '*/0 * * * *',
    '@noon',
    '@every x',
    'a * * * *',
  ]) {
    t.throws(() => parseCron(text), CronError, text)
  }
  t.end()
})

import fc from 'fast-check'
import t from 'tap'
import { jobs } from '../../api/batch/job.ts'
import { isConditionTrue } from '../../api/meta/conditions.ts'
import type { Job, JobSpec, Pod } from '../../api/types.ts'
import { epochMs, podOf } from '../testing/objects.ts'
import { newJobPod, trackingFinalizer } from './job-pods.ts'
import { isFinished, planJob } from './plan.ts'

function jobOf(spec: Partial<JobSpec>, status?: Job['status']): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'j', namespace: 'default', uid: 'uid-j' },
    spec: {
      completions: 3,
      parallelism: 2,
      backoffLimit: 6,
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c' }] } },
      ...spec,
    },
    status,
  }
}

const podAt = (name: string, phase: string, more: Partial<Parameters<typeof podOf>[0]> = {}) =>
  podOf({
    name,
    phase,
    finalizers: [trackingFinalizer],
    owner: { object: jobOf({}), resource: jobs },
    ...more,
  })

function plan(job: Job, pods: readonly Pod[], nowMs = epochMs) {
  return planJob({ job, pods, mayAct: true, isReleased: () => false, nowMs })
}

t.test('a finished pod is named before its finalizer is taken off, and counted after', (t) => {
  const ended = podAt('a', 'Succeeded')
  const first = plan(jobOf({}), [ended])
  t.same(first.status.uncountedTerminatedPods, { succeeded: ['uid-a'] })
  t.equal(first.status.succeeded, 0)
  t.same(
    first.release.map(({ metadata }) => metadata.name),
    ['a'],
  )
  const released = podAt('a', 'Succeeded', { finalizers: [] })
  const second = plan(jobOf({}, first.status), [released])
  t.same(second.status.uncountedTerminatedPods, {})
  t.equal(second.status.succeeded, 1)
  const third = plan(jobOf({}, second.status), [released])
  t.equal(third.status.succeeded, 1)
  t.end()
})

t.test('a pod that was deleted before it ended counts as failed', (t) => {
  const { status } = plan(jobOf({}), [podAt('a', 'Running', { deleted: true })])
  t.same(status.uncountedTerminatedPods, { failed: ['uid-a'] })
  t.end()
})

t.test('nothing is made or deleted while the cache is behind', (t) => {
  const behind = planJob({ job: jobOf({}), pods: [], mayAct: false, isReleased: () => false, nowMs: epochMs })
  t.same([behind.create, behind.discard, behind.end], [[], [], []])
  t.equal(plan(jobOf({}), []).create.length, 2)
  t.end()
})

t.test('failures hold new pods back for ten seconds, then twenty', (t) => {
  const failed = [podAt('a', 'Failed')]
  const soon = plan(jobOf({}), failed, epochMs + 4000)
  t.same(soon.create, [])
  t.equal(soon.requeueAfterMs, 6000)
  t.equal(plan(jobOf({}), failed, epochMs + 10_000).create.length, 2)
  const twice = plan(jobOf({}), [...failed, podAt('b', 'Failed')], epochMs + 10_000)
  t.equal(twice.requeueAfterMs, 10_000)
  t.end()
})

t.test('beyond the backoff limit the job ends its pods first and says Failed when all is counted', (t) => {
  const pods = [podAt('a', 'Failed'), podAt('b', 'Failed'), podAt('c', 'Running')]
  const job = jobOf({ backoffLimit: 1 })
  const first = plan(job, pods)
  t.ok(isConditionTrue(first.status.conditions, 'FailureTarget'))
  t.notOk(isConditionTrue(first.status.conditions, 'Failed'))
  t.same(
    first.end.map(({ metadata }) => metadata.name),
    ['c'],
  )
  const gone = [podAt('a', 'Failed', { finalizers: [] }), podAt('b', 'Failed', { finalizers: [] })]
  const last = plan({ ...job, status: first.status }, gone)
  t.ok(isConditionTrue(last.status.conditions, 'Failed'))
  t.match(last.event, { reason: 'BackoffLimitExceeded' })
  t.end()
})

t.test('a job past its deadline fails, and one with a deadline is looked at when it comes', (t) => {
  const job = jobOf({ activeDeadlineSeconds: 30 }, { startTime: '2026-01-01T00:00:00Z' })
  t.equal(plan(job, [], epochMs + 10_000).requeueAfterMs, 20_001)
  const late = plan(job, [], epochMs + 30_000)
  t.match(late.status.conditions, [{ type: 'FailureTarget', reason: 'DeadlineExceeded' }, { type: 'Failed' }])
  t.end()
})

t.test('a suspended job gives its pods up uncounted and starts its clock anew when resumed', (t) => {
  const suspended = plan(jobOf({ suspend: true }), [podAt('a', 'Running')])
  t.same(
    suspended.discard.map(({ metadata }) => metadata.name),
    ['a'],
  )
  t.equal(suspended.status.startTime, undefined)
  t.ok(isConditionTrue(suspended.status.conditions, 'Suspended'))
  const resumed = plan(jobOf({}, suspended.status), [], epochMs + 60_000)
  t.notOk(isConditionTrue(resumed.status.conditions, 'Suspended'))
  t.equal(resumed.status.startTime, '2026-01-01T00:01:00Z')
  t.match(resumed.event, { reason: 'Resumed' })
  t.end()
})

t.test('an indexed pod carries its index as name, label, annotation, host name and variable', (t) => {
  const pod = newJobPod(jobOf({ completionMode: 'Indexed' }), 4)
  t.match(pod, {
    metadata: {
      generateName: 'j-4-',
      labels: { 'batch.kubernetes.io/job-completion-index': '4', 'batch.kubernetes.io/job-name': 'j' },
      annotations: { 'batch.kubernetes.io/job-completion-index': '4' },
      finalizers: [trackingFinalizer],
    },
    spec: { hostname: 'j-4', containers: [{ env: [{ name: 'JOB_COMPLETION_INDEX' }] }] },
  })
  t.end()
})

/** Runs a job against a model of pods whose outcomes are drawn; each pod may be shown late. */
function runModel(options: { job: Job; outcomes: readonly boolean[]; stale: readonly boolean[] }) {
  let job = options.job
  let pods: Pod[] = []
  const counted = { succeeded: 0, failed: 0 }
  let nowMs = epochMs
  let born = 0
  let most = 0
  for (let step = 0; step < 400 && !isFinished(job); step += 1) {
    nowMs += 700_000
    const decision = plan(job, pods, nowMs)
    // A status write that is refused changes nothing: the whole step is done again.
    if (options.stale[step % options.stale.length]) continue
    job = { ...job, status: decision.status }
    const release = new Set([...decision.release, ...decision.discard].map(({ metadata }) => metadata.name))
    const end = new Set([...decision.end, ...decision.discard].map(({ metadata }) => metadata.name))
    pods = pods.flatMap((pod) => {
      const finalizers = release.has(pod.metadata.name) ? [] : pod.metadata.finalizers
      if (end.has(pod.metadata.name) && finalizers?.length === 0) return []
      const metadata = { ...pod.metadata, finalizers }
      return [
        end.has(pod.metadata.name)
          ? { ...pod, metadata: { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
          : { ...pod, metadata },
      ]
    })
    for (const index of decision.create) {
      born += 1
      const annotations: Record<string, string> =
        index === undefined ? {} : { 'batch.kubernetes.io/job-completion-index': String(index) }
      pods.push(podAt(`p${born}`, 'Running', { annotations }))
    }
    most = Math.max(
      most,
      pods.filter(({ status, metadata }) => status?.phase === 'Running' && !metadata.deletionTimestamp)
        .length,
    )
    const running = pods.find(({ status }) => status?.phase === 'Running')
    if (running) {
      const isGood = options.outcomes[born % options.outcomes.length] ?? true
      counted[isGood ? 'succeeded' : 'failed'] += 1
      pods = pods.map((pod) =>
        pod === running ? { ...pod, status: { ...pod.status, phase: isGood ? 'Succeeded' : 'Failed' } } : pod,
      )
    }
  }
  return { job, counted, most }
}

t.test(
  'however pods end, a job finishes, never runs more than its parallelism, and counts each pod once',
  (t) => {
    fc.assert(
      fc.property(
        fc.record({
          completions: fc.integer({ min: 1, max: 8 }),
          parallelism: fc.integer({ min: 1, max: 4 }),
          backoffLimit: fc.integer({ min: 0, max: 5 }),
          completionMode: fc.constantFrom('NonIndexed', 'Indexed'),
        }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }).map((stale) => [...stale, false]),
        (spec, outcomes, stale) => {
          const { job, counted, most } = runModel({ job: jobOf(spec), outcomes, stale })
          const { succeeded = 0, failed = 0 } = job.status ?? {}
          if (!isFinished(job)) throw new Error(`not finished: ${JSON.stringify(job.status)}`)
          if (most > spec.parallelism) throw new Error(`${most} ran at once`)
          const isComplete = isConditionTrue(job.status?.conditions, 'Complete')
          if (isComplete && succeeded < spec.completions) throw new Error(`complete with ${succeeded}`)
          if (!isComplete && failed <= spec.backoffLimit) throw new Error(`failed with ${failed}`)
          if (succeeded > counted.succeeded)
            throw new Error(`${succeeded} counted of ${counted.succeeded} that succeeded`)
        },
      ),
      { numRuns: 300 },
    )
    t.pass('300 jobs')
    t.end()
  },
)

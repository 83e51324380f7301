import t from 'tap'
import fc from 'fast-check'
import type { Pod } from '../api/types.ts'
import { type PodAction, planPod } from './pod-plan.ts'
import type { PodObservation } from './pod-model.ts'
import { PodSimulation } from './testing/pod-simulation.ts'
import {
  containerOf,
  endedOf,
  nowMs,
  observationOf,
  podOf,
  recordOf,
  sandboxOf,
} from './testing/pod-fixtures.ts'

function said(action: PodAction): string {
  switch (action.kind) {
    case 'pull-image':
      return `pull ${action.container.name} for attempt ${action.attempt}`
    case 'start-container':
      return `start ${action.type} ${action.container.name} attempt ${action.attempt}`
    case 'kill-container':
      return `kill ${action.record.containerName} ${action.reason} in ${(action.deadlineMs - nowMs) / 1000} s`
    case 'remove-container':
      return `remove ${action.record.id}`
    default:
      return action.kind
  }
}

function plan(pod: Pod, observed: Partial<PodObservation>): readonly string[] {
  return planPod({ pod, observed: observationOf(observed), nowMs }).actions.map(said)
}

const ready = (...names: string[]): Partial<PodObservation> => ({
  imageReadyFor: new Map(names.map((name) => [name, 0])),
})
const started = (...ids: string[]) => new Map(ids.map((id) => [id, { isStarted: true, isReady: true }]))

t.test('a new pod gets its sandbox first', async (t) => {
  t.same(plan(podOf(), { sandbox: undefined }), ['create-sandbox'])
})

t.test('a sandbox under way is not asked for again', async (t) => {
  t.same(plan(podOf(), { sandbox: undefined, operations: [{ kind: 'creating-sandbox' }] }), [])
})

t.test('the image comes before the container', async (t) => {
  t.same(plan(podOf(), {}), ['pull c for attempt 0'])
  t.same(plan(podOf(), ready('c')), ['start main c attempt 0'])
})

t.test('main containers start together', async (t) => {
  const pod = podOf({ containers: [containerOf('a'), containerOf('b')] })
  t.same(plan(pod, ready('a', 'b')), ['start main a attempt 0', 'start main b attempt 0'])
})

t.test('a container with an operation under way is left alone', async (t) => {
  t.same(plan(podOf(), { ...ready('c'), operations: [{ kind: 'starting', container: 'c' }] }), [])
})

t.test('init containers run one by one, and main containers wait for them', async (t) => {
  const pod = podOf({ initContainers: [containerOf('i1'), containerOf('i2')] })
  const images = ready('i1', 'i2', 'c')
  t.same(plan(pod, images), ['start init i1 attempt 0'])
  t.same(plan(pod, { ...images, containers: [recordOf('i1')] }), [])
  t.same(plan(pod, { ...images, containers: [endedOf('i1', 0)] }), ['start init i2 attempt 0'])
  t.same(plan(pod, { ...images, containers: [endedOf('i1', 0), endedOf('i2', 0)] }), [
    'start main c attempt 0',
  ])
})

t.test('a sidecar that has started lets the next one run, and goes on itself', async (t) => {
  const pod = podOf({ initContainers: [containerOf('side', { restartPolicy: 'Always' })] })
  const images = ready('side', 'c')
  t.same(plan(pod, { ...images, containers: [recordOf('side')] }), [])
  t.same(plan(pod, { ...images, containers: [recordOf('side')], probes: started('side-0') }), [
    'start main c attempt 0',
  ])
})

t.test('a failed init container ends a pod that never restarts', async (t) => {
  const pod = podOf({ restartPolicy: 'Never', initContainers: [containerOf('i')] })
  t.same(plan(pod, { containers: [endedOf('i', 1)] }), ['remove-sandbox'])
})

t.test('restartPolicy decides who runs again', async (t) => {
  for (const [restartPolicy, exitCode, runsAgain] of [
    ['Always', 0, true],
    ['Always', 1, true],
    ['OnFailure', 0, false],
    ['OnFailure', 1, true],
    ['Never', 0, false],
    ['Never', 1, false],
  ] as const) {
    const observed = { containers: [endedOf('c', exitCode)], imageReadyFor: new Map([['c', 1]]) }
    const expected = runsAgain ? ['start main c attempt 1'] : ['remove-sandbox']
    t.same(plan(podOf({ restartPolicy }), observed), expected, `${restartPolicy} after exit ${exitCode}`)
  }
})

t.test('a crash back-off is waited for, and the plan says how long', async (t) => {
  const observed = observationOf({
    containers: [endedOf('c', 1, { attempt: 1 })],
    crashBackoffs: new Map([['c', { delayMs: 10_000, sinceMs: nowMs - 1000 }]]),
  })
  const waiting = planPod({ pod: podOf(), observed, nowMs })
  t.same(waiting.actions, [])
  t.equal(waiting.wakeAtMs, nowMs + 10_000)
  const later = planPod({ pod: podOf(), observed, nowMs: nowMs + 10_000 })
  t.same(later.actions.map(said), ['pull c for attempt 2'])
})

t.test('a failed pull is waited for, then tried again', async (t) => {
  const failure = {
    atMs: nowMs,
    backoff: { delayMs: 10_000, sinceMs: nowMs },
    waiting: { reason: 'ErrImagePull', message: '' },
  }
  const observed = observationOf({ failures: new Map([['pull/c', failure]]) })
  t.equal(planPod({ pod: podOf(), observed, nowMs }).wakeAtMs, nowMs + 10_000)
  t.same(planPod({ pod: podOf(), observed, nowMs: nowMs + 10_000 }).actions.map(said), [
    'pull c for attempt 0',
  ])
})

t.test("a failed liveness probe kills within the probe's own grace", async (t) => {
  const failure = { probe: 'liveness', message: 'no', graceSeconds: 3 } as const
  const probes = new Map([['c-0', { isStarted: true, isReady: false, failure }]])
  t.same(plan(podOf(), { containers: [recordOf('c')], probes }), ['kill c Unhealthy in 3 s'])
})

t.test('another image restarts the container', async (t) => {
  const pod = podOf({ containers: [containerOf('c', { image: 'skedia.local/web:2' })] })
  t.same(plan(pod, { containers: [recordOf('c')] }), ['kill c SpecChanged in 30 s'])
})

t.test('a container that was created and never started is thrown away', async (t) => {
  t.same(plan(podOf(), { containers: [recordOf('c', { state: 'created' })] }), ['kill c NeverStarted in 0 s'])
})

t.test('a lost sandbox is left, and a new one made, and init containers run again', async (t) => {
  const pod = podOf({ initContainers: [containerOf('i')] })
  const containers = [endedOf('i', 0, { kind: 'init' }), endedOf('c', 137, { isExitUnknown: true })]
  t.same(plan(pod, { sandbox: sandboxOf({ isReady: false }), containers }), ['remove-sandbox'])
  t.same(plan(pod, { sandbox: undefined, containers }), ['create-sandbox'])
  const fresh = { sandbox: sandboxOf({ id: 's2' }), containers, imageReadyFor: new Map([['i', 1]]) }
  t.same(plan(pod, fresh), ['start init i attempt 1'])
})

t.test('the end: main containers first, then sidecars from last to first, then the sandbox', async (t) => {
  const sidecars = ['s1', 's2'].map((name) => containerOf(name, { restartPolicy: 'Always' }))
  const pod = podOf({ initContainers: sidecars })
  const termination = { graceSeconds: 20, startedAtMs: nowMs }
  const all = [recordOf('s1'), recordOf('s2'), recordOf('c')]
  t.same(plan(pod, { termination, containers: all }), ['kill c Killing in 20 s'])
  t.same(plan(pod, { termination, containers: all.slice(0, 2) }), ['kill s2 Killing in 20 s'])
  t.same(plan(pod, { termination, containers: all.slice(0, 1) }), ['kill s1 Killing in 20 s'])
  t.same(plan(pod, { termination }), ['remove-sandbox'])
  t.equal(
    planPod({ pod, observed: observationOf({ termination, sandbox: undefined }), nowMs }).isFinished,
    true,
  )
})

t.test('when the grace is over sidecars do not wait for their turn', async (t) => {
  const pod = podOf({ initContainers: [containerOf('side', { restartPolicy: 'Always' })] })
  const termination = { graceSeconds: 1, startedAtMs: nowMs - 2000 }
  t.same(plan(pod, { termination, containers: [recordOf('side'), recordOf('c')] }), [
    'kill c Killing in -1 s',
    'kill side Killing in -1 s',
  ])
})

t.test('of many ended attempts the last two are kept', async (t) => {
  const containers = [0, 1, 2, 3].map((attempt) => endedOf('c', 1, { attempt }))
  const crashBackoffs = new Map([['c', { delayMs: 10_000, sinceMs: nowMs }]])
  t.same(plan(podOf(), { containers, crashBackoffs }), ['remove c-1', 'remove c-0'])
})

const policies = fc.constantFrom('Always', 'OnFailure', 'Never')
const fails = fc.constantFrom(false, false, false, true)
// Deletions and reboots are rare, or most runs would end before anything has run.
const events = fc.array(
  fc.oneof(
    { weight: 24, arbitrary: fc.record({ kind: fc.constant('finish' as const), pick: fc.nat(), fails }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('exit' as const),
        pick: fc.nat(),
        code: fc.constantFrom(0, 1, 137),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400_000 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('unhealthy' as const), pick: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reboot' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('delete' as const),
        graceSeconds: fc.constantFrom(0, 5, 30),
      }),
    },
  ),
  { maxLength: 80 },
)

t.test(
  'whatever happens, nothing runs twice, restartPolicy is kept, and the pod comes to rest',
  async (t) => {
    fc.assert(
      fc.property(
        policies,
        fc.nat({ max: 2 }),
        fc.boolean(),
        events,
        (restartPolicy, inits, hasSidecar, happenings) => {
          const initContainers = [
            ...Array.from({ length: inits }, (_, index) => containerOf(`i${index}`)),
            ...(hasSidecar ? [containerOf('side', { restartPolicy: 'Always' })] : []),
          ]
          const pod = podOf({
            restartPolicy,
            initContainers,
            containers: [containerOf('a'), containerOf('b')],
          })
          const simulation = new PodSimulation(pod)
          for (const event of happenings) simulation.happen(event)
          simulation.settle()
        },
      ),
      { numRuns: 500 },
    )
    t.pass('held')
  },
)

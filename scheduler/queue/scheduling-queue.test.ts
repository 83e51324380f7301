import fc from 'fast-check'
import t from 'tap'
import { type PodInfo, podInfoOf } from '../cache/pod-info.ts'
import type { ClusterChange, QueueingHint } from '../framework/cluster-change.ts'
import type { Rejection } from '../framework/rejection.ts'
import { prioritySort } from '../plugins/priority-sort.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import { nodeOf, podOf, type PodShape } from '../testing/objects.ts'
import type { QueuedPod } from './queued-pod.ts'
import { SchedulingQueue } from './scheduling-queue.ts'

const nodeAdded: ClusterChange = { resource: 'node', action: 'add', next: nodeOf({ name: 'n1' }) }
const podGone: ClusterChange = { resource: 'assignedPod', action: 'delete', previous: podOf({ name: 'x' }) }
const byNode = { rejectedBy: new Set(['NeedsNode']), pendingOn: new Set<string>() }
const byError = { rejectedBy: new Set<string>(), pendingOn: new Set<string>() }

interface Setup {
  readonly clock: ManualClock
  readonly queue: SchedulingQueue
}

function setup(
  options: {
    hints?: readonly (readonly [string, readonly QueueingHint[]])[]
    preEnqueue?: (pod: PodInfo) => Rejection | undefined
    changesInFlightMax?: number
  } = {},
): Setup {
  const clock = new ManualClock()
  const { less } = prioritySort()
  const hints = options.hints ?? [
    ['NeedsNode', [{ resource: 'node', actions: ['add'] }]],
    ['NeedsRoom', [{ resource: 'assignedPod', actions: ['delete'] }]],
  ]
  const queue = new SchedulingQueue({
    clock,
    less: (a, b) => less?.(a, b) ?? false,
    preEnqueue: options.preEnqueue ?? (() => undefined),
    hints: new Map(hints),
    ...(options.changesInFlightMax === undefined ? {} : { changesInFlightMax: options.changesInFlightMax }),
  })
  return { clock, queue }
}

function info(shape: PodShape): PodInfo {
  return podInfoOf(podOf(shape))
}

function popped(queue: SchedulingQueue): QueuedPod {
  const pod = queue.pop()
  if (pod === undefined) throw new Error('the queue gave no pod')
  return pod
}

void t.test('the more important pod comes first, then the one that came first', (t) => {
  const { queue, clock } = setup()
  queue.add(info({ name: 'old', priority: 0 }))
  clock.advance(5)
  queue.add(info({ name: 'young', priority: 0 }))
  queue.add(info({ name: 'important', priority: 7 }))
  t.same(
    [popped(queue), popped(queue), popped(queue)].map((pod) => pod.info.name),
    ['important', 'old', 'young'],
  )
  t.equal(queue.pop(), undefined)
  t.end()
})

void t.test('a refused pod waits until a change that its plugin cares about', (t) => {
  const { queue } = setup()
  queue.add(info({ name: 'a' }))
  queue.requeue(popped(queue), info({ name: 'a' }), byNode)
  queue.move(podGone)
  t.equal(queue.pop(), undefined)
  queue.move(nodeAdded)
  t.equal(popped(queue).info.name, 'a')
  t.end()
})

void t.test('a change between pop and requeue is not missed', (t) => {
  const { queue } = setup()
  queue.add(info({ name: 'a' }))
  const pod = popped(queue)
  queue.move(nodeAdded)
  queue.requeue(pod, info({ name: 'a' }), byNode)
  t.equal(popped(queue).info.name, 'a')
  t.end()
})

void t.test('a change before pop does not count', (t) => {
  const { queue } = setup()
  queue.add(info({ name: 'other' }))
  popped(queue)
  queue.move(nodeAdded)
  queue.add(info({ name: 'a' }))
  queue.requeue(popped(queue), info({ name: 'a' }), byNode)
  t.equal(queue.pop(), undefined)
  t.end()
})

void t.test('a hint may say that a change does not concern this pod', (t) => {
  const isWorthTrying = (pod: PodInfo) => pod.name === 'b'
  const { queue } = setup({ hints: [['NeedsNode', [{ resource: 'node', actions: ['add'], isWorthTrying }]]] })
  for (const name of ['a', 'b']) {
    queue.add(info({ name }))
    queue.requeue(popped(queue), info({ name }), byNode)
  }
  queue.move(nodeAdded)
  t.equal(popped(queue).info.name, 'b')
  t.equal(queue.pop(), undefined)
  t.end()
})

void t.test('after errors a pod sits out 1 s, 2 s, 4 s, 8 s, 10 s, 10 s', (t) => {
  const { queue, clock } = setup()
  queue.add(info({ name: 'a' }))
  for (const seconds of [1, 2, 4, 8, 10, 10]) {
    queue.requeue(popped(queue), info({ name: 'a' }), byError)
    clock.advance(seconds * 1000 - 1)
    t.equal(queue.pop(), undefined, `not before ${seconds} s`)
    clock.advance(1)
    t.equal(queue.lengths.active, 1, `after ${seconds} s`)
  }
  t.end()
})

void t.test(
  'a refused pod in back-off is taken early while nothing is active, and not before active pods',
  (t) => {
    const { queue } = setup()
    queue.add(info({ name: 'a' }))
    queue.requeue(popped(queue), info({ name: 'a' }), byNode)
    queue.move(nodeAdded)
    t.equal(queue.lengths.backoff, 1)
    queue.add(info({ name: 'b' }))
    t.equal(popped(queue).info.name, 'b')
    t.equal(popped(queue).info.name, 'a')
    t.end()
  },
)

void t.test('a pod that no change concerns is tried again after five minutes', (t) => {
  const { queue, clock } = setup()
  queue.add(info({ name: 'a' }))
  queue.requeue(popped(queue), info({ name: 'a' }), byNode)
  clock.advance(299_000)
  t.equal(queue.lengths.unschedulable, 1)
  clock.advance(31_000)
  t.equal(queue.lengths.active, 1)
  t.end()
})

void t.test('a gated pod is not tried, whatever happens, until its gate opens', (t) => {
  let isOpen = false
  const hints = [['Gate', [{ resource: 'ownPod', actions: ['updateGates'] }]]] as const
  const preEnqueue = (): Rejection | undefined =>
    isOpen ? undefined : { code: 'unresolvable', plugin: 'Gate', reasons: ['closed'] }
  const { queue, clock } = setup({ hints, preEnqueue })
  const gated = info({ name: 'a', spec: { schedulingGates: [{ name: 'g' }] } })
  queue.add(gated)
  queue.move(nodeAdded)
  queue.activate(gated.uid)
  clock.advance(600_000)
  t.equal(queue.pop(), undefined)
  isOpen = true
  queue.update(gated, info({ name: 'a' }))
  t.equal(popped(queue).info.name, 'a')
  t.end()
})

void t.test('when more happens than can be kept, pods in flight are tried again in any case', (t) => {
  const { queue, clock } = setup({ changesInFlightMax: 3 })
  queue.add(info({ name: 'a' }))
  const pod = popped(queue)
  for (let index = 0; index < 4; index += 1) queue.move(podGone)
  queue.requeue(pod, info({ name: 'a' }), byNode)
  clock.advance(1000)
  t.equal(popped(queue).info.name, 'a')
  t.end()
})

void t.test('whoever waits for a pod is woken when one comes', async (t) => {
  const { queue } = setup()
  const waiting = queue.whenReady(new AbortController().signal)
  queue.add(info({ name: 'a' }))
  await waiting
  t.equal(popped(queue).info.name, 'a')
  const closing = queue.whenReady(new AbortController().signal)
  queue.close()
  await closing
  t.end()
})

const operation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), pod: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pop' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('requeue' as const),
      which: fc.nat(5),
      by: fc.constantFrom('NeedsNode', 'NeedsRoom', undefined),
    }),
  },
  fc.record({ kind: fc.constant('done' as const), which: fc.nat(5) }),
  fc.record({ kind: fc.constant('delete' as const), pod: fc.nat(5) }),
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('node' as const, 'room' as const, 'activate' as const),
      pod: fc.nat(5),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(4000) }) },
)

/** What the queue must know: who waits, and who is out. The obvious model. */
class Model {
  readonly waiting = new Set<string>()
  readonly out = new Map<string, QueuedPod>()

  pick(which: number): QueuedPod | undefined {
    const pods = Array.from(this.out.values())
    return pods.length === 0 ? undefined : pods[which % pods.length]
  }
}

void t.test('no pod is lost, none is given out twice, and every pod comes out in the end', (t) => {
  const property = fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
    const { queue, clock } = setup()
    const model = new Model()
    for (const step of operations) {
      applyStep({ queue, clock }, model, step)
      const { active, backoff, unschedulable, gated, inFlight } = queue.lengths
      if (active + backoff + unschedulable + gated !== model.waiting.size)
        throw new Error('a waiting pod was lost or doubled')
      if (inFlight !== model.out.size) throw new Error('a pod in flight was lost')
    }
    for (const pod of model.out.values()) queue.done(pod.info.uid)
    model.out.clear()
    for (let turn = 0; turn < 12; turn += 1) {
      clock.advance(60_000)
      for (let pod = queue.pop(); pod; pod = queue.pop()) model.waiting.delete(pod.info.uid)
    }
    if (model.waiting.size > 0) throw new Error(`never came out: ${[...model.waiting].join(' ')}`)
  })
  fc.assert(property, { numRuns: 500 })
  t.end()
})

function applyStep(
  { queue, clock }: Setup,
  model: Model,
  step: typeof operation extends fc.Arbitrary<infer T> ? T : never,
): void {
  switch (step.kind) {
    case 'add': {
      const pod = info({ name: `p${step.pod}` })
      queue.add(pod)
      if (!model.out.has(pod.uid)) model.waiting.add(pod.uid)
      return
    }
    case 'pop': {
      const pod = queue.pop()
      if (pod === undefined) return
      if (!model.waiting.delete(pod.info.uid)) throw new Error(`${pod.info.name} came out twice`)
      model.out.set(pod.info.uid, pod)
      return
    }
    case 'requeue': {
      const pod = model.pick(step.which)
      if (pod === undefined) return
      model.out.delete(pod.info.uid)
      model.waiting.add(pod.info.uid)
      queue.requeue(pod, pod.info, { rejectedBy: new Set(step.by ? [step.by] : []), pendingOn: new Set() })
      return
    }
    case 'done': {
      const pod = model.pick(step.which)
      if (pod === undefined) return
      model.out.delete(pod.info.uid)
      queue.done(pod.info.uid)
      return
    }
    case 'delete':
      queue.delete(`uid-p${step.pod}`)
      model.waiting.delete(`uid-p${step.pod}`)
      return
    case 'node':
      queue.move(nodeAdded)
      return
    case 'room':
      queue.move(podGone)
      return
    case 'activate':
      queue.activate(`uid-p${step.pod}`)
      return
    default:
      clock.advance(step.ms)
  }
}

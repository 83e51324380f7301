import fc from 'fast-check'
import t from 'tap'
import { ManualClock } from '../testing/manual-clock.ts'
import { nodeOf, podOf } from '../testing/objects.ts'
import { assumedPodExpiryMs, SchedulerCache } from './cache.ts'
import { podInfoOf } from './pod-info.ts'

function assumed(name: string, nodeName: string) {
  return podInfoOf(podOf({ name, cpu: '1', nodeName }))
}

void t.test('an assumed pod takes room at once, and gives it back when it is forgotten', (t) => {
  const cache = new SchedulerCache(new ManualClock())
  cache.setNode(nodeOf({ name: 'n1' }))
  cache.assume(assumed('a', 'n1'))
  t.equal(cache.snapshot().get('n1')?.requested.milliCpu, 1000)
  t.equal(cache.forget('uid-a'), true)
  t.equal(cache.snapshot().get('n1')?.requested.milliCpu, 0)
  t.equal(cache.forget('uid-a'), false)
  t.end()
})

void t.test('what the informer says wins over an assumption', (t) => {
  const cache = new SchedulerCache(new ManualClock())
  cache.setNode(nodeOf({ name: 'n1' }))
  cache.setNode(nodeOf({ name: 'n2' }))
  cache.assume(assumed('a', 'n1'))
  cache.setPod(podOf({ name: 'a', cpu: '1', nodeName: 'n2' }))
  t.same(
    cache.snapshot().nodes.map((node) => node.pods.length),
    [0, 1],
  )
  t.equal(cache.forget('uid-a'), false)
  t.end()
})

void t.test(
  'a bound pod that no informer mentions is dropped when its time is over, one still being bound is not',
  (t) => {
    const clock = new ManualClock()
    const cache = new SchedulerCache(clock)
    cache.setNode(nodeOf({ name: 'n1' }))
    cache.assume(assumed('bound', 'n1'))
    cache.assume(assumed('binding', 'n1'))
    cache.finishBinding('uid-bound')
    clock.advance(assumedPodExpiryMs - 1)
    t.same(cache.expireAssumed(), [])
    clock.advance(1)
    t.same(
      cache.expireAssumed().map((pod) => pod.name),
      ['bound'],
    )
    t.same(
      cache
        .snapshot()
        .get('n1')
        ?.pods.map((pod) => pod.name),
      ['binding'],
    )
    t.end()
  },
)

void t.test('a snapshot does not change when the cache does', (t) => {
  const cache = new SchedulerCache(new ManualClock())
  cache.setNode(nodeOf({ name: 'n1' }))
  const snapshot = cache.snapshot()
  cache.assume(assumed('a', 'n1'))
  t.equal(snapshot.get('n1')?.pods.length, 0)
  t.equal(cache.snapshot().get('n1')?.pods.length, 1)
  t.end()
})

void t.test('neighbours in the list are from different zones', (t) => {
  const cache = new SchedulerCache(new ManualClock())
  for (const [name, zone] of [
    ['a1', 'a'],
    ['a2', 'a'],
    ['a3', 'a'],
    ['b1', 'b'],
    ['b2', 'b'],
  ] as const) {
    cache.setNode(nodeOf({ name, labels: { 'topology.kubernetes.io/zone': zone } }))
  }
  t.same(
    cache.snapshot().nodes.map((node) => node.name),
    ['a1', 'b1', 'a2', 'b2', 'a3'],
  )
  t.end()
})

const event = fc.oneof(
  fc.record({
    kind: fc.constant('set' as const),
    pod: fc.nat(4),
    node: fc.nat(2),
    cpu: fc.integer({ min: 1, max: 9 }),
  }),
  fc.record({ kind: fc.constant('remove' as const), pod: fc.nat(4) }),
  fc.record({ kind: fc.constant('assume' as const), pod: fc.nat(4), node: fc.nat(2) }),
  fc.record({ kind: fc.constant('forget' as const), pod: fc.nat(4) }),
  fc.record({ kind: fc.constantFrom('node' as const, 'no node' as const), node: fc.nat(2) }),
)

void t.test(
  'in whatever order nodes and pods are heard of, sums are those of the pods that are there',
  (t) => {
    const property = fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const cache = new SchedulerCache(new ManualClock())
      /** The obvious model: pods by name, nodes by name. */
      const pods = new Map<string, { node: string; milliCpu: number; isAssumed: boolean }>()
      const nodes = new Set<string>()
      for (const step of events) {
        const name = 'pod' in step ? `p${step.pod}` : ''
        const node = 'node' in step ? `n${step.node}` : ''
        if (step.kind === 'set') {
          cache.setPod(podOf({ name, nodeName: node, cpu: String(step.cpu) }))
          pods.set(name, { node, milliCpu: step.cpu * 1000, isAssumed: false })
        } else if (step.kind === 'remove') {
          cache.removePod(`uid-${name}`)
          pods.delete(name)
        } else if (step.kind === 'assume') {
          if (pods.has(name)) continue
          cache.assume(assumed(name, node))
          pods.set(name, { node, milliCpu: 1000, isAssumed: true })
        } else if (step.kind === 'forget') {
          cache.forget(`uid-${name}`)
          if (pods.get(name)?.isAssumed) pods.delete(name)
        } else if (step.kind === 'node') {
          cache.setNode(nodeOf({ name: node }))
          nodes.add(node)
        } else {
          cache.removeNode(node)
          nodes.delete(node)
        }
        const snapshot = cache.snapshot()
        const found = snapshot.nodes
          .map((one) => `${one.name} ${one.requested.milliCpu} ${one.pods.length}`)
          .sort()
        const expected = Array.from(nodes, (one) => {
          const there = Array.from(pods.values()).filter((pod) => pod.node === one)
          return `${one} ${there.reduce((sum, pod) => sum + pod.milliCpu, 0)} ${there.length}`
        }).sort()
        if (found.join() !== expected.join()) throw new Error(`${found.join()} instead of ${expected.join()}`)
      }
    })
    fc.assert(property, { numRuns: 500 })
    t.end()
  },
)

import fc from 'fast-check'
import t from 'tap'
import { labelSelectorFrom } from '../api/meta/selector.ts'
import { SimWorld } from '../platform/sim/index.ts'
import { podAmounts } from './cache/amounts.ts'
import { FakeCluster } from './testing/fake-cluster.ts'
import { bindingsMax } from './scheduler-core.ts'
import { nodeOf, podOf } from './testing/objects.ts'

function clusterIn(world: SimWorld): FakeCluster {
  const { powers } = world.startProcess({ name: 's1', machine: world.machine('s1') })
  return new FakeCluster({ powers, run: (durationMs) => world.run(durationMs) })
}

async function withCluster(seed: bigint, work: (cluster: FakeCluster) => Promise<void>): Promise<void> {
  const world = new SimWorld(seed)
  const cluster = clusterIn(world)
  try {
    await work(cluster)
  } finally {
    await cluster.close()
  }
  t.same(world.violations, [])
}

void t.test('a pod is bound within milliseconds and the event says where', async (t) => {
  await withCluster(1n, async (cluster) => {
    cluster.setNode(nodeOf({ name: 'n1' }))
    cluster.setPod(podOf({ name: 'web' }))
    await cluster.run(5)
    t.equal(cluster.nodeOf('web'), 'n1')
    t.same(cluster.messagesOf('web', 'Scheduled'), ['Successfully assigned default/web to n1'])
  })
})

void t.test('the text about a pod that fits nowhere is the one that users know', async (t) => {
  await withCluster(2n, async (cluster) => {
    const taints = [{ key: 'k', value: 'v', effect: 'NoSchedule' }]
    cluster.setNode(nodeOf({ name: 'n1', cpu: '2' }))
    cluster.setNode(nodeOf({ name: 'n2', taints }))
    cluster.setNode(nodeOf({ name: 'n3', taints }))
    cluster.setPod(podOf({ name: 'resident', cpu: '1', nodeName: 'n1' }))
    cluster.setPod(podOf({ name: 'web', cpu: '1500m' }))
    await cluster.run(20)
    const text =
      '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {k: v}. ' +
      'preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, ' +
      '2 Preemption is not helpful for scheduling.'
    t.same(cluster.messagesOf('web'), [text])
    const condition = cluster.pod('web')?.status?.conditions?.[0]
    t.match(condition, { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: text })
  })
})

void t.test('three full nodes read as users know it', async (t) => {
  await withCluster(3n, async (cluster) => {
    for (const name of ['n1', 'n2', 'n3']) {
      cluster.setNode(nodeOf({ name, cpu: '1' }))
      cluster.setPod(podOf({ name: `on-${name}`, cpu: '1', nodeName: name }))
    }
    cluster.setPod(podOf({ name: 'web', cpu: '1' }))
    await cluster.run(20)
    t.same(cluster.messagesOf('web'), [
      '0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: ' +
        '3 No preemption victims found for incoming pod.',
    ])
  })
})

void t.test('a pod created before any node is bound as soon as one comes', async (t) => {
  await withCluster(4n, async (cluster) => {
    cluster.setPod(podOf({ name: 'web' }))
    await cluster.run(50)
    t.same(cluster.messagesOf('web'), ['no nodes available to schedule pods'])
    cluster.setNode(nodeOf({ name: 'n1' }))
    await cluster.run(5)
    t.equal(cluster.nodeOf('web'), 'n1')
  })
})

void t.test('a pod with scheduling gates waits until the last one is gone', async (t) => {
  await withCluster(5n, async (cluster) => {
    cluster.setNode(nodeOf({ name: 'n1' }))
    cluster.setPod(podOf({ name: 'web', spec: { schedulingGates: [{ name: 'g' }] } }))
    await cluster.run(100)
    t.equal(cluster.nodeOf('web'), undefined)
    t.equal(cluster.core.queue.lengths.gated, 1)
    cluster.setPod(podOf({ name: 'web', spec: { schedulingGates: [] } }))
    await cluster.run(5)
    t.equal(cluster.nodeOf('web'), 'n1')
  })
})

void t.test('replicas of one owner spread evenly over equal nodes', async (t) => {
  await withCluster(6n, async (cluster) => {
    const selector = labelSelectorFrom({ matchLabels: { app: 'web' } })
    cluster.selectorOf = () => selector
    for (const name of ['n1', 'n2', 'n3']) cluster.setNode(nodeOf({ name }))
    for (let index = 0; index < 9; index += 1) {
      cluster.setPod(podOf({ name: `web-${index}`, labels: { app: 'web' }, owner: 'web' }))
    }
    await cluster.run(50)
    const counts = new Map<string, number>()
    for (const { nodeName } of cluster.bindings) counts.set(nodeName, (counts.get(nodeName) ?? 0) + 1)
    t.same([...counts.values()], [3, 3, 3])
  })
})

void t.test('a pod that another has bound meanwhile is never bound a second time', async (t) => {
  await withCluster(7n, async (cluster) => {
    cluster.informerDelayMs = 1000
    cluster.setNode(nodeOf({ name: 'n1' }))
    cluster.setNode(nodeOf({ name: 'n2', unschedulable: true }))
    cluster.setPod(podOf({ name: 'web' }))
    await cluster.run(999)
    cluster.setPod(podOf({ name: 'web', nodeName: 'n2' }))
    await cluster.run(5000)
    t.same(cluster.bindings, [])
    t.equal(cluster.core.cache.nodeOf('uid-web'), 'n2')
    t.same(cluster.core.queue.lengths, { active: 0, backoff: 0, unschedulable: 0, gated: 0, inFlight: 0 })
  })
})

void t.test('a bind whose answer is lost is found out about, not repeated', async (t) => {
  await withCluster(8n, async (cluster) => {
    cluster.fateOf = () => 'lost after'
    cluster.setNode(nodeOf({ name: 'n1' }))
    cluster.setNode(nodeOf({ name: 'n2' }))
    cluster.setPod(podOf({ name: 'web' }))
    await cluster.run(5000)
    t.equal(cluster.bindings.length, 1)
    t.same(cluster.messagesOf('web'), [])
    t.equal(cluster.messagesOf('web', 'Scheduled').length, 1)
  })
})

void t.test('a pod deleted while it is being bound leaves no trace', async (t) => {
  await withCluster(9n, async (cluster) => {
    cluster.setNode(nodeOf({ name: 'n1', cpu: '1' }))
    cluster.setPod(podOf({ name: 'web', cpu: '1' }))
    await cluster.run(1)
    cluster.removePod('default', 'web')
    await cluster.run(100)
    t.equal(cluster.core.cache.nodeOf('uid-web'), undefined)
    cluster.setPod(podOf({ name: 'next', cpu: '1' }))
    await cluster.run(100)
    t.equal(cluster.nodeOf('next'), 'n1')
  })
})

void t.test('preemption deletes the less important pod and the room goes to the preemptor', async (t) => {
  await withCluster(10n, async (cluster) => {
    cluster.setNode(nodeOf({ name: 'n1', cpu: '1' }))
    cluster.setPod(podOf({ name: 'low', cpu: '1', priority: 1, nodeName: 'n1' }))
    await cluster.run(10)
    cluster.setPod(podOf({ name: 'high', cpu: '1', priority: 100 }))
    await cluster.run(2000)
    t.equal(cluster.pod('low'), undefined)
    t.equal(cluster.nodeOf('high'), 'n1')
    t.same(cluster.messagesOf('low', 'Preempted'), ['Preempted by pod uid-high on node n1'])
    t.equal(cluster.messagesOf('high')[0], '0/1 nodes are available: 1 Insufficient cpu.')
  })
})

void t.test('while its victims are on their way out a preemptor takes nobody else’s place', async (t) => {
  for (const informerDelayMs of [0, 5, 700]) {
    await withCluster(12n, async (cluster) => {
      cluster.graceMs = 3000
      for (const name of ['n1', 'n2', 'n3']) {
        cluster.setNode(nodeOf({ name, cpu: '1' }))
        cluster.setPod(podOf({ name: `low-${name}`, cpu: '1', priority: 1, nodeName: name }))
      }
      await cluster.run(10)
      cluster.informerDelayMs = informerDelayMs
      cluster.setPod(podOf({ name: 'high', cpu: '1', priority: 100 }))
      await cluster.run(1500)
      cluster.setNode(nodeOf({ name: 'n4', cpu: '500m' }))
      await cluster.run(6000)
      t.equal(cluster.events.filter(({ event }) => event.reason === 'Preempted').length, 1)
      t.equal(cluster.pods().length, 3)
      t.ok(cluster.nodeOf('high'))
    })
  }
})

void t.test(
  'bindings without an answer are bounded, and do not keep the scheduler from ending',
  async (t) => {
    await withCluster(13n, async (cluster) => {
      cluster.fateOf = () => 'hangs'
      for (let index = 0; index < 4; index += 1) cluster.setNode(nodeOf({ name: `n${index}` }))
      for (let index = 0; index < bindingsMax + 20; index += 1) cluster.setPod(podOf({ name: `p${index}` }))
      await cluster.run(1000)
      t.equal(cluster.core.queue.lengths.inFlight, bindingsMax)
      t.equal(cluster.core.queue.lengths.active, 20)
      await cluster.close()
      t.ok(cluster.hasEnded)
    })
  },
)

void t.test('a pod with preemptionPolicy Never says so and deletes nobody', async (t) => {
  await withCluster(11n, async (cluster) => {
    cluster.setNode(nodeOf({ name: 'n1', cpu: '1' }))
    cluster.setPod(podOf({ name: 'low', cpu: '1', priority: 1, nodeName: 'n1' }))
    await cluster.run(10)
    cluster.setPod(podOf({ name: 'high', cpu: '1', priority: 100, spec: { preemptionPolicy: 'Never' } }))
    await cluster.run(2000)
    t.equal(cluster.nodeOf('low'), 'n1')
    t.match(
      cluster.messagesOf('high')[0],
      /Insufficient cpu\. preemption: not eligible due to preemptionPolicy=Never\./,
    )
  })
})

const podPlan = fc.record({
  cpu: fc.integer({ min: 1, max: 12 }),
  atMs: fc.integer({ min: 0, max: 3000 }),
  livesMs: fc.option(fc.integer({ min: 1, max: 4000 }), { nil: undefined }),
  priority: fc.constantFrom(0, 0, 0, 10),
})
const fates = fc.array(fc.constantFrom('ok', 'ok', 'refused', 'lost before', 'lost after'), { maxLength: 30 })

void t.test(
  'whatever fails, no node is overcommitted, no pod is bound twice, and what fits is bound',
  async (t) => {
    const property = fc.asyncProperty(
      fc.array(podPlan, { minLength: 1, maxLength: 25 }),
      fates,
      fc.integer({ min: 0, max: 300 }),
      fc.bigInt({ min: 0n, max: 1n << 32n }),
      async (plans, planned, informerDelayMs, seed) => {
        const world = new SimWorld(seed)
        const cluster = clusterIn(world)
        cluster.informerDelayMs = informerDelayMs
        const left = [...planned]
        cluster.fateOf = () => left.shift() ?? 'ok'
        for (const name of ['n1', 'n2', 'n3']) cluster.setNode(nodeOf({ name, cpu: '10' }))
        plans.forEach((plan, index) => {
          const name = `p${index}`
          const { clock } = cluster.powers
          clock.setTimer(plan.atMs, () => {
            cluster.setPod(podOf({ name, cpu: String(plan.cpu), priority: plan.priority }))
            if (plan.livesMs !== undefined)
              clock.setTimer(plan.livesMs, () => cluster.removePod('default', name))
          })
        })
        for (let step = 0; step < 80; step += 1) {
          await cluster.run(100)
          assertNotOvercommitted(cluster)
        }
        await cluster.run(30_000)
        const boundTwice = cluster.bindings.filter(
          ({ pod }, index) => cluster.bindings.findIndex((b) => b.pod === pod) !== index,
        )
        if (boundTwice.length > 0) throw new Error(`bound twice: ${JSON.stringify(boundTwice)}`)
        assertNothingFits(cluster)
        await cluster.close()
        if (world.violations.length > 0) throw new Error(JSON.stringify(world.violations))
      },
    )
    await fc.assert(property, { numRuns: 150 })
    t.pass('held')
  },
)

function usedMilliCpu(cluster: FakeCluster): ReadonlyMap<string, number> {
  const used = new Map([
    ['n1', 0],
    ['n2', 0],
    ['n3', 0],
  ])
  for (const pod of cluster.pods()) {
    const nodeName = pod.spec?.nodeName
    if (nodeName) used.set(nodeName, (used.get(nodeName) ?? 0) + podAmounts(pod).milliCpu)
  }
  return used
}

function assertNotOvercommitted(cluster: FakeCluster): void {
  for (const [nodeName, milliCpu] of usedMilliCpu(cluster)) {
    if (milliCpu > 10_000) throw new Error(`${nodeName} is overcommitted: ${milliCpu} of 10000`)
  }
}

/** At rest: no waiting pod fits beside the others, nor in the place of less important ones. */
function assertNothingFits(cluster: FakeCluster): void {
  for (const pod of cluster.pods()) {
    if (pod.spec?.nodeName) continue
    const wanted = podAmounts(pod).milliCpu
    for (const nodeName of ['n1', 'n2', 'n3']) {
      const inTheWay = cluster
        .pods()
        .filter(
          ({ spec }) => spec?.nodeName === nodeName && (spec.priority ?? 0) >= (pod.spec?.priority ?? 0),
        )
      const free = 10_000 - inTheWay.reduce((sum, other) => sum + podAmounts(other).milliCpu, 0)
      if (wanted <= free)
        throw new Error(`${pod.metadata.name} (${wanted}m) starves; ${nodeName} has ${free}m for it`)
    }
  }
}

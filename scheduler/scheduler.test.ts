import t from 'tap'
import { nodes } from '../api/core/node.ts'
import { pods } from '../api/core/pod.ts'
import { conflict } from '../api/meta/status.ts'
import { testWorld, type TestWorld } from '../client/testing/world.ts'
import type { SimProcess } from '../platform/sim/index.ts'
import { type Scheduler, startScheduler } from './scheduler.ts'
import { nodeOf, podOf } from './testing/objects.ts'

interface Replica {
  readonly process: SimProcess
  readonly scheduler: Scheduler
}

async function replica(world: TestWorld, identity: string): Promise<Replica> {
  const { process, client } = world.client(identity)
  return { process, scheduler: await startScheduler(process.powers, { identity, client }) }
}

/** Binds to n1 whoever asks, and loses the answer in a conflict, as a proxy between the two may. */
function bindAnswersAreLost(world: TestWorld): string[] {
  const bound: string[] = []
  world.cluster.intercept = ({ method, target }) => {
    if (method !== 'POST' || target.subresource !== 'binding') return undefined
    const name = target.name ?? ''
    const pod = world.cluster.get(pods, target.namespace, name)
    if (pod && !pod.spec?.nodeName) {
      bound.push(name)
      world.cluster.set(pods, {
        ...pod,
        spec: { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName: 'n1' },
      })
    }
    return { type: 'refuse', error: conflict(pods, name, 'the answer was lost') }
  }
  return bound
}

void t.test('of two schedulers one binds; when it is killed the other goes on', async (t) => {
  const world = await testWorld(1n)
  const bound = bindAnswersAreLost(world)
  world.cluster.set(nodes, nodeOf({ name: 'n1' }))
  const replicas = [await replica(world, 's1'), await replica(world, 's2')]
  world.cluster.set(pods, podOf({ name: 'first' }))
  await world.until(() => bound.includes('first'), 'the first pod is bound')
  const leader = replicas.find(({ scheduler }) => scheduler.isLeading())
  t.equal(replicas.filter(({ scheduler }) => scheduler.isLeading()).length, 1)
  if (leader) world.world.kill(leader.process)
  world.cluster.set(pods, podOf({ name: 'second' }))
  await world.until(() => bound.includes('second'), 'the second pod is bound')
  t.same(bound, ['first', 'second'])
  t.same(world.world.violations, [])
})

void t.test(
  'a scheduler that is closed gives the lead away within seconds and binds nothing more',
  async (t) => {
    const world = await testWorld(2n)
    const bound = bindAnswersAreLost(world)
    world.cluster.set(nodes, nodeOf({ name: 'n1' }))
    const first = await replica(world, 's1')
    await world.until(() => first.scheduler.isLeading(), 'the first leads')
    const second = await replica(world, 's2')
    await world.settle(first.scheduler.close())
    const sinceMs = world.world.nowMs
    world.cluster.set(pods, podOf({ name: 'late' }))
    await world.until(() => bound.includes('late'), 'the second takes over')
    t.ok(second.scheduler.isLeading())
    t.ok(world.world.nowMs - sinceMs < 6000)
  },
)

void t.test('a pod that names another scheduler is left alone', async (t) => {
  const world = await testWorld(3n)
  const bound = bindAnswersAreLost(world)
  world.cluster.set(nodes, nodeOf({ name: 'n1' }))
  await replica(world, 's1')
  world.cluster.set(pods, podOf({ name: 'foreign', spec: { schedulerName: 'other' } }))
  world.cluster.set(pods, podOf({ name: 'ours' }))
  await world.until(() => bound.includes('ours'), 'our pod is bound')
  await world.world.run(5000)
  t.same(bound, ['ours'])
})

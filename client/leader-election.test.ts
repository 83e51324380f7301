import t from 'tap'
import { leases } from '../api/coordination/lease.ts'
import type { SimProcess } from '../platform/sim/index.ts'
import { seededRandom } from '../platform/random.ts'
import { type LeaderElection, runLeaderElection } from './leader-election.ts'
import { testWorld, type TestWorld } from './testing/world.ts'

// Real seconds for the whole file, on a machine that is busy with other tests.
t.setTimeout(240_000)

interface Candidate {
  readonly name: string
  readonly process: SimProcess
  readonly election: LeaderElection
  /** True between onStartedLeading and the abort of its signal. */
  isActing: boolean
}

function candidate(world: TestWorld, name: string): Candidate {
  const { process, client } = world.client(name)
  const self: Candidate = {
    name,
    process,
    isActing: false,
    election: runLeaderElection(process.powers, {
      client,
      leaseName: 'test',
      identity: name,
      onStartedLeading: (signal) => {
        self.isActing = true
        signal.addEventListener('abort', () => {
          self.isActing = false
        })
      },
    }),
  }
  return self
}

const holder = (world: TestWorld) => world.cluster.get(leases, 'kube-system', 'test')?.spec?.holderIdentity

t.test(
  'one of two leads, and the other follows when it closes without waiting for the lease to run out',
  async (t) => {
    const world = await testWorld(1n)
    const candidates = [candidate(world, 'c1'), candidate(world, 'c2')]
    await world.until(() => candidates.some(({ isActing }) => isActing), 'a leader')
    t.equal(candidates.filter(({ isActing }) => isActing).length, 1)
    const leader = candidates.find(({ isActing }) => isActing)
    const other = candidates.find(({ isActing }) => !isActing)
    const sinceMs = world.world.nowMs
    await world.settle(leader?.election.close() ?? Promise.resolve())
    await world.until(() => other?.isActing === true, 'the other to lead')
    t.ok(world.world.nowMs - sinceMs < 6000)
    t.equal(holder(world), other?.name)
    t.equal(world.cluster.get(leases, 'kube-system', 'test')?.spec?.leaseTransitions, 1)
  },
)

t.test('a killed leader is followed after the lease duration, not before', async (t) => {
  const world = await testWorld(2n)
  const first = candidate(world, 'c1')
  await world.until(() => first.isActing, 'a leader')
  const second = candidate(world, 'c2')
  await world.world.run(20_000)
  t.notOk(second.isActing)
  world.world.kill(first.process)
  const sinceMs = world.world.nowMs
  await world.until(() => second.isActing, 'the second to lead')
  const tookMs = world.world.nowMs - sinceMs
  t.ok(tookMs > 12_000 && tookMs < 21_000, `took ${tookMs} ms`)
})

t.test('a leader that is cut off stops before another may lead', async (t) => {
  const world = await testWorld(3n)
  const first = candidate(world, 'c1')
  await world.until(() => first.isActing, 'a leader')
  const second = candidate(world, 'c2')
  await world.world.run(5000)
  for (const server of ['a1', 'a2']) {
    world.world.network.links.cut('c1', server)
    world.world.network.links.cut(server, 'c1')
  }
  await world.until(() => !first.isActing, 'the first to stop')
  t.notOk(second.isActing)
  await world.until(() => second.isActing, 'the second to lead')
  world.world.network.links.healAll()
  await world.world.run(60_000)
  t.notOk(first.isActing)
})

for (const seed of [21n, 22n, 23n, 24n, 25n, 26n, 27n, 28n]) {
  t.test(`never two act at once under cuts and kills, and one acts in the end, seed ${seed}`, async (t) => {
    const world = await testWorld(seed)
    const random = seededRandom(seed)
    const candidates = ['c1', 'c2', 'c3'].map((name) => candidate(world, name))
    let worst = 0
    for (let step = 0; step < 300; step += 1) {
      const { links } = world.world.network
      const server = `a${random.int(2) + 1}`
      const index = random.int(3)
      const name = `c${index + 1}`
      if (random.int(6) === 0) links.cut(name, server)
      if (random.int(6) === 0) links.cut(server, name)
      if (random.int(5) === 0) links.healAll()
      const known = candidates[index]
      if (random.int(40) === 0 && known) {
        world.world.kill(known.process)
        known.isActing = false
        candidates[index] = candidate(world, name)
      }
      for (let look = 0; look < 10; look += 1) {
        await world.world.run(random.int(200))
        worst = Math.max(worst, candidates.filter(({ isActing }) => isActing).length)
      }
    }
    t.ok(worst <= 1, `${worst} acted at once`)
    world.world.network.links.healAll()
    await world.until(() => candidates.some(({ isActing }) => isActing), 'a leader in the end')
    t.same(world.world.violations, [])
  })
}

import t from 'tap'
import { seededRandom } from '../../platform/random.ts'
import type { ReadIndexResult } from '../raft-node.ts'
import { SimCluster } from './cluster.fixture.ts'
import { FakeDisk } from './state-machine.fixture.ts'

// On a busy machine the storms take longer than tap waits by default.
t.setTimeout(240_000)

void t.test('three members elect one leader within a few heartbeats and replicate to all', async (t) => {
  const cluster = new SimCluster({ seed: 1n, size: 3 })
  await cluster.awaitLeader()
  t.ok(cluster.world.nowMs < 300, `a new cluster has a leader after ${cluster.world.nowMs} ms`)
  for (let i = 0; i < 50; i += 1) t.ok(cluster.send())
  await cluster.settle()
  cluster.check()
  t.equal(cluster.acknowledged.length, 51)
})

void t.test('a single member elects itself at once and commits alone', async (t) => {
  const cluster = new SimCluster({ seed: 2n, size: 1 })
  await cluster.awaitLeader()
  t.ok(cluster.world.nowMs < 50)
  t.ok(cluster.send())
  await cluster.world.run(20)
  t.equal(cluster.acknowledged.length, 1)
  cluster.members[0]?.cutPower()
  await cluster.settle()
  cluster.check()
})

void t.test('whatever dies, pauses or is cut, nothing acknowledged is lost, doubled or moved', async (t) => {
  let acknowledged = 0
  for (let seed = 0n; seed < 10n; seed += 1n) {
    const cluster = new SimCluster({ seed, size: seed % 4n === 0n ? 5 : 3 })
    const random = seededRandom(seed).fork('misfortune')
    for (let i = 0; i < 25 && cluster.world.violations.length === 0; i += 1) {
      await cluster.load(random.int(400), 5)
      await cluster.misfortune(random)
    }
    await cluster.settle()
    cluster.check()
    acknowledged += cluster.acknowledged.length
  }
  t.ok(acknowledged > 3000, `${acknowledged} commands acknowledged`)
})

void t.test('a member that was away too long gets a snapshot and then the rest', async (t) => {
  const cluster = new SimCluster({ seed: 5n, size: 3 })
  const leader = await cluster.awaitLeader()
  const away = cluster.members.find((member) => member !== leader)
  away?.kill()
  await cluster.load(3000, 5)
  await cluster.settle()
  cluster.check()
  t.equal(away?.stateMachine?.installs, 1)
  t.ok((away?.node?.status().firstIndex ?? 0) > 100)
})

void t.test('a power cut at any moment of a snapshot leaves a member that starts again', async (t) => {
  let installs = 0
  for (let seed = 100n; seed < 120n; seed += 1n) {
    const cluster = new SimCluster({ seed, size: 3 })
    const leader = await cluster.awaitLeader()
    const away = cluster.members.find((member) => member !== leader)
    away?.kill()
    await cluster.load(1500, 5)
    away?.start()
    await cluster.world.run(seededRandom(seed).float() * 120)
    away?.cutPower()
    await cluster.load(100, 5)
    away?.start()
    await cluster.settle()
    cluster.check()
    installs += away?.stateMachine?.installs ?? 0
  }
  t.ok(installs > 1 && installs < 20, `${installs} of 20 had to install again`)
})

void t.test(
  'a leader that dies is replaced within 150 ms, one that falls silent within half a second',
  async (t) => {
    for (const how of ['kill', 'pause', 'cut'] as const) {
      const times: number[] = []
      for (let seed = 200n; seed < 220n; seed += 1n) {
        const cluster = new SimCluster({ seed, size: 3 })
        const leader = await cluster.awaitLeader()
        await cluster.load(300, 5)
        const { process } = leader
        if (how === 'kill') leader.kill()
        else if (how === 'cut') cluster.isolate(leader)
        else if (process) cluster.world.pause(process)
        const startMs = cluster.world.nowMs
        const others = cluster.members.filter((member) => member !== leader)
        const before = cluster.acknowledged.length
        while (cluster.acknowledged.length === before && cluster.world.nowMs < startMs + 3000) {
          for (const other of others) if (other.isLeader) cluster.send(other)
          await cluster.world.run(1)
        }
        times.push(cluster.world.nowMs - startMs)
      }
      times.sort((a, b) => a - b)
      const median = times[10] ?? 0
      const most = times.at(-1) ?? 0
      t.comment(`${how}: median ${median.toFixed(0)} ms, most ${most.toFixed(0)} ms`)
      t.ok(how === 'kill' ? most < 150 : median < 350 && most < 500, `${how}: median ${median}, most ${most}`)
    }
  },
)

void t.test('two minutes of load on slow links bring no election beyond the first', async (t) => {
  const cluster = new SimCluster({
    seed: 7n,
    size: 3,
    tuning: { snapshotEntries: 10_000, catchUpEntries: 5000 },
  })
  for (const a of ['m1', 'm2', 'm3']) {
    for (const b of ['m1', 'm2', 'm3']) {
      if (a === b) continue
      const faults = cluster.world.network.links.faults(a, b)
      faults.delayUs = [500, 8000]
      faults.lossProbability = 0.01
      faults.retransmitUs = [20_000, 60_000]
    }
  }
  for (const { machine } of cluster.members) machine.disk.faults.syncUs = [500, 20_000]
  await cluster.awaitLeader()
  const term = cluster.leader()?.node?.status().term
  await cluster.load(120_000, 50)
  t.equal(cluster.leader()?.node?.status().term, term)
  t.ok(cluster.acknowledged.length > 2300, `${cluster.acknowledged.length}`)
})

void t.test('a leader whose disk stalls hands over, and its old self campaigns no more', async (t) => {
  const cluster = new SimCluster({ seed: 8n, size: 3 })
  const leader = await cluster.awaitLeader()
  await cluster.load(100, 5)
  leader.machine.disk.faults.syncUs = [60_000_000, 60_000_001]
  await cluster.load(1500, 5)
  t.ok(leader.changes.some(({ reason }) => reason === 'disk-stalled'))
  const next = cluster.leader()
  t.ok(next && next !== leader)
  const before = cluster.acknowledged.length
  await cluster.load(500, 5)
  t.ok(cluster.acknowledged.length > before + 80)
})

void t.test(
  'reads are answered by leader and follower, across a failover too, and fail without a quorum',
  async (t) => {
    const cluster = new SimCluster({ seed: 9n, size: 3 })
    const leader = await cluster.awaitLeader()
    await cluster.load(100, 5)
    const results: ReadIndexResult[] = []
    const ask = () => {
      for (const { node } of cluster.members) node?.readIndex((result) => results.push(result))
    }
    ask()
    t.equal(results.length, 0, 'never from within the call')
    await cluster.world.run(20)
    t.same(
      results.map((result) => result.ok && result.index >= cluster.acknowledged.length),
      [true, true, true],
    )
    // Asked while the leader is dead: answered by the next one.
    leader.kill()
    results.length = 0
    ask()
    await cluster.world.run(1000)
    t.same(
      results.map(({ ok }) => ok),
      [true, true],
    )
    // Without a quorum: an answer all the same, in time.
    cluster.leader()?.kill()
    results.length = 0
    ask()
    await cluster.world.run(6000)
    t.match(results, [{ ok: false }])
  },
)

void t.test('closing the leader hands over before it goes', async (t) => {
  const cluster = new SimCluster({ seed: 10n, size: 3 })
  const leader = await cluster.awaitLeader()
  await cluster.load(100, 5)
  const startMs = cluster.world.nowMs
  const { node } = leader
  let isClosed = false
  void node?.close().then(() => {
    isClosed = true
  })
  const others = cluster.members.filter((member) => member !== leader)
  t.ok(await cluster.world.runUntil(() => others.some((member) => member.isLeader), 1000, 1))
  t.ok(cluster.world.nowMs - startMs < 50, `${cluster.world.nowMs - startMs} ms`)
  t.ok(await cluster.world.runUntil(() => isClosed, 1000, 1))
  t.match(node?.propose(new Uint8Array()), { accepted: false, reason: 'closing' })
})

void t.test('a member whose disk was wiped is talked to by nobody', async (t) => {
  const cluster = new SimCluster({ seed: 11n, size: 3 })
  const leader = await cluster.awaitLeader()
  await cluster.load(300, 5)
  const wiped = cluster.members.find((member) => member !== leader)
  wiped?.kill()
  wiped?.machine.disk.wipe()
  if (wiped) wiped.stateDisk = new FakeDisk()
  wiped?.start()
  await cluster.load(2000, 5)
  t.equal(wiped?.node?.status().lastIndex, 0)
  t.equal(wiped?.node?.status().leaderId, undefined)
  t.ok(cluster.world.logLines.some((line) => line.includes('came back with another data directory')))
  t.equal(cluster.leader(), leader, 'and it disturbs nobody')
})

void t.test('a WAL that is gone, behind or foreign is refused with a remedy', async (t) => {
  const cluster = new SimCluster({ seed: 12n, size: 3 })
  const leader = await cluster.awaitLeader()
  await cluster.load(3000, 5)
  const [a, b] = cluster.members.filter((member) => member !== leader)
  if (!a || !b) return
  // The segments are gone, the identity is not.
  a.kill()
  const { disk } = cluster.world.startProcess({ name: 'surgeon', machine: a.machine }).powers
  for (const path of a.machine.disk.paths()) if (path.endsWith('.wal')) disk.remove(path)
  a.start()
  await cluster.world.run(50)
  t.match(a.refusal, { code: 'E_WAL_CORRUPT', message: /no WAL segments.*remove this member/is })
  // The state machine went back to before the WAL's first entry.
  b.kill()
  b.stateDisk = new FakeDisk()
  b.start()
  await cluster.world.run(50)
  t.match(b.refusal, { code: 'E_WAL_BEHIND', message: /has applied only entry 0, but the WAL begins after/ })
})

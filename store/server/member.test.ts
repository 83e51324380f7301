import t from 'tap'
import { defined } from '../../platform/assert.ts'
import { type StoreClient, StoreError } from '../client/index.ts'
import { bytes, ClusterFixture, deleteOf, putOf, text } from '../cluster.fixture.ts'

/** Puts, and once more when the outcome of the first is not known. */
async function putUntilDone(client: StoreClient, key: string, value: string): Promise<void> {
  const request = {
    ...putOf(key, value),
    compare: [{ key: bytes(key), target: 'value' as const, operator: '=' as const, value: bytes(value) }],
  }
  const unlessThere = { compare: request.compare, success: [], failure: request.success }
  for (let tries = 0; tries < 2; tries += 1) {
    try {
      await client.txn(unlessThere)
      return
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'unknown-outcome') throw error
    }
  }
  throw new Error('the second try had no outcome either')
}

t.test('three members elect a leader, take writes and read them back', async (t) => {
  const cluster = new ClusterFixture({ seed: 1n })
  await cluster.start()
  const client = cluster.client()
  const first = await cluster.settle(client.txn(putOf('a', '1')))
  t.same([first.succeeded, first.revision], [true, 2])
  await cluster.settle(client.txn(putOf('b', '2')))
  const found = await cluster.settle(client.range({ key: bytes('a'), rangeEnd: bytes('z') }))
  t.same(
    [found.revision, found.count, found.kvs.map((kv) => `${text(kv.key)}=${text(kv.value)}`)],
    [3, 2, ['a=1', 'b=2']],
  )
  t.same(cluster.world.violations, [])
})

t.test(
  'an acknowledged write survives the death of the leader, and writes go on within half a second',
  async (t) => {
    const cluster = new ClusterFixture({ seed: 2n })
    await cluster.start()
    const client = cluster.client()
    await cluster.settle(client.txn(putOf('a', '1')))
    const old = await cluster.waitForLeader()
    const killedAtMs = cluster.world.nowMs
    cluster.kill(old)
    await cluster.settle(putUntilDone(client, 'b', '2'))
    t.ok(cluster.world.nowMs - killedAtMs < 600, `took ${cluster.world.nowMs - killedAtMs} ms`)
    const found = await cluster.settle(client.range({ key: bytes('a') }))
    t.same(
      found.kvs.map((kv) => text(kv.value)),
      ['1'],
    )
    await cluster.restart(old)
    await cluster.world.run(1000)
    t.same(old.member?.status().revision, 3)
    t.same(cluster.world.violations, [])
  },
)

t.test('a watch goes on elsewhere when its member dies: every revision once, in order', async (t) => {
  const cluster = new ClusterFixture({ seed: 3n })
  await cluster.start()
  const client = cluster.client()
  const watch = client.watch({ key: bytes('k'), rangeEnd: bytes('l'), startRevision: 2, prevKv: true })
  const seen: string[] = []
  const reading = (async () => {
    for (let batch = await watch.read(); batch; batch = await watch.read()) {
      for (const { type, kv } of batch.events) seen.push(`${type} ${kv.modRevision}`)
    }
  })()
  for (let round = 0; round < 3; round += 1) {
    await cluster.settle(client.txn(putOf('k1', `${round}`)))
    await cluster.settle(client.txn(deleteOf('k1')))
    const victim = defined(cluster.members[round], 'victim')
    cluster.kill(victim)
    await cluster.settle(putUntilDone(client, 'k2', `${round}`))
    await cluster.restart(victim)
  }
  await cluster.world.run(3000)
  watch.cancel()
  await cluster.settle(reading)
  t.same(
    seen.map((line) => Number(line.split(' ')[1])),
    [2, 3, 4, 5, 6, 7, 8, 9, 10],
  )
  t.same(cluster.world.violations, [])
})

t.test('after a power cut of all members every acknowledged write is there', async (t) => {
  const cluster = new ClusterFixture({
    seed: 4n,
    config: { raftTuning: { snapshotEntries: 20, catchUpEntries: 10 } },
  })
  await cluster.start()
  const client = cluster.client()
  for (let i = 0; i < 100; i += 1) await cluster.settle(client.txn(putOf(`k${i % 7}`, `${i}`)))
  cluster.members.forEach((member, i) => {
    cluster.cutPower(member, BigInt(i))
  })
  for (const member of cluster.members) await cluster.restart(member)
  const found = await cluster.settle(client.range({ key: bytes('k'), rangeEnd: bytes('l') }))
  t.same(found.revision, 101)
  t.same(
    found.kvs.map((kv) => text(kv.value)),
    ['98', '99', '93', '94', '95', '96', '97'],
  )
  t.same(cluster.world.violations, [])
})

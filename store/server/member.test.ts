import t from 'tap'
import { defined } from '../../platform/assert.ts'
import { type StoreClient, StoreError } from '../client/index.ts'
import { bytes, ClusterFixture, deleteOf, putOf, text } from '../cluster.fixture.ts'

// Whole clusters: a busy machine takes its time.
t.setTimeout(120_000)

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

void t.test('three members elect a leader, take writes and read them back', async (t) => {
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

void t.test(
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

void t.test('a watch goes on elsewhere when its member dies: every revision once, in order', async (t) => {
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

void t.test('after a power cut of all members every acknowledged write is there', async (t) => {
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

void t.test(
  'a member that was away for long takes a snapshot, and a watch on it misses nothing',
  async (t) => {
    const cluster = new ClusterFixture({
      seed: 5n,
      config: { raftTuning: { snapshotEntries: 20, catchUpEntries: 10, walSegmentBytes: 4096 } },
    })
    await cluster.start()
    const client = cluster.client()
    const seen: number[] = []
    const watch = client.watch({ key: bytes('k'), rangeEnd: bytes('l'), startRevision: 2 })
    const reading = (async () => {
      for (let batch = await watch.read(); batch; batch = await watch.read()) {
        for (const { kv } of batch.events) seen.push(kv.modRevision)
      }
    })()
    await cluster.settle(client.txn(putOf('k0', '0')))
    const leader = await cluster.waitForLeader()
    const away = defined(
      cluster.members.find((member) => member !== leader),
      'follower',
    )
    cluster.kill(away)
    for (let i = 1; i < 200; i += 1) await cluster.settle(putUntilDone(client, `k${i % 5}`, `${i}`))
    await cluster.restart(away)
    await cluster.settle(putUntilDone(client, 'k0', 'last'))
    const caughtUp = await cluster.world.runUntil(() => away.member?.status().revision === 202, 10_000)
    t.ok(caughtUp, `it came to revision ${away.member?.status().revision}`)
    t.same(await away.host.list(), ['db-2'], 'by a snapshot, into a fresh generation')
    await cluster.world.run(1000)
    watch.cancel()
    await cluster.settle(reading)
    t.same(
      seen,
      Array.from({ length: 201 }, (_, i) => i + 2),
    )
    t.same(cluster.world.violations, [])
  },
)

void t.test('a lease of ten seconds ends in time although the leader changes every three', async (t) => {
  const cluster = new ClusterFixture({ seed: 6n })
  await cluster.start()
  const client = cluster.client()
  const lease = await cluster.settle(client.leaseGrant(10))
  await cluster.settle(client.txn(putOf('a', '1', { lease })))
  const grantedAtMs = cluster.world.nowMs
  const exists = async () => (await cluster.settle(client.range({ key: bytes('a') }))).count === 1
  while (cluster.world.nowMs - grantedAtMs < 9_000) {
    await cluster.world.run(2_800)
    const leader = await cluster.waitForLeader()
    await cluster.settle(defined(leader.member, 'leader').transferLeadership())
    if (cluster.world.nowMs - grantedAtMs < 9_900)
      t.equal(await exists(), true, `at ${cluster.world.nowMs - grantedAtMs}`)
  }
  await cluster.world.run(10_000 - (cluster.world.nowMs - grantedAtMs) + 5_000)
  t.equal(await exists(), false)
  t.same(cluster.world.violations, [])
})

void t.test(
  'no lease ends while no quorum confirms its leader, nor at once when one does again',
  async (t) => {
    const cluster = new ClusterFixture({ seed: 7n })
    await cluster.start()
    const client = cluster.client()
    const lease = await cluster.settle(client.leaseGrant(5))
    await cluster.settle(client.txn(putOf('a', '1', { lease })))
    const [first, second] = cluster.members
    cluster.kill(defined(first, 'm1'))
    cluster.kill(defined(second, 'm2'))
    await cluster.world.run(20_000)
    await cluster.restart(defined(first, 'm1'))
    const found = await cluster.settle(client.range({ key: bytes('a') }, { timeoutMs: 10_000 }))
    t.equal(found.count, 1, 'nobody led, so no time passed for it')
    await cluster.world.run(8_000)
    t.equal((await cluster.settle(client.range({ key: bytes('a') }))).count, 0)
    t.same(cluster.world.violations, [])
  },
)

void t.test(
  'without a quorum a write is refused in time as not written, and a read as not confirmed',
  async (t) => {
    const cluster = new ClusterFixture({ seed: 8n })
    await cluster.start()
    const client = cluster.client()
    await cluster.settle(client.txn(putOf('a', '1')))
    const leader = await cluster.waitForLeader()
    for (const member of cluster.members) if (member !== leader) cluster.kill(member)
    await cluster.world.run(2_000)
    await t.rejects(cluster.settle(client.txn(putOf('a', '2'), { timeoutMs: 1_000 })), { code: 'no-leader' })
    await t.rejects(cluster.settle(client.range({ key: bytes('a') }, { timeoutMs: 1_000 })), {
      code: 'timeout',
    })
    const stale = await cluster.settle(client.range({ key: bytes('a'), serializable: true }))
    t.same(
      stale.kvs.map((kv) => text(kv.value)),
      ['1'],
      'a serializable read goes on',
    )
    t.same(cluster.world.violations, [])
  },
)

void t.test(
  'writes to a paused leader move to the next one; the old one, awake again, serves no stale read',
  async (t) => {
    const cluster = new ClusterFixture({ seed: 9n })
    await cluster.start()
    const client = cluster.client()
    await cluster.settle(client.txn(putOf('a', '1')))
    const old = await cluster.waitForLeader()
    const pausedAtMs = cluster.world.nowMs
    cluster.world.pause(old.process)
    await cluster.settle(putUntilDone(client, 'a', '2'))
    t.ok(cluster.world.nowMs - pausedAtMs < 900, `took ${cluster.world.nowMs - pausedAtMs} ms`)
    const alone = cluster.client('second', [old.name])
    cluster.world.resume(old.process)
    const found = await cluster.settle(alone.range({ key: bytes('a') }))
    t.same(
      found.kvs.map((kv) => text(kv.value)),
      ['2'],
    )
    t.same(cluster.world.violations, [])
  },
)

void t.test(
  'a full disk refuses puts, keeps reads and deletes, and takes puts again when there is room',
  async (t) => {
    const cluster = new ClusterFixture({ seed: 10n, members: 1 })
    await cluster.start()
    const client = cluster.client()
    await cluster.settle(client.txn(putOf('a', '1')))
    const [only] = cluster.members
    only?.host.setFull(true)
    await t.rejects(cluster.settle(client.txn(putOf('b', '1'))), {
      code: 'no-space',
      message: /disk of member m1 is full/,
    })
    t.equal((await cluster.settle(client.range({ key: bytes('a') }))).count, 1)
    await cluster.settle(client.txn(deleteOf('a')))
    only?.host.setFull(false)
    await cluster.settle(client.txn(putOf('b', '1')))
    t.same(cluster.world.violations, [])
  },
)

void t.test('at its quota the store refuses puts until keys are deleted and compacted', async (t) => {
  const cluster = new ClusterFixture({ seed: 11n, members: 1, config: { quotaBackendBytes: 20_000 } })
  await cluster.start()
  const client = cluster.client()
  const big = 'x'.repeat(4_000)
  for (let i = 0; i < 5; i += 1) await cluster.settle(client.txn(putOf('a', big)))
  await t.rejects(cluster.settle(client.txn(putOf('a', big))), { code: 'no-space', message: /quota/ })
  const { revision } = await cluster.settle(client.txn(deleteOf('a')))
  await cluster.settle(client.compact(revision))
  await cluster.world.run(15_000)
  await cluster.settle(client.txn(putOf('a', big)))
  t.same(cluster.world.violations, [])
})

void t.test('what is too large, malformed or stale gets its own error', async (t) => {
  const cluster = new ClusterFixture({ seed: 12n, members: 1 })
  await cluster.start()
  const client = cluster.client()
  const fails = async (promise: Promise<unknown>, code: string, revision?: number) => {
    const error = await cluster.settle(promise).catch((thrown: unknown) => thrown)
    t.match(error, revision === undefined ? { code } : { code, revision })
  }
  await fails(client.txn(putOf('a', 'x'.repeat(4 * 1024 * 1024))), 'request-too-large')
  await fails(client.txn(putOf('', 'x')), 'invalid-argument')
  await fails(client.txn(putOf('a', 'x', { lease: '00000000000000ff' })), 'lease-not-found')
  await fails(client.leaseGrant(0.1), 'invalid-argument')
  await fails(client.leaseRevoke('00000000000000ff'), 'lease-not-found')
  await fails(client.range({ key: bytes('a'), revision: 99 }), 'future-revision')
  for (let i = 0; i < 4; i += 1) await cluster.settle(client.txn(putOf('a', `${i}`)))
  await cluster.settle(client.compact(4))
  await fails(client.range({ key: bytes('a'), revision: 3 }), 'compacted', 4)
  await fails(client.compact(99), 'future-revision')
  const late = client.watch({ key: bytes('a'), startRevision: 2 })
  await fails(late.read(), 'compacted', 4)
  const given = client.txn(putOf('a', 'x'), { signal: AbortSignal.abort(new Error('given up')) })
  await t.rejects(cluster.settle(given), { message: 'given up' })
  await cluster.settle(client.close())
  await fails(client.txn(putOf('a', 'x')), 'closed')
  t.same(cluster.world.violations, [])
})

void t.test('a long list comes whole and at one revision, in pages that a member can bear', async (t) => {
  const cluster = new ClusterFixture({ seed: 13n })
  await cluster.start()
  const client = cluster.client()
  const value = 'x'.repeat(30_000)
  for (let i = 0; i < 100; i += 1)
    await cluster.settle(client.txn(putOf(`k${String(i).padStart(3, '0')}`, value)))
  const listing = client.range({ key: bytes('k'), rangeEnd: bytes('l') })
  const change = client.txn(putOf('k999', 'new'))
  const found = await cluster.settle(listing)
  await cluster.settle(change)
  t.equal(found.kvs.length, found.count)
  t.same(new Set(found.kvs.map((kv) => text(kv.key))).size, found.count)
  const some = await cluster.settle(client.range({ key: bytes('k'), rangeEnd: bytes('l'), limit: 60 }))
  t.same([some.kvs.length, some.more, some.count], [60, true, 101])
  t.same(cluster.world.violations, [])
})

void t.test('a watch without a start tells of what comes after it, and progress when asked', async (t) => {
  const cluster = new ClusterFixture({ seed: 14n })
  await cluster.start()
  const client = cluster.client()
  await cluster.settle(client.txn(putOf('a', '1')))
  const watch = client.watch({ key: bytes('a'), prevKv: true })
  watch.requestProgress()
  t.same(await cluster.settle(watch.read()), { revision: 2, events: [] })
  await cluster.settle(client.txn(putOf('a', '2')))
  const batch = await cluster.settle(watch.read())
  t.match(batch, { revision: 3, events: [{ type: 'put', kv: { version: 2 } }] })
  t.same(text(defined(batch?.events[0]?.prevKv, 'value before').value), '1')
  watch.cancel()
  t.equal(await cluster.settle(watch.read()), undefined)
})

void t.test('a follower tells clients where the leader takes them', async (t) => {
  const cluster = new ClusterFixture({ seed: 15n })
  await cluster.start()
  const client = cluster.client()
  await cluster.settle(client.txn(putOf('a', '1')))
  const status = await cluster.settle(client.status())
  t.same(
    status.map((each) => each.status?.name),
    ['m1', 'm2', 'm3'],
  )
  t.equal(status.filter((each) => each.status?.role === 'leader').length, 1)
  await cluster.world.run(500)
  const leader = await cluster.waitForLeader()
  for (const { member } of cluster.members) {
    const known = member?.inspect.machine.state.members.get(defined(leader.member, 'leader').id)
    t.same(known, { id: leader.member?.id, name: leader.name, clientHost: leader.name, clientPort: 2379 })
  }
})

void t.test('a restarted member shows no revision older than its last life did', async (t) => {
  const cluster = new ClusterFixture({ seed: 16n })
  await cluster.start()
  const client = cluster.client()
  for (let i = 0; i < 10; i += 1) await cluster.settle(client.txn(putOf('a', `${i}`)))
  await cluster.world.run(500)
  for (const member of cluster.members) cluster.kill(member)
  const [first, second] = cluster.members
  await cluster.restart(defined(first, 'm1'))
  const alone = cluster.client('alone', ['m1'])
  const read = () => cluster.settle(alone.range({ key: bytes('a'), serializable: true }, { timeoutMs: 1500 }))
  await t.rejects(read(), { code: 'timeout' }, 'without a quorum its log cannot be replayed')
  await cluster.restart(defined(second, 'm2'))
  await cluster.world.run(1000)
  t.equal((await read()).revision, 11)
  t.same(cluster.world.violations, [])
})

void t.test('a client whose links go silent moves its watch and its reads to other members', async (t) => {
  const cluster = new ClusterFixture({ seed: 17n })
  await cluster.start()
  const client = cluster.client()
  const watch = client.watch({ key: bytes('k'), rangeEnd: bytes('l'), startRevision: 2 })
  const seen: number[] = []
  const reading = (async () => {
    for (let batch = await watch.read(); batch; batch = await watch.read()) {
      for (const { kv } of batch.events) seen.push(kv.modRevision)
    }
  })()
  const other = cluster.client('other')
  await cluster.settle(other.txn(putOf('k', '0')))
  for (const host of ['m1', 'm2', 'm3']) {
    cluster.world.network.links.cut('client', host)
    cluster.world.network.links.cut(host, 'client')
    await cluster.settle(other.txn(putOf('k', host)))
    const found = await cluster.settle(client.range({ key: bytes('k') }))
    t.same(text(defined(found.kvs[0], 'kv').value), host)
    await cluster.world.run(4000)
    cluster.world.network.links.healAll()
    await cluster.world.run(3000)
  }
  watch.cancel()
  await cluster.settle(reading)
  t.same(seen, [2, 3, 4, 5])
  t.same(cluster.world.violations, [])
})

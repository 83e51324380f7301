/** Clients, a watcher and faults at once, and the account of it: for `storm.test.ts` and for longer runs by hand. */
import { defined } from '../platform/assert.ts'
import { pick, type Random, seededRandom } from '../platform/random.ts'
import { type StoreClient, StoreError } from './client/index.ts'
import { bytes, ClusterFixture, type FixtureMember, putOf, text } from './cluster.fixture.ts'
import { showKeyValue } from './mvcc/model.fixture.ts'
import { toKeyValue } from './mvcc/record.ts'

/** What the workers know to have happened. */
interface Ledger {
  readonly acknowledged: Map<string, string>
  increments: number
  unknownIncrements: number
  readonly watched: { readonly revision: number; readonly key: string }[]
  isOver: boolean
}

const isStoreError = (error: unknown): error is StoreError => error instanceof StoreError

async function writeOn(client: StoreClient, worker: number, ledger: Ledger, pause: () => Promise<void>) {
  for (let i = 0; !ledger.isOver; i += 1) {
    const key = `w${worker}/${i % 20}`
    const value = `${worker}.${i}`
    try {
      await client.txn(putOf(key, value), { timeoutMs: 2000 })
      ledger.acknowledged.set(key, value)
    } catch (error) {
      if (!isStoreError(error)) throw error
      // Whether it was written is not known: read what is there, from now on that counts.
      if (error.code === 'unknown-outcome') await reread(client, key, ledger)
    }
    await pause()
  }
}

async function reread(client: StoreClient, key: string, ledger: Ledger): Promise<void> {
  ledger.acknowledged.delete(key)
  while (!ledger.isOver) {
    try {
      const found = await client.range({ key: bytes(key) }, { timeoutMs: 2000 })
      if (found.kvs[0]) ledger.acknowledged.set(key, text(found.kvs[0].value))
      return
    } catch (error) {
      if (!isStoreError(error)) throw error
    }
  }
}

/** Counts up by compare and swap: no increment may be lost or done twice. */
async function countOn(client: StoreClient, ledger: Ledger, pause: () => Promise<void>) {
  const key = bytes('counter')
  while (!ledger.isOver) {
    try {
      const { kvs } = await client.range({ key }, { timeoutMs: 2000 })
      const before = kvs[0]
      const next = String(Number(before ? text(before.value) : '0') + 1)
      const compare = { key, target: 'mod' as const, operator: '=' as const, value: before?.modRevision ?? 0 }
      const result = await client.txn({ ...putOf('counter', next), compare: [compare] }, { timeoutMs: 2000 })
      if (result.succeeded) ledger.increments += 1
    } catch (error) {
      if (!isStoreError(error)) throw error
      if (error.code === 'unknown-outcome') ledger.unknownIncrements += 1
    }
    await pause()
  }
}

async function watchOn(client: StoreClient, ledger: Ledger) {
  const watch = client.watch({
    key: Uint8Array.of(0),
    rangeEnd: Uint8Array.of(0),
    startRevision: 2,
    progressNotify: true,
  })
  for (let batch = await watch.read(); batch; batch = await watch.read()) {
    for (const { kv } of batch.events) ledger.watched.push({ revision: kv.modRevision, key: text(kv.key) })
  }
}

async function breakThings(cluster: ClusterFixture, random: Random, rounds: number): Promise<void> {
  const { world, members } = cluster
  for (let round = 0; round < rounds; round += 1) {
    await world.run(300 + random.int(900))
    const victim = pick(random, members)
    if (!victim.member) await cluster.restart(victim)
    else await breakOne(cluster, victim, random)
    if (random.int(4) === 0 && members.every(({ member }) => member))
      for (const each of members) cluster.cutPower(each, BigInt(round))
  }
}

async function breakOne(cluster: ClusterFixture, victim: FixtureMember, random: Random): Promise<void> {
  const { world } = cluster
  switch (random.int(6)) {
    case 0:
      cluster.kill(victim)
      return
    case 1:
      cluster.cutPower(victim, BigInt(random.int(1000)))
      return
    case 2:
      world.pause(victim.process)
      await world.run(random.int(1500))
      world.resume(victim.process)
      return
    case 3:
    case 4:
      await cutOff(cluster, victim, random)
      return
    default:
      await cluster.settle(
        defined(victim.member, 'member')
          .transferLeadership()
          .catch(() => {}),
      )
  }
}

/** Silences links of a member for a while: from it, to it or both, to some hosts or all. */
async function cutOff(cluster: ClusterFixture, victim: FixtureMember, random: Random): Promise<void> {
  const { world } = cluster
  const { links } = world.network
  const direction = random.int(3)
  for (const host of ['m1', 'm2', 'm3', 'c1', 'c2', 'c3', 'c4']) {
    if (host === victim.name || random.int(4) === 0) continue
    if (direction !== 0) links.cut(victim.name, host)
    if (direction !== 1) links.cut(host, victim.name)
  }
  await world.run(random.int(4000))
  links.healAll()
}

/** One run of clients against a cluster that is being broken; what was found wrong, in words. */
export async function storm(seed: number, rounds: number): Promise<string | undefined> {
  const random = seededRandom(BigInt(seed)).fork('storm')
  const cluster = new ClusterFixture({
    seed: BigInt(seed),
    config: { raftTuning: { snapshotEntries: 50, catchUpEntries: 20, walSegmentBytes: 16384 } },
  })
  const { world } = cluster
  await cluster.start()
  const ledger: Ledger = {
    acknowledged: new Map(),
    increments: 0,
    unknownIncrements: 0,
    watched: [],
    isOver: false,
  }
  const clients = ['c1', 'c2', 'c3', 'c4'].map((name) => cluster.client(name))
  const [first, second, third, fourth] = clients
  const { clock } = world.startProcess({ name: 'pace', machine: world.machine('pace') }).powers
  const pause = () => new Promise<void>((resolve) => clock.setTimer(5 + random.int(20), resolve))
  const workers = [
    writeOn(defined(first, 'c1'), 1, ledger, pause),
    writeOn(defined(second, 'c2'), 2, ledger, pause),
    countOn(defined(first, 'c1'), ledger, pause),
    countOn(defined(third, 'c3'), ledger, pause),
  ]
  const watching = watchOn(defined(fourth, 'c4'), ledger)
  await breakThings(cluster, random, rounds)
  for (const member of cluster.members) if (!member.member) await cluster.restart(member)
  await world.run(4000)
  ledger.isOver = true
  await cluster.settle(Promise.all(workers))
  await world.run(3000)
  const problem = await audit(cluster, defined(third, 'c3'), ledger)
  for (const client of clients) await client.close()
  await cluster.settle(watching)
  return problem
}

async function audit(
  cluster: ClusterFixture,
  client: StoreClient,
  ledger: Ledger,
): Promise<string | undefined> {
  const { world, members } = cluster
  if (world.violations.length > 0) return JSON.stringify(world.violations)
  const all = await cluster.settle(client.range({ key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) }))
  const values = new Map(all.kvs.map((kv) => [text(kv.key), text(kv.value)]))
  for (const [key, value] of ledger.acknowledged) {
    if (values.get(key) !== value) return `${key}: acknowledged ${value}, found ${values.get(key)}`
  }
  const counted = Number(values.get('counter') ?? '0')
  if (counted < ledger.increments || counted > ledger.increments + ledger.unknownIncrements) {
    return `counter ${counted}, acknowledged ${ledger.increments}, unknown ${ledger.unknownIncrements}`
  }
  const gap = ledger.watched.findIndex(({ revision }, i) => revision !== i + 2)
  if (gap >= 0) return `watch: event ${gap} has revision ${ledger.watched[gap]?.revision}`
  if (ledger.watched.length !== all.revision - 1)
    return `watch: ${ledger.watched.length} events of ${all.revision - 1}`
  const pictures = members.map(({ member }) => pictureOf(defined(member, 'member')))
  return new Set(pictures).size === 1 ? undefined : `members differ:\n${pictures.join('\n')}`
}

function pictureOf(member: NonNullable<FixtureMember['member']>): string {
  const { state } = member.inspect.machine
  const everything = { range: { start: '', end: undefined }, limit: 0, revision: 0 }
  const { records } = state.mvcc.range({
    ...everything,
    isKeysOnly: false,
    isCountOnly: false,
    skipsCount: false,
  })
  return `${state.mvcc.revision} ${state.index}: ${records.map((record) => showKeyValue(toKeyValue(record))).join('; ')}`
}

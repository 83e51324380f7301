import fc from 'fast-check'
import t from 'tap'
import { seededRandom } from '../platform/random.ts'
import { type SimProcess, SimWorld } from '../platform/sim/index.ts'
import {
  type ConfState,
  type Entry,
  type SnapshotMeta,
  toLogIndex,
  toMemberId,
  toTerm,
} from '../raft/index.ts'
import { MemoryBackendHost } from './backend/memory/memory-backend.ts'
import type { Compare, Operation } from './client/store-client.ts'
import { bytes } from './cluster.fixture.ts'
import { type Command, encodeFrame } from './command.ts'
import { openStoreMachine } from './machine-boot.ts'
import { showKeyValue } from './mvcc/model.fixture.ts'
import { placeKey, toKeyValue } from './mvcc/record.ts'
import type { StoreMachine } from './state-machine.ts'
import { encodeTxn } from './txn/txn-codec.ts'

const confState: ConfState = {
  voters: [toMemberId('00000000000000aa')],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
}

/** One member's state on a pretended machine, fed by hand from a list of entries as from a WAL. */
class Bench {
  readonly world: SimWorld
  readonly host: MemoryBackendHost
  process: SimProcess
  machine: StoreMachine | undefined
  #lives = 0

  constructor(seed: bigint) {
    this.world = new SimWorld(seed)
    this.process = this.world.startProcess({ name: 'life', machine: this.world.machine('m') })
    // A machine of its own: a power cut must not stop the disk's timers.
    const disk = this.world.startProcess({ name: 'disk', machine: this.world.machine('disk') })
    this.host = new MemoryBackendHost({ clock: disk.powers.clock })
  }

  async open(): Promise<StoreMachine> {
    const { disk } = this.process.powers
    disk.makeDirectory('/data')
    disk.syncDirectory('/')
    this.machine = await openStoreMachine(this.process.powers, { directory: '/data', host: this.host })
    return this.machine
  }

  /** A power cut, then a new life. */
  async crash(seed: number): Promise<StoreMachine> {
    this.world.cutPower(this.process.machine)
    this.host.crash(seededRandom(BigInt(seed)))
    this.#lives += 1
    this.process = this.world.startProcess({ name: `life ${this.#lives}`, machine: this.world.machine('m') })
    return this.open()
  }

  async checkpoint(machine: StoreMachine): Promise<Error | undefined> {
    let result: { readonly error: Error | undefined } | undefined
    machine.checkpoint((error) => {
      result = { error }
    })
    await this.world.runUntil(() => result !== undefined, 1000, 1)
    return result?.error
  }
}

function entryOf(index: number, commands: readonly Command[]): Entry {
  const at = { index: toLogIndex(index), term: toTerm(1 + Math.floor(index / 10)) }
  if (commands.length === 0) return { ...at, kind: 'empty', data: new Uint8Array(0) }
  return { ...at, kind: 'normal', data: encodeFrame({ leaseClockMs: index * 100, commands }) }
}

function apply(machine: StoreMachine, entries: readonly Entry[]): void {
  machine.apply(entries.map((entry) => (entry.kind === 'empty' ? { entry, confState } : { entry })))
}

function removeAll(machine: StoreMachine, countMax: number): void {
  for (let isBusy = true; isBusy; ) isBusy = machine.removeGarbage(countMax)
}

const everything = { start: '', end: undefined }
const plain = { limit: 0, isKeysOnly: false, isCountOnly: false, skipsCount: false }

/** Everything that can be seen of a state, as text. */
function picture(machine: StoreMachine): string {
  const { mvcc, leases, members, index, term } = machine.state
  const lines = [`${index} ${term} ${mvcc.revision} ${mvcc.compactRevision} ${leases.clockMs}`]
  for (let revision = Math.max(1, mvcc.compactRevision); revision <= mvcc.revision; revision += 1) {
    const { records, count } = mvcc.range({ range: everything, revision, ...plain })
    lines.push(
      `${revision} (${count}): ${records.map((record) => showKeyValue(toKeyValue(record))).join('; ')}`,
    )
    if (revision <= mvcc.compactRevision) continue
    const { changes } = machine.changesAt(revision)
    lines.push(
      changes.map(({ key, previous }) => `${key} after ${previous?.main}/${previous?.sub}`).join('; '),
    )
  }
  lines.push(JSON.stringify(leases.list()), JSON.stringify([...members.values()]))
  lines.push(['k1', 'k2', 'k3'].map((key) => mvcc.head(key).version).join())
  for (const lease of leases.list()) lines.push(`${lease.id}: ${mvcc.keysOfLease(lease.id).join()}`)
  return lines.join('\n')
}

const key = fc.constantFrom('k1', 'k2', 'k3', 'k4').map(bytes)
const leaseId = fc.constantFrom('0000000000000001', '00000000000000ff')
const put = fc
  .tuple(key, fc.string({ maxLength: 4 }), fc.option(leaseId, { nil: undefined, freq: 4 }))
  .map(([key, value, lease]) => ({ type: 'put' as const, key, value: bytes(value), lease }))
const del = key.map((key) => ({ type: 'delete' as const, key, rangeEnd: bytes('k3') }))
const compare = fc.record({
  key,
  operator: fc.constantFrom('=' as const, '>' as const),
  target: fc.constant('value' as const),
  value: fc.string({ maxLength: 1 }).map(bytes),
})
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({
        compare: fc.array(compare, { maxLength: 1 }),
        success: fc.array(fc.oneof(put, put, del), { maxLength: 2 }),
        failure: fc.array(put, { maxLength: 1 }),
      })
      .map((request) => ({ kind: 'txn' as const, request: encodeTxn(request) })),
  },
  { weight: 1, arbitrary: leaseId.map((id) => ({ kind: 'lease-grant' as const, id, ttlMs: 1500 })) },
  { weight: 1, arbitrary: leaseId.map((id) => ({ kind: 'lease-keep-alive' as const, id })) },
  { weight: 1, arbitrary: leaseId.map((id) => ({ kind: 'lease-expire' as const, ids: [id] })) },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 1, max: 40 }).map((revision) => ({ kind: 'compact' as const, revision })),
  },
  {
    weight: 1,
    arbitrary: fc.constant({
      kind: 'announce' as const,
      member: { id: 'aa', name: 'm1', clientHost: 'h', clientPort: 1 },
    }),
  },
)

type Step =
  | { readonly do: 'apply'; readonly batches: readonly (readonly Command[])[] }
  | { readonly do: 'checkpoint' }
  | { readonly do: 'half-checkpoint' }
  | { readonly do: 'wait' }
  | { readonly do: 'garbage' }
  | { readonly do: 'crash'; readonly seed: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .array(fc.array(command, { maxLength: 2 }), { minLength: 1, maxLength: 5 })
      .map((batches) => ({ do: 'apply' as const, batches })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      { do: 'checkpoint' as const },
      { do: 'half-checkpoint' as const },
      { do: 'wait' as const },
    ),
  },
  { weight: 3, arbitrary: fc.constant({ do: 'garbage' as const }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 1e6 }).map((seed) => ({ do: 'crash' as const, seed })) },
)

async function runSteps(steps: readonly Step[]): Promise<void> {
  const wal: Entry[] = []
  const bench = new Bench(1n)
  let machine = await bench.open()
  const reference = await new Bench(2n).open()
  let promised = 0
  for (const step of steps) {
    if (step.do === 'apply') {
      const entries = step.batches.map((commands, i) => entryOf(wal.length + 1 + i, commands))
      wal.push(...entries)
      apply(machine, entries)
      apply(reference, entries)
    } else if (step.do === 'checkpoint') {
      const error = await bench.checkpoint(machine)
      if (error) throw error
      if (machine.durableIndex() !== wal.length)
        throw new Error('a checkpoint did not reach the applied index')
    } else if (step.do === 'half-checkpoint') {
      machine.checkpoint(() => {})
    } else if (step.do === 'garbage') {
      removeAll(machine, 3)
    } else if (step.do === 'wait') {
      await bench.world.run(10)
    } else {
      promised = Math.max(promised, machine.durableIndex())
      machine = await bench.crash(step.seed)
      if (machine.durableIndex() < promised) throw new Error(`durable went back to ${machine.durableIndex()}`)
      if (machine.applied().index !== machine.durableIndex()) throw new Error('applied is not the checkpoint')
      apply(machine, wal.slice(machine.applied().index))
    }
    const found = picture(machine)
    const wanted = picture(reference)
    if (found !== wanted) throw new Error(`after ${step.do}:\n${found}\ninstead of\n${wanted}`)
  }
  if (bench.world.violations.length > 0) throw new Error(JSON.stringify(bench.world.violations))
}

void t.test(
  'whatever batches a power cut takes, checkpoint and replay give the state that never crashed',
  async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 25, size: 'max' }), runSteps),
      {
        numRuns: 150,
        seed: 11,
      },
    )
    t.pass('held')
  },
)

const txnOf = (success: readonly Operation[], compare: readonly Compare[] = []): Command => ({
  kind: 'txn',
  request: encodeTxn({ compare, success, failure: [] }),
})
const putOf = (key: string, value: string) => ({ type: 'put' as const, key: bytes(key), value: bytes(value) })

void t.test(
  'a deleted key stays deleted when a power cut keeps the removal of its tombstone alone',
  async (t) => {
    for (let seed = 0; seed < 40; seed += 1) {
      const bench = new Bench(BigInt(seed))
      const machine = await bench.open()
      const remove = { type: 'delete' as const, key: bytes('k') }
      const wal = [[txnOf([putOf('k', 'v')])], [txnOf([remove])], [txnOf([putOf('m', 'v')])]]
        .concat([[{ kind: 'compact' as const, revision: 4 }]])
        .map((commands, i) => entryOf(i + 1, commands))
      apply(machine, wal)
      const wanted = picture(machine)
      await bench.checkpoint(machine)
      removeAll(machine, 1)
      const again = await bench.crash(seed)
      apply(again, wal.slice(again.applied().index))
      if (picture(again) !== wanted) t.equal(picture(again), wanted, `seed ${seed}`)
    }
    t.pass('held')
  },
)

void t.test('nothing that a replay reads is removed before a checkpoint covers the compaction', async (t) => {
  const bench = new Bench(1n)
  const machine = await bench.open()
  const wal = [entryOf(1, [txnOf([putOf('k', '1')])])]
  apply(machine, wal)
  await bench.checkpoint(machine)
  const isOne = { key: bytes('k'), target: 'value' as const, operator: '=' as const, value: bytes('1') }
  const later = [[txnOf([putOf('m', '1')], [isOne])], [txnOf([putOf('k', '2')])]]
  wal.push(...later.map((commands, i) => entryOf(i + 2, commands)))
  wal.push(entryOf(4, [{ kind: 'compact', revision: 4 }]))
  apply(machine, wal.slice(1))
  const wanted = picture(machine)
  t.equal(machine.removeGarbage(10), false)
  bench.host.kill()
  const again = await bench.open()
  apply(again, wal.slice(again.applied().index))
  t.equal(picture(again), wanted)
})

async function filled(
  seed: bigint,
): Promise<{ readonly bench: Bench; readonly machine: StoreMachine; readonly wal: Entry[] }> {
  const bench = new Bench(seed)
  const machine = await bench.open()
  const wal: Entry[] = [entryOf(1, [])]
  for (let i = 2; i < 60; i += 1) {
    const puts = [0, 1].map((j) => ({
      type: 'put' as const,
      key: bytes(`k${(i + j) % 9}`),
      value: bytes(`v${i}`),
    }))
    wal.push(entryOf(i, [{ kind: 'txn', request: encodeTxn({ compare: [], success: puts, failure: [] }) }]))
  }
  wal.push(entryOf(60, [{ kind: 'lease-grant', id: '00000000000000ff', ttlMs: 5000 }]))
  wal.push(entryOf(61, [{ kind: 'compact', revision: 30 }]))
  apply(machine, wal)
  return { bench, machine, wal }
}

function snapshotBytes(machine: StoreMachine): Uint8Array {
  const reader = machine.openSnapshot()
  const chunks: number[] = []
  for (let chunk = reader.read(300); chunk; chunk = reader.read(300)) chunks.push(...chunk)
  reader.close()
  return Uint8Array.from(chunks)
}

function metaOf(machine: StoreMachine): SnapshotMeta {
  const { index, term } = machine.state
  return { index, term, confState }
}

async function install(
  bench: Bench,
  machine: StoreMachine,
  meta: SnapshotMeta,
  stream: Uint8Array,
  chunk: number,
) {
  const writer = machine.beginInstall(meta)
  for (let at = 0; at < stream.length; at += chunk) writer.write(stream.slice(at, at + chunk))
  let result: { readonly error: Error | undefined } | undefined
  writer.finish((error) => {
    result = { error }
  })
  await bench.world.runUntil(() => result !== undefined, 1000, 1)
  return result
}

void t.test(
  'a snapshot in chunks of any size gives another member the same state, also after a crash',
  async (t) => {
    const { machine: from } = await filled(1n)
    const stream = snapshotBytes(from)
    for (const chunk of [1, 7, 300, 100_000]) {
      const bench = new Bench(2n)
      const machine = await bench.open()
      apply(machine, [entryOf(1, [])])
      t.same(await install(bench, machine, metaOf(from), stream, chunk), { error: undefined })
      t.equal(picture(machine), picture(from))
      const again = await bench.crash(chunk)
      t.equal(picture(again), picture(from))
      t.same(await bench.host.list(), ['db-2'])
    }
  },
)

void t.test('a snapshot read while writes and compaction go on holds the state of its opening', async (t) => {
  const { machine, wal } = await filled(1n)
  const wanted = picture(machine)
  const reader = machine.openSnapshot()
  const { meta } = reader
  const chunks: number[] = [...(reader.read(100) ?? [])]
  const more = [entryOf(62, [{ kind: 'compact', revision: 55 }])]
  apply(machine, more)
  wal.push(...more)
  for (let chunk = reader.read(100); chunk; chunk = reader.read(100)) chunks.push(...chunk)
  const bench = new Bench(3n)
  const other = await bench.open()
  const result = await install(bench, other, meta, Uint8Array.from(chunks), 64)
  t.same(result, { error: undefined })
  t.equal(picture(other), wanted)
})

void t.test(
  'a snapshot with any byte changed, missing or repeated is refused, and the old state stands',
  async (t) => {
    const { machine: from } = await filled(1n)
    const stream = snapshotBytes(from)
    const spoilt = [0, 1, 5, 9, 40, 300, stream.length - 1].map((at) => {
      const copy = stream.slice()
      copy[at] = (copy[at] ?? 0) ^ 0x10
      return copy
    })
    spoilt.push(
      stream.slice(0, -1),
      stream.slice(0, 700),
      new Uint8Array(0),
      Uint8Array.from([...stream, ...stream]),
    )
    for (const each of spoilt) {
      const bench = new Bench(2n)
      const machine = await bench.open()
      apply(machine, [entryOf(1, [])])
      const before = picture(machine)
      const result = await install(bench, machine, metaOf(from), each, 256)
      t.match(result?.error, { code: 'corrupt' })
      t.equal(picture(machine), before)
      const again = await bench.crash(1)
      t.same(await bench.host.list(), ['db-1'])
      t.equal(again.applied().index, 0)
    }
  },
)

void t.test('a crash in the middle of an install leaves the old state', async (t) => {
  const { machine: from } = await filled(1n)
  const stream = snapshotBytes(from)
  const bench = new Bench(2n)
  const machine = await bench.open()
  apply(machine, [entryOf(1, [])])
  await bench.checkpoint(machine)
  const before = picture(machine)
  const { index, term } = from.state
  const writer = machine.beginInstall({ index, term, confState })
  writer.write(stream)
  await bench.world.run(1)
  writer.finish(() => {})
  const again = await bench.crash(5)
  t.equal(picture(again), before)
  t.same(await bench.host.list(), ['db-1'])
})

void t.test(
  'a flipped bit in a stored record stops the member at its next start, naming record and remedy',
  async (t) => {
    const { bench, machine } = await filled(1n)
    await bench.checkpoint(machine)
    t.ok(bench.host.harm('r', seededRandom(3n)))
    bench.host.kill()
    await t.rejects(bench.open(), {
      code: 'corrupt',
      message: /reading revision .* from \/data\/db-1: .*remove this member/,
    })
  },
)

void t.test('a flipped bit met while serving stops the member rather than be served', async (t) => {
  const { bench, machine, wal } = await filled(1n)
  await bench.checkpoint(machine)
  bench.host.kill()
  const again = await bench.open()
  apply(again, wal.slice(again.applied().index))
  const place = [...again.state.mvcc.places().inOrder()].at(-1)
  again.backend.write([{ key: placeKey(place ?? { main: 2, sub: 0 }), value: bytes('x'.repeat(80)) }])
  t.throws(() => picture(again), { code: 'corrupt' })
  t.match(bench.world.violations, [{ message: /fatal.*checksum/ }])
})

void t.test('a data directory whose checkpoint is gone from the backend is refused', async (t) => {
  const { bench, machine } = await filled(1n)
  await bench.checkpoint(machine)
  bench.host.wipe()
  await t.rejects(bench.open(), { code: 'corrupt', message: /db-1, which is missing/ })
})

void t.test('a checkpoint on a full disk fails and the next one, with room, succeeds', async (t) => {
  const { bench, machine } = await filled(1n)
  bench.host.setFull(true)
  t.match(await bench.checkpoint(machine), { code: 'no-space' })
  t.equal(machine.durableIndex(), 0)
  bench.host.setFull(false)
  t.equal(await bench.checkpoint(machine), undefined)
  t.equal(machine.durableIndex(), 61)
})

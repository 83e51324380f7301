import fc from 'fast-check'
import t from 'tap'
import { assert } from '../../platform/assert.ts'
import { crc32c } from '../../platform/crc32c.ts'
import type { Disk } from '../../platform/disk.ts'
import { type Random, seededRandom } from '../../platform/random.ts'
import { type SimMachine, SimWorld } from '../../platform/sim/index.ts'
import type { Entry, HardState } from '../types.ts'
import { toLogIndex, toMemberId, toTerm } from '../types.ts'
import { frameAt, segmentHeaderBytes } from './frame.ts'
import type { RecoveredWal } from './recovery.ts'
import { recoverWal, segmentPath, WalError } from './recovery.ts'
import { Wal } from './wal.ts'

// On a busy machine the storms take longer than tap waits by default.
t.setTimeout(240_000)

const directory = '/data/wal'
const owner = crc32c(new TextEncoder().encode('c0ffee/0000000000000001'))

function entry(index: number, term: number, text = `entry ${index} of term ${term}`): Entry {
  return {
    index: toLogIndex(index),
    term: toTerm(term),
    kind: 'normal',
    data: new TextEncoder().encode(text),
  }
}

function hard(term: number, vote?: string): HardState {
  return {
    term: toTerm(term),
    vote: vote === undefined ? undefined : toMemberId(vote),
    commitIndex: toLogIndex(0),
  }
}

/** A WAL in a simulated world, with what its user remembers of it. */
class Bench {
  readonly world: SimWorld
  readonly machine: SimMachine
  readonly segmentBytes: number
  wal: Wal
  disk: Disk
  durable = 0
  error: Error | undefined
  #sequence = 0
  #kill: () => void

  constructor(seed: bigint, segmentBytes = 4096) {
    this.world = new SimWorld(seed)
    this.machine = this.world.machine('m1')
    this.segmentBytes = segmentBytes
    const opened = this.#open()
    this.wal = opened.wal
    this.disk = opened.disk
    this.#kill = opened.kill
  }

  #open(): { wal: Wal; disk: Disk; kill: () => void } {
    const process = this.world.startProcess({ name: 'm1', machine: this.machine })
    const { disk, clock, random } = process.powers
    const wal = new Wal({
      disk,
      clock,
      random,
      directory,
      clusterId: 'c0ffee',
      memberId: '0000000000000001',
      segmentBytes: this.segmentBytes,
      onDurable: (sequence) => {
        this.durable = sequence
      },
      onError: (error) => {
        this.error = error
      },
    })
    return { wal, disk, kill: () => this.world.cutPower(this.machine) }
  }

  /** Appends one hand-over; returns its sequence. */
  append(entries: readonly Entry[], prevTerm = 0, hardState?: HardState): number {
    this.#sequence += 1
    this.wal.append({ sequence: this.#sequence, hardState, prevTerm: toTerm(prevTerm), entries })
    return this.#sequence
  }

  async settle(): Promise<void> {
    this.wal.flush()
    const target = this.#sequence
    await this.world.runUntil(() => this.durable >= target || this.error !== undefined, 1000, 1)
  }

  /** The power fails, and comes back. */
  powerCycle(): void {
    this.#kill()
    this.#sequence = 0
    this.durable = 0
    const opened = this.#open()
    this.wal = opened.wal
    this.disk = opened.disk
    this.#kill = opened.kill
  }

  /** The process ends in order and starts again. */
  restart(): void {
    this.wal.close()
    this.powerCycle()
  }
}

/** Reads segments given as bytes, as recovery would find them on a disk. */
function recoverFrom(segments: ReadonlyMap<string, Uint8Array>): RecoveredWal | undefined {
  const world = new SimWorld(1n)
  const { disk } = world.startProcess({ name: 'm1', machine: world.machine('m1') }).powers
  for (const [path, bytes] of segments) disk.open(path, { create: true }).write(bytes, 0)
  return recoverWal(disk, directory, owner)
}

function indexesOf(recovered: RecoveredWal | undefined): readonly number[] {
  return recovered ? recovered.entries.map(({ index }) => index) : []
}

/** The bytes of a WAL with one frame per entry, and where each frame ends. */
async function sample(count: number): Promise<{ path: string; bytes: Uint8Array; ends: number[] }> {
  const bench = new Bench(1n)
  const ends: number[] = []
  const path = segmentPath(directory, 1)
  for (let i = 1; i <= count; i += 1) {
    bench.append([entry(i, 1)], i === 1 ? 0 : 1, hard(1, '0000000000000001'))
    await bench.settle()
    ends.push(recoverFrom(new Map([[path, bench.disk.readFile(path)]]))?.tail.position ?? 0)
  }
  return { path, bytes: bench.disk.readFile(path), ends }
}

void t.test('what was synced is there after a power cut', async (t) => {
  const bench = new Bench(3n)
  bench.append([entry(1, 1), entry(2, 1)], 0, hard(1, '0000000000000001'))
  await bench.settle()
  bench.append([{ ...entry(3, 2), kind: 'empty', data: new Uint8Array(0) }], 1, hard(2))
  await bench.settle()
  bench.powerCycle()
  const { recovered } = bench.wal
  t.same(recovered?.hardState, hard(2))
  t.same(
    recovered?.entries.map(({ index, term, kind }) => [index, term, kind]),
    [
      [1, 1, 'normal'],
      [2, 1, 'normal'],
      [3, 2, 'empty'],
    ],
  )
  t.equal(new TextDecoder().decode(recovered?.entries[1]?.data), 'entry 2 of term 1')
})

void t.test('entries replace what the log held from their first index on', async (t) => {
  const bench = new Bench(4n)
  bench.append([entry(1, 1), entry(2, 1), entry(3, 1)])
  await bench.settle()
  bench.append([entry(2, 2)], 1)
  await bench.settle()
  bench.restart()
  t.same(
    bench.wal.recovered?.entries.map(({ index, term }) => [index, term]),
    [
      [1, 1],
      [2, 2],
    ],
  )
})

void t.test('appends that arrive during a sync share the next one', async (t) => {
  const bench = new Bench(5n)
  bench.append([entry(1, 1)])
  await bench.settle()
  const before = bench.wal.latencies.count
  bench.append([entry(2, 1)], 1)
  bench.wal.flush()
  for (let i = 3; i <= 50; i += 1) {
    bench.append([entry(i, 1)], 1)
    bench.wal.flush()
  }
  await bench.settle()
  t.equal(bench.wal.latencies.count - before, 2, '49 appends, two syncs')
  bench.restart()
  t.equal(bench.wal.recovered?.entries.length, 50)
})

void t.test(
  'torn at any byte, the WAL keeps exactly the frames before the tear; a shortened file is refused',
  async (t) => {
    const { path, bytes, ends } = await sample(6)
    let checked = 0
    for (let cut = segmentHeaderBytes; cut <= bytes.length && cut <= (ends.at(-1) ?? 0) + 16; cut += 1) {
      const whole = ends.filter((end) => cut >= end - 7 && isWhole(bytes, end, cut)).length
      // The file had its size before its first frame: one that ends at the cut has lost what stood there.
      const shortened = new Map([[path, bytes.slice(0, cut)]])
      if (bytes.subarray(segmentHeaderBytes, cut).some((byte) => byte !== 0)) {
        t.throws(() => recoverFrom(shortened), {
          code: 'E_WAL_CORRUPT',
          message: /what stood after that is lost/,
        })
      }
      const zeroed = bytes.slice()
      zeroed.fill(0, cut)
      const sized = recoverFrom(new Map([[path, zeroed]]))
      assert(
        indexesOf(sized).join() === range(whole).join(),
        () => `torn at ${cut}: found ${indexesOf(sized).join()}, expected 1..${whole}`,
      )
      checked += 1
    }
    t.ok(checked > 250, `${checked} tears`)
  },
)

/** Whether all meaningful bytes of the frame that ends at `end` (padding aside) lie before `cut`. */
function isWhole(bytes: Uint8Array, end: number, cut: number): boolean {
  for (let at = cut; at < end; at += 1) if (bytes[at] !== 0) return false
  return true
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i + 1)
}

void t.test('a torn last frame is cut, whatever bytes it left behind', async (t) => {
  const { path, bytes, ends } = await sample(4)
  const random = seededRandom(9n)
  const start = ends[2] ?? 0
  for (let i = 0; i < 200; i += 1) {
    const torn = bytes.slice()
    torn.set(random.bytes(1 + random.int(60)), start + random.int(40))
    const recovered = recoverFrom(new Map([[path, torn]]))
    assert([3, 4].includes(indexesOf(recovered).length), () => `found ${indexesOf(recovered).join()}`)
  }
  t.pass('3 frames or 4, never an error')
})

void t.test('a flipped bit before the last frame is damage: refused, with file and byte', async (t) => {
  const { path, bytes, ends } = await sample(5)
  const lastStart = ends[3] ?? 0
  let refused = 0
  for (let at = 0; at < lastStart; at += 1) {
    const flipped = bytes.slice()
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
    const outcome = outcomeOf(() => recoverFrom(new Map([[path, flipped]])))
    if (outcome instanceof WalError) {
      refused += 1
      assert(outcome.message.includes(path) && outcome.message.includes('byte'), outcome.message)
    } else {
      // Only padding between frames may be flipped without harm.
      assert(
        indexesOf(outcome).length === 5,
        () => `flip at ${at}: silently found ${indexesOf(outcome).join()}`,
      )
    }
  }
  t.ok(refused > lastStart * 0.9, `${refused} of ${lastStart} flips refused`)
})

function outcomeOf(work: () => RecoveredWal | undefined): RecoveredWal | undefined | WalError {
  try {
    return work()
  } catch (error) {
    if (error instanceof WalError) return error
    throw error
  }
}

void t.test('a damaged frame in an earlier segment is refused even when it is the last there', async (t) => {
  const bench = new Bench(6n, 512)
  for (let i = 1; i <= 30; i += 1) {
    bench.append([entry(i, 1)], i === 1 ? 0 : 1)
    await bench.settle()
  }
  bench.wal.close()
  const [first = ''] = bench.wal.segmentPaths()
  const segments = new Map(bench.wal.segmentPaths().map((path) => [path, bench.disk.readFile(path)]))
  t.ok(segments.size > 2)
  const end = recoverFrom(new Map([[first, segments.get(first) ?? new Uint8Array()]]))?.tail.position ?? 0
  const damaged = segments.get(first)?.slice() ?? new Uint8Array()
  damaged[end - 12] = (damaged[end - 12] ?? 0) ^ 1
  t.throws(() => recoverFrom(new Map([...segments, [first, damaged]])), { code: 'E_WAL_CORRUPT' })
})

void t.test('a frame missing at the end of an earlier segment is noticed by the chain', async (t) => {
  const bench = new Bench(13n, 512)
  for (let i = 1; i <= 30; i += 1) {
    bench.append([entry(i, 1)], i === 1 ? 0 : 1)
    await bench.settle()
  }
  const paths = bench.wal.segmentPaths()
  const segments = new Map(paths.map((path) => [path, bench.disk.readFile(path)]))
  const shortened = segments.get(paths[0] ?? '')?.slice() ?? new Uint8Array()
  // The last frame of the first segment becomes zeros, as if it had never been written.
  const frames = [segmentHeaderBytes]
  const { salt } = recoverFrom(segments)?.segments[0]?.header ?? { salt: 0 }
  for (
    let frame = frameAt(shortened, frames.at(-1) ?? 0, salt);
    frame;
    frame = frameAt(shortened, frame.end, salt)
  ) {
    frames.push(frame.end)
  }
  shortened.fill(0, frames.at(-2))
  t.throws(() => recoverFrom(new Map([...segments, [paths[0] ?? '', shortened]])), {
    code: 'E_WAL_CORRUPT',
    message: /does not continue/,
  })
})

void t.test('a missing segment, a foreign one and a newer version are told apart', async (t) => {
  const bench = new Bench(7n, 512)
  for (let i = 1; i <= 30; i += 1) {
    bench.append([entry(i, 1)], i === 1 ? 0 : 1)
    await bench.settle()
  }
  const paths = bench.wal.segmentPaths()
  const segments = new Map(paths.map((path) => [path, bench.disk.readFile(path)]))
  const without = new Map(segments)
  without.delete(paths[1] ?? '')
  t.throws(() => recoverFrom(without), { code: 'E_WAL_CORRUPT', message: /segment 2 before .* is missing/ })
  t.throws(() => recoverWal(bench.disk, directory, owner + 1), { code: 'E_WAL_FOREIGN' })
  const newer = segments.get(paths[0] ?? '')?.slice() ?? new Uint8Array()
  newer[8] = 9
  new DataView(newer.buffer).setUint32(28, crc32c(newer.subarray(0, 28)), true)
  t.throws(() => recoverFrom(new Map([...segments, [paths[0] ?? '', newer]])), { code: 'E_WAL_VERSION' })
})

void t.test('released segments go, and what is left stands alone', async (t) => {
  const bench = new Bench(8n, 512)
  for (let i = 1; i <= 60; i += 1) {
    bench.append([entry(i, 1)], i === 1 ? 0 : 1, i === 1 ? hard(1, '0000000000000003') : undefined)
    await bench.settle()
  }
  const before = bench.wal.segmentPaths().length
  bench.wal.release(toLogIndex(40))
  t.ok(bench.wal.segmentPaths().length < before)
  bench.restart()
  const { recovered } = bench.wal
  t.ok(recovered && recovered.offset.index <= 40 && recovered.offset.index > 20, `${recovered?.offset.index}`)
  t.equal(recovered?.offset.term, 1)
  t.equal(recovered?.entries.at(-1)?.index, 60)
  t.equal(recovered?.hardState.vote, '0000000000000003', 'a vote outlives the segment that it was written to')
})

void t.test('a frame larger than a segment gets a segment of its own size', async (t) => {
  const bench = new Bench(10n, 512)
  bench.append([entry(1, 1, 'x'.repeat(10_000))])
  await bench.settle()
  bench.append([entry(2, 1, 'y'.repeat(3000))], 1)
  await bench.settle()
  bench.restart()
  t.same(
    bench.wal.recovered?.entries.map(({ data }) => data.length),
    [10_000, 3000],
  )
})

void t.test('a full disk ends the member with a message that says what to do', async (t) => {
  const bench = new Bench(11n, 512)
  bench.append([entry(1, 1)])
  await bench.settle()
  bench.machine.disk.faults.freeBytes = 0
  bench.append([entry(2, 1, 'z'.repeat(2000))], 1)
  await bench.settle()
  t.match(bench.error, { code: 'E_WAL_FAILED', message: /ENOSPC.*free space/ })
})

/** What a user of the WAL knows: the log as handed over, and how much of it is durable. */
class Model {
  entries: Entry[] = []
  hardState = hard(0)
  #handed: {
    readonly sequence: number
    readonly entries: readonly Entry[]
    readonly hardState: HardState
  }[] = []

  append(sequence: number): void {
    this.#handed.push({ sequence, entries: [...this.entries], hardState: this.hardState })
  }

  /** After a crash the WAL must be at one of the states from the last durable one on. */
  matches(recovered: RecoveredWal | undefined, durable: number): boolean {
    const candidates = this.#handed.filter(({ sequence }) => sequence >= durable)
    const fresh = { sequence: 0, entries: [], hardState: hard(0) }
    const states = durable === 0 ? [fresh, ...this.#base(), ...candidates] : candidates
    const found = states.find(
      ({ entries, hardState }) =>
        JSON.stringify(keysOf(entries)) === JSON.stringify(keysOf(recovered?.entries ?? [])) &&
        hardState.term === (recovered?.hardState.term ?? 0) &&
        hardState.vote === recovered?.hardState.vote,
    )
    if (!found) return false
    this.entries = [...found.entries]
    this.hardState = found.hardState
    this.#start = { sequence: 0, entries: this.entries, hardState: this.hardState }
    this.#handed = []
    return true
  }

  #start: { sequence: number; entries: readonly Entry[]; hardState: HardState } | undefined
  #base(): readonly { sequence: number; entries: readonly Entry[]; hardState: HardState }[] {
    return this.#start ? [this.#start] : []
  }
}

function keysOf(entries: readonly Entry[]): readonly string[] {
  return entries.map(({ index, term, data }) => `${index}/${term}/${data.length}`)
}

/** One life: random appends, some replacing a suffix, at random moments. */
async function live(bench: Bench, model: Model, random: Random): Promise<void> {
  for (let i = random.int(30); i >= 0; i -= 1) {
    const keep = random.int(4) === 0 ? random.int(model.entries.length + 1) : model.entries.length
    const term = (model.entries[keep - 1]?.term ?? 0) + (keep < model.entries.length ? 1 : random.int(2))
    const count = random.int(4)
    const added = Array.from({ length: count }, (_, k) =>
      entry(keep + 1 + k, term, 'v'.repeat(random.int(200))),
    )
    if (count > 0) model.entries = [...model.entries.slice(0, keep), ...added]
    if (random.int(3) === 0) model.hardState = hard(model.hardState.term + 1, String(random.int(3)))
    const prevTerm = model.entries[keep - 1]?.term ?? 0
    model.append(bench.append(added, prevTerm, model.hardState))
    if (random.int(3) > 0) bench.wal.flush()
    await bench.world.run(random.int(2) * random.float() * 3)
  }
}

void t.test(
  'in any order of appends, syncs and power cuts, nothing durable is lost and nothing is made up',
  async (t) => {
    let lives = 0
    await fc.assert(
      fc.asyncProperty(fc.bigInt({ min: 0n, max: (1n << 40n) - 1n }), async (seed) => {
        const random = seededRandom(seed)
        const bench = new Bench(seed, 700)
        const model = new Model()
        for (let life = 0; life < 4; life += 1) {
          await live(bench, model, random)
          assert(bench.error === undefined, () => `the WAL failed: ${bench.error?.message}`)
          const { durable } = bench
          bench.powerCycle()
          const { recovered } = bench.wal
          assert(
            model.matches(recovered, durable),
            () => `after write ${durable} was durable: found ${indexesOf(recovered).join()}`,
          )
          lives += 1
        }
      }),
      { numRuns: 300 },
    )
    t.equal(lives, 1200)
  },
)

import t from 'tap'
import type { ConfState, LogPosition } from '../types.ts'
import { toLogIndex, toMemberId, toTerm } from '../types.ts'
import type { RecoveredWal } from '../wal/recovery.ts'
import { reconcile } from './boot.ts'
import { Checkpoints } from './checkpoints.ts'
import { HeldPromises } from './held-promises.ts'
import { completeTuning } from './tuning.ts'

const at = (index: number, term: number): LogPosition => ({ index: toLogIndex(index), term: toTerm(term) })
const voters = [toMemberId('1')]

function wal(options: {
  offset: LogPosition
  terms: readonly number[]
  marker?: LogPosition
  commit?: number
}): RecoveredWal {
  const { offset, terms, marker, commit = 0 } = options
  const entries = terms.map((term, i) => {
    return { ...at(offset.index + 1 + i, term), kind: 'normal' as const, data: new Uint8Array(0) }
  })
  const hardState = { term: toTerm(9), vote: undefined, commitIndex: toLogIndex(commit) }
  return {
    hardState,
    offset,
    entries,
    marker,
    segments: [],
    tail: { position: 0, ordinal: 0, crc: 0 },
    cutBytes: 0,
  }
}

function boot(recovered: RecoveredWal | undefined, applied: LogPosition, confState?: ConfState) {
  return reconcile({ recovered, applied: { ...applied, confState }, voters, directory: '/d' })
}

void t.test('a new member starts from nothing, with the membership that it was told', async (t) => {
  t.match(boot(undefined, at(0, 0)), { appliedIndex: 0, confState: { voters: ['1'] } })
})

void t.test('applied within the log: the log stands, the rest is applied later', async (t) => {
  const stored = {
    voters: [toMemberId('7')],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  }
  const restored = boot(wal({ offset: at(5, 1), terms: [1, 2, 2] }), at(6, 1), stored)
  t.match(restored, { appliedIndex: 6, offset: at(5, 1), confState: stored })
  t.equal(restored.entries.length, 3)
})

void t.test('a snapshot was installed before the log had begun anew: it begins at the marker', async (t) => {
  const beyond = boot(wal({ offset: at(5, 1), terms: [1, 2], marker: at(20, 4) }), at(20, 4))
  t.match(beyond, { offset: at(20, 4), entries: [] })
  const conflicting = boot(wal({ offset: at(5, 1), terms: [1, 1, 1], marker: at(7, 3) }), at(7, 3))
  t.match(conflicting, { offset: at(7, 3), entries: [] })
})

void t.test('a snapshot that was announced and not installed changes nothing', async (t) => {
  t.match(boot(wal({ offset: at(5, 1), terms: [1, 2], marker: at(20, 4) }), at(6, 1)), { offset: at(5, 1) })
})

void t.test('a state machine that the log does not reach, or not any more, is refused', async (t) => {
  const log = wal({ offset: at(5, 1), terms: [1, 2] })
  t.throws(() => boot(log, at(8, 2)), {
    code: 'E_WAL_BEHIND',
    message: /applied entry 8, but the WAL ends at 7/,
  })
  t.throws(() => boot(log, at(4, 1)), {
    code: 'E_WAL_BEHIND',
    message: /only entry 4, but the WAL begins after 5/,
  })
  t.throws(() => boot(log, at(7, 1)), { code: 'E_WAL_BEHIND', message: /another term/ })
  t.throws(() => boot(undefined, at(1, 1)), { code: 'E_WAL_BEHIND', message: /there is no WAL/ })
})

void t.test('promises leave in order, each when its write is durable', async (t) => {
  const held = new HeldPromises()
  const promise = (name: string) => [
    { type: 'stale-term' as const, from: toMemberId(name), to: toMemberId('2'), term: toTerm(1) },
  ]
  t.equal(held.hold(0, promise('a')).length, 1, 'nothing to wait for')
  t.equal(held.hold(2, promise('b')).length, 0)
  t.equal(held.hold(3, promise('c')).length, 0)
  t.same(held.release(1), [])
  t.same(
    held.release(3).map(({ from }) => from),
    ['b', 'c'],
  )
  t.equal(held.hold(3, promise('d')).length, 1)
})

void t.test(
  'the log is released up to what is durable, less the catch-up, and not past a snapshot under way',
  async (t) => {
    let durable = 0
    let stream = Number.MAX_SAFE_INTEGER
    let logBytes = 0
    let before = 0
    const released: number[] = []
    const asked: ((error: Error | undefined) => void)[] = []
    const checkpoints = new Checkpoints({
      snapshotEntries: 100,
      snapshotBytes: 1000,
      catchUpEntries: 50,
      catchUpBytes: 1000,
      log: {
        get bytes() {
          return logBytes
        },
        indexBefore: () => toLogIndex(before),
      },
      durableIndex: () => toLogIndex(durable),
      oldestStreamIndex: () => toLogIndex(stream),
      checkpoint: (done) => void asked.push(done),
      release: (index) => void released.push(index),
      onError: () => released.push(-1),
    })
    checkpoints.applied(toLogIndex(99))
    t.equal(asked.length, 0)
    checkpoints.applied(toLogIndex(100))
    checkpoints.applied(toLogIndex(250))
    t.equal(asked.length, 1, 'one at a time')
    durable = 100
    asked[0]?.(undefined)
    t.same(released, [50])
    stream = 60
    checkpoints.applied(toLogIndex(300))
    durable = 300
    asked[1]?.(undefined)
    t.same(released, [50, 60])
    checkpoints.applied(toLogIndex(400))
    asked[2]?.(new Error('disk'))
    t.same(released, [50, 60, -1], 'after a failure the log stays')
    // A few large entries do as well as many small ones.
    stream = Number.MAX_SAFE_INTEGER
    logBytes = 1000
    before = 405
    durable = 410
    checkpoints.applied(toLogIndex(410))
    asked[3]?.(undefined)
    t.equal(released.at(-1), 405, 'and the last 50 entries go too when they weigh too much')
  },
)

void t.test('tuning that cannot work is refused', async (t) => {
  t.throws(
    () => completeTuning({ heartbeatMs: 100, electionTimeoutMs: 200 }),
    /at least three times heartbeatMs/,
  )
  t.throws(
    () => completeTuning({ walSegmentBytes: 0 }),
    /walSegmentBytes: expected a positive number, found 0/,
  )
})

import t from 'tap'
import { toLogIndex } from '../types.ts'
import { Inflights } from './inflights.ts'
import { Progress } from './progress.ts'

const index = toLogIndex

function progress(nextIndex: number): Progress {
  return new Progress({ nextIndex: index(nextIndex), nowMs: 0, limits: { messagesMax: 2, bytesMax: 100 } })
}

function sent(p: Progress, lastIndex: number, sizeBytes = 1): void {
  p.sent({ lastIndex: index(lastIndex), sizeBytes, commitIndex: index(0) })
}

void t.test('a probing peer gets one append, then none until it answers', async (t) => {
  const p = progress(10)
  t.equal(p.isPaused, false)
  sent(p, 12)
  t.equal(p.isPaused, true)
  t.equal(p.nextIndex, 10, 'what it will accept is not known')
  p.accepted(index(12), index(1))
  t.same([p.state, p.matchIndex, p.nextIndex, p.isPaused], ['replicate', 12, 13, false])
})

void t.test('a replicating peer is sent ahead, up to the inflight limit', async (t) => {
  const p = progress(1)
  p.accepted(index(0), index(1))
  sent(p, 1)
  sent(p, 2)
  t.same([p.nextIndex, p.isPaused], [3, true])
  p.accepted(index(1), index(1))
  t.same([p.matchIndex, p.isPaused], [1, false])
})

void t.test('a rejection moves a probe back, never below what is certain', async (t) => {
  const p = progress(10)
  sent(p, 12)
  t.equal(p.rejected(index(5), index(3)), false, 'an old rejection is ignored')
  t.equal(p.rejected(index(9), index(6)), true)
  t.same([p.nextIndex, p.isPaused], [7, false])
  p.accepted(index(6), index(1))
  sent(p, 8)
  t.equal(p.rejected(index(6), index(2)), false, 'what was accepted cannot be rejected')
  t.equal(p.rejected(index(8), index(2)), true)
  t.same([p.state, p.nextIndex], ['probe', 7])
})

void t.test('a probe moves back at least one step for each rejection', async (t) => {
  const p = progress(5)
  sent(p, 5)
  p.rejected(index(4), index(4))
  t.equal(p.nextIndex, 4)
})

void t.test('a peer that needs a snapshot gets nothing else until that has ended', async (t) => {
  const p = progress(5)
  p.becomeSnapshot(index(20))
  t.same([p.state, p.isPaused, p.nextIndex], ['snapshot', true, 21])
  p.nudge()
  t.equal(p.isNudged, false)
  p.snapshotEnded(true)
  t.same([p.state, p.isPaused, p.nextIndex], ['probe', false, 21])
  p.becomeSnapshot(index(30))
  p.snapshotEnded(false)
  t.same(
    [p.state, p.isPaused, p.nextIndex],
    ['probe', true, 1],
    'and after a failure it waits for a heartbeat',
  )
})

void t.test(
  'an ack alone takes a peer out of the snapshot state, also when the snapshot was older than noted',
  async (t) => {
    const p = progress(5)
    p.becomeSnapshot(index(20))
    p.accepted(index(15), index(19))
    t.equal(p.state, 'snapshot', 'entries 16 to 18 are compacted')
    p.accepted(index(18), index(19))
    t.same([p.state, p.nextIndex], ['replicate', 19])
  },
)

void t.test('an old ack moves nothing', async (t) => {
  const p = progress(1)
  p.accepted(index(7), index(1))
  t.equal(p.accepted(index(3), index(1)), false)
  t.same([p.matchIndex, p.nextIndex], [7, 8])
  p.becomeProbe()
  sent(p, 8)
  p.accepted(index(3), index(1))
  t.same([p.state, p.isPaused], ['probe', true])
})

void t.test(
  'inflight appends are bounded by count and by bytes, and an ack frees all before it',
  async (t) => {
    const inflights = new Inflights({ messagesMax: 3, bytesMax: 10 })
    inflights.add(index(1), 4)
    inflights.add(index(2), 7)
    t.same(
      [inflights.isFull, inflights.bytes],
      [true, 11],
      'full by bytes; a single large one may exceed them',
    )
    t.throws(() => inflights.add(index(3), 1), /beyond the limit/)
    inflights.freeTo(index(1))
    t.same([inflights.isFull, inflights.count, inflights.bytes], [false, 1, 7])
    inflights.add(index(4), 1)
    inflights.add(index(5), 1)
    t.equal(inflights.isFull, true, 'full by count')
    inflights.freeTo(index(9))
    t.same([inflights.count, inflights.bytes], [0, 0])
  },
)

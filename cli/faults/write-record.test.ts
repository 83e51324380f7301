import t from 'tap'
import { compareWithStored, figuresOf, isFlowing, type WriteRecord } from './write-record.ts'

/** Writes every 20 ms from 0 on; `ackOf` says when each is acknowledged. */
function writes(count: number, ackOf: (sentMs: number) => number | undefined): readonly WriteRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const sentMs = index * 20
    const ackedMs = ackOf(sentMs)
    return { sequence: index + 1, sentMs, ackedMs, error: ackedMs === undefined ? 'timeout' : undefined }
  })
}

void t.test('the failover lasts from the fault to the end of the silence', async (t) => {
  // The leader dies at 200; writes sent from then on are all acknowledged at 550 or 2 ms after they were sent.
  const records = writes(60, (sentMs) => (sentMs < 200 ? sentMs + 2 : Math.max(550, sentMs + 2)))
  const figures = figuresOf(records, 200)
  t.equal(figures.failoverMs, 350)
  t.equal(figures.delayed, 13, 'those sent from 200 to 440 waited longer than 100 ms')
  t.equal(figures.failed, 0)
})

void t.test('an acknowledgement that was under way when the leader died ends no failover', async (t) => {
  const records = writes(60, (sentMs) => (sentMs < 200 ? sentMs + 12 : Math.max(550, sentMs + 2)))
  t.equal(figuresOf(records, 185).failoverMs, 365, 'the one sent at 180 arrived at 192, after the fault')
})

void t.test('without a disturbance the failover is as long as one write', async (t) => {
  t.ok(
    (figuresOf(
      writes(60, (sentMs) => sentMs + 2),
      200,
    ).failoverMs ?? 99) <= 1200,
  )
  const figures = figuresOf(
    writes(20, (sentMs) => sentMs + 2),
    381,
  )
  t.equal(figures.failoverMs, 1)
})

void t.test('writes flow again only when the newest are quick and none is overdue', async (t) => {
  const back = writes(60, (sentMs) => (sentMs < 200 ? sentMs + 2 : Math.max(550, sentMs + 2)))
  t.equal(isFlowing(back, { faultMs: 200, nowMs: 1200, count: 15 }), true)
  const silent = writes(60, (sentMs) => (sentMs < 200 ? sentMs + 2 : undefined))
  t.equal(isFlowing(silent, { faultMs: 200, nowMs: 1200, count: 15 }), false)
  t.equal(isFlowing(back.slice(0, 12), { faultMs: 200, nowMs: 240, count: 15 }), false, 'too few to tell')
})

void t.test(
  'an acknowledged write that is not stored is lost; one applied twice is duplicated',
  async (t) => {
    const records = writes(3, (sentMs) => (sentMs === 40 ? undefined : sentMs + 1))
    const verdict = compareWithStored(records, [
      { sequence: 1, version: 2 },
      { sequence: 3, version: 1 },
    ])
    t.same(verdict, { lost: [2], duplicated: [1] })
    t.same(
      compareWithStored(records, [
        { sequence: 1, version: 1 },
        { sequence: 2, version: 1 },
      ]),
      { lost: [], duplicated: [] },
      'one that was never acknowledged is not missed',
    )
  },
)

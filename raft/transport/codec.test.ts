import fc from 'fast-check'
import t from 'tap'
import type { Message } from '../message.ts'
import type { Entry } from '../types.ts'
import { toLogIndex, toMemberId, toTerm } from '../types.ts'
import { decodeMessages, encodeMessages, FrameError, pack } from './codec.ts'
import {
  decodeAnswer,
  decodeHello,
  encodeHello,
  encodeRefusal,
  HandshakeRefused,
  whyRefuse,
} from './handshake.ts'

const ends = { from: toMemberId('1'), to: toMemberId('2') }
const number = fc.nat({ max: 2 ** 31 }).map((n) => n * 1000)
const index = number.map(toLogIndex)
const term = number.map(toTerm)
const flag = fc.boolean()

const batch: fc.Arbitrary<{ prevIndex: ReturnType<typeof toLogIndex>; entries: readonly Entry[] }> = fc
  .record({
    prevIndex: index,
    entries: fc.array(
      fc.record({
        term,
        kind: fc.constantFrom('normal' as const, 'normal' as const, 'empty' as const, 'conf-change' as const),
        data: fc.uint8Array({ maxLength: 50 }),
      }),
    ),
  })
  .map(({ prevIndex, entries }) => {
    return {
      prevIndex,
      entries: entries.map((entry, i) => ({ ...entry, index: toLogIndex(prevIndex + 1 + i) })),
    }
  })

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ term, prevTerm: term, commitIndex: index, batch }).map(({ batch: b, ...rest }): Message => {
    return { ...ends, type: 'append', ...rest, ...b }
  }),
  fc.record({ term, matchIndex: index }).map((m): Message => ({ ...ends, type: 'append-accepted', ...m })),
  fc
    .record({ term, prevIndex: index, hintIndex: index, hintTerm: term })
    .map((m): Message => ({ ...ends, type: 'append-rejected', ...m })),
  fc
    .record({ term, commitIndex: index, readId: number })
    .map((m): Message => ({ ...ends, type: 'heartbeat', ...m })),
  fc
    .record({ term, commitIndex: index, readId: number })
    .map((m): Message => ({ ...ends, type: 'heartbeat-response', ...m })),
  fc
    .record({ term, isPre: flag, isTransfer: flag, lastIndex: index, lastTerm: term })
    .map((m): Message => ({ ...ends, type: 'vote', ...m })),
  fc
    .record({ term, isPre: flag, isGranted: flag, commitIndex: index, commitTerm: term })
    .map((m): Message => ({ ...ends, type: 'vote-response', ...m })),
  fc.record({ term }).map((m): Message => ({ ...ends, type: 'stale-term', ...m })),
  fc.record({ term }).map((m): Message => ({ ...ends, type: 'timeout-now', ...m })),
  fc.record({ term, requestId: number }).map((m): Message => ({ ...ends, type: 'read-index', ...m })),
  fc
    .record({ term, requestId: number, index })
    .map((m): Message => ({ ...ends, type: 'read-index-response', ...m })),
)

/** The same with bytes as lists of numbers. */
function plain(messages: readonly Message[]): unknown {
  return messages.map((m) => {
    if (m.type !== 'append') return m
    return { ...m, entries: m.entries.map((entry) => ({ ...entry, data: [...entry.data] })) }
  })
}

void t.test('every message survives its frame', async (t) => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
      const decoded = decodeMessages(encodeMessages(messages), ends)
      t.same(plain(decoded), plain(messages))
      for (const m of decoded)
        if (m.type === 'append') for (const { data } of m.entries) t.notOk(Buffer.isBuffer(data))
    }),
  )
})

void t.test('a snapshot announcement keeps its membership', async (t) => {
  const confState = {
    voters: [toMemberId('1')],
    votersOutgoing: [toMemberId('1'), toMemberId('2')],
    learners: [toMemberId('3')],
    learnersNext: [toMemberId('2')],
    autoLeave: true,
  }
  const meta = { index: toLogIndex(7), term: toTerm(3), confState }
  const sent: Message = { ...ends, type: 'snapshot', term: toTerm(4), meta }
  t.same(decodeMessages(encodeMessages([sent]), ends), [sent])
})

void t.test('a frame that is none is refused as such, whatever it is', async (t) => {
  let refused = 0
  const attempt = (frame: Uint8Array) => {
    try {
      decodeMessages(frame, ends)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      refused += 1
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), attempt))
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 3 }),
      fc.nat(),
      fc.nat({ max: 7 }),
      (messages, where, bit) => {
        const frame = encodeMessages(messages).slice()
        const at = where % frame.length
        frame[at] = (frame[at] ?? 0) ^ (1 << bit)
        attempt(frame)
      },
    ),
  )
  for (const value of [
    [[99, 1]],
    [[1, -1, 0, 0, 0, 0, 0, []]],
    [[2, 1.5, 0]],
    'x',
    [[6, 1, 'yes', false, 0, 0]],
  ])
    attempt(pack(value))
  t.ok(refused > 50)
})

void t.test(
  'a handshake is refused for another cluster, another member, and a store that has changed',
  async (t) => {
    const known = new Map<string, string>()
    const rules = {
      clusterId: 'c1',
      id: ends.to,
      storeUuid: 'store-2',
      rememberStore: (id: string, storeUuid: string) => {
        if (!known.has(id)) known.set(id, storeUuid)
        return known.get(id) ?? ''
      },
    }
    const hello = { clusterId: 'c1', ...ends, storeUuid: 'store-1', channel: 'raft' as const }
    t.same(decodeHello(encodeHello(hello)), hello)
    t.equal(whyRefuse(rules, hello), undefined)
    t.match(whyRefuse(rules, { ...hello, clusterId: 'c2' }), /belongs to cluster c2/)
    t.match(whyRefuse(rules, { ...hello, to: toMemberId('9') }), /means 9, but this is 2/)
    t.match(whyRefuse(rules, { ...hello, storeUuid: 'store-x' }), /has forgotten what it promised/)
    t.throws(() => decodeAnswer(encodeRefusal('no')), HandshakeRefused)
    t.throws(
      () => decodeHello(pack(['skedia-raft', 2, '', '', '', '', 'raft'])),
      /speaks raft protocol 2, this member 1/,
    )
    t.throws(() => decodeHello(pack(['hello'])), /not a Skedia/)
  },
)

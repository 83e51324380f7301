import t from 'tap'
import type { Operation, TxnRequest } from '../client/store-client.ts'
import { bytes, deleteOf, putOf } from '../cluster.fixture.ts'
import { Real } from '../mvcc/model.fixture.ts'
import { decodeTxn, encodeTxn } from './txn-codec.ts'
import { checkRequestSize, checkTxn, isReadOnly, requestBytesMax } from './validate.ts'

const put = (key: string): Operation => ({ type: 'put', key: bytes(key), value: bytes('v') })
const del = (key: string, rangeEnd: string): Operation => ({
  type: 'delete',
  key: bytes(key),
  rangeEnd: bytes(rangeEnd),
})
const success = (...operations: Operation[]): TxnRequest => ({
  compare: [],
  success: operations,
  failure: [],
})

void t.test('128 operations pass and 129 are refused', (t) => {
  const many = (count: number) => success(...Array.from({ length: count }, (_, i) => put(`k${i}`)))
  t.doesNotThrow(() => checkTxn(many(128)))
  t.throws(() => checkTxn(many(129)), { code: 'too-many-operations', message: /129 operations.*at most 128/ })
  t.end()
})

void t.test('a request of 1.5 MiB passes and one byte more is refused', (t) => {
  t.doesNotThrow(() => checkRequestSize(requestBytesMax))
  t.throws(() => checkRequestSize(requestBytesMax + 1), { code: 'request-too-large' })
  t.end()
})

void t.test(
  'a key put twice, or put and deleted, in one branch is refused; in two branches it is not',
  (t) => {
    t.throws(() => checkTxn(success(put('a'), put('a'))), { code: 'duplicate-key', message: /"a"/ })
    t.throws(() => checkTxn(success(put('b'), del('a', 'c'))), { code: 'duplicate-key' })
    t.doesNotThrow(() => checkTxn(success(put('c'), del('a', 'c'))))
    t.doesNotThrow(() => checkTxn({ compare: [], success: [put('a')], failure: [put('a')] }))
    t.end()
  },
)

void t.test('an empty key is refused', (t) => {
  t.throws(() => checkTxn(success(put(''))), { code: 'invalid-argument' })
  t.end()
})

void t.test('a transaction whose branches only read is read-only', (t) => {
  t.equal(isReadOnly(success({ type: 'range', key: bytes('a') })), true)
  t.equal(isReadOnly({ compare: [], success: [], failure: [put('a')] }), false)
  t.end()
})

void t.test('what is encoded is decoded the same', (t) => {
  const request: TxnRequest = {
    compare: [
      { key: Uint8Array.of(0, 255), operator: '!=', target: 'mod', value: 2 ** 50 },
      { key: bytes('k'), operator: '<', target: 'value', value: bytes('v') },
    ],
    success: [
      { type: 'put', key: bytes('k'), value: new Uint8Array(0), lease: 'ffffffffffffffff', prevKv: true },
      { type: 'delete', key: bytes('k'), rangeEnd: Uint8Array.of(0), prevKv: false },
    ],
    failure: [{ type: 'range', key: bytes('k'), limit: 1, revision: 7, keysOnly: true, countOnly: false }],
  }
  t.match(decodeTxn(encodeTxn(request)), request)
  t.end()
})

void t.test('bytes that are no transaction are refused, each with the field that is wrong', (t) => {
  t.throws(() => decodeTxn(bytes('no msgpack at all')), { code: 'invalid-argument' })
  t.throws(() => decodeTxn(new Uint8Array(0)), { code: 'invalid-argument' })
  const spoilt = encodeTxn(putOf('k', 'v'))
  for (let at = 0; at < spoilt.length; at += 1) {
    const copy = spoilt.slice()
    copy[at] = 0xc1 // never used in msgpack
    try {
      decodeTxn(copy)
    } catch (error) {
      t.match(error, { code: 'invalid-argument' })
    }
  }
  t.end()
})

void t.test('one transaction is one revision, however many keys; one that changes nothing is none', (t) => {
  const real = new Real()
  t.match(real.txn(success(put('a'), put('b'))), { revision: 2 })
  t.match(real.txn(deleteOf('x')), { revision: 2 })
  t.match(real.txn(deleteOf('a', 'z')), { revision: 3, txn: { results: [{ deleted: 2 }] } })
  t.end()
})

void t.test('the value before is given when asked for', (t) => {
  const real = new Real()
  real.txn(putOf('a', '1'))
  const outcome = real.txn(putOf('a', '2', { prevKv: true }))
  t.ok(outcome.ok && outcome.txn?.results[0]?.type === 'put' && outcome.txn.results[0].previous)
  t.end()
})

void t.test('a put with a lease that does not exist changes nothing at all', (t) => {
  const real = new Real()
  const request = success(put('a'), {
    type: 'put',
    key: bytes('b'),
    value: bytes('v'),
    lease: '00000000000000ff',
  })
  t.match(real.txn(request), { ok: false, refusal: { code: 'lease-not-found', isDeterministic: true } })
  t.equal(real.state.mvcc.revision, 1)
  t.equal(real.state.mvcc.get('a'), undefined)
  t.end()
})

void t.test('a branch that reads a compacted revision is refused before it writes (etcd 18667)', (t) => {
  const real = new Real()
  for (let i = 0; i < 5; i += 1) real.txn(putOf('a', `${i}`))
  real.command({ kind: 'compact', revision: 4 })
  const request = success(put('b'), { type: 'range', key: bytes('a'), revision: 3 })
  t.match(real.txn(request), { ok: false, refusal: { code: 'compacted', revision: 4 } })
  t.match(real.txn(success({ type: 'range', key: bytes('a'), revision: 99 })), {
    refusal: { code: 'future-revision' },
  })
  t.equal(real.state.mvcc.get('b'), undefined)
  t.end()
})

void t.test('compaction of the past and of the future is refused alike everywhere', (t) => {
  const real = new Real()
  for (let i = 0; i < 3; i += 1) real.txn(putOf('a', `${i}`))
  t.ok(real.command({ kind: 'compact', revision: 3 }).ok)
  t.match(real.command({ kind: 'compact', revision: 3 }), { refusal: { code: 'compacted', revision: 3 } })
  t.match(real.command({ kind: 'compact', revision: 9 }), { refusal: { code: 'future-revision' } })
  t.end()
})

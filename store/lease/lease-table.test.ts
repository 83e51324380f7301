import t from 'tap'
import { bytes, putOf } from '../cluster.fixture.ts'
import { Real } from '../mvcc/model.fixture.ts'

const id = '00000000000000ff'

void t.test('an expired lease takes its keys along, at one revision', (t) => {
  const real = new Real()
  real.command({ kind: 'lease-grant', id, ttlMs: 5000 }, 1000)
  real.txn(putOf('a', '1', { lease: id }))
  real.txn(putOf('b', '1', { lease: id }))
  real.txn(putOf('c', '1'))
  t.ok(real.command({ kind: 'lease-expire', ids: [id] }, 6000).ok)
  t.equal(real.state.mvcc.revision, 5)
  t.same(
    ['a', 'b', 'c'].map((key) => real.state.mvcc.get(key) !== undefined),
    [false, false, true],
  )
  t.equal(real.state.leases.size, 0)
  t.end()
})

void t.test('a lease that was renewed before the expiry was applied stays', (t) => {
  const real = new Real()
  real.command({ kind: 'lease-grant', id, ttlMs: 5000 }, 0)
  real.command({ kind: 'lease-keep-alive', id }, 4000)
  real.command({ kind: 'lease-expire', ids: [id] }, 5500)
  t.equal(real.state.leases.has(id), true)
  real.command({ kind: 'lease-expire', ids: [id] }, 9000)
  t.equal(real.state.leases.has(id), false)
  t.end()
})

void t.test('the lease clock never goes back, whatever an entry of an older leader says', (t) => {
  const real = new Real()
  real.command({ kind: 'tick' }, 4000)
  real.command({ kind: 'tick' }, 1000)
  t.equal(real.state.leases.clockMs, 4000)
  real.command({ kind: 'lease-grant', id, ttlMs: 2000 }, 500)
  t.match(real.state.leases.list(), [{ expiresAtMs: 6000 }])
  t.end()
})

void t.test('a revoked lease cannot be renewed or revoked again', (t) => {
  const real = new Real()
  real.command({ kind: 'lease-grant', id, ttlMs: 2000 })
  t.match(real.command({ kind: 'lease-grant', id, ttlMs: 2000 }), { refusal: { code: 'invalid-argument' } })
  t.ok(real.command({ kind: 'lease-revoke', id }).ok)
  t.match(real.command({ kind: 'lease-keep-alive', id }), { refusal: { code: 'lease-not-found' } })
  t.match(real.command({ kind: 'lease-revoke', id }), { refusal: { code: 'lease-not-found' } })
  t.end()
})

void t.test('a key put without a lease, or with another, leaves the first', (t) => {
  const real = new Real()
  const other = '00000000000000aa'
  for (const each of [id, other]) real.command({ kind: 'lease-grant', id: each, ttlMs: 2000 })
  real.txn(putOf('a', '1', { lease: id }))
  real.txn(putOf('b', '1', { lease: id }))
  real.txn(putOf('a', '2'))
  real.txn(putOf('b', '2', { lease: other }))
  real.command({ kind: 'lease-revoke', id })
  t.same(
    ['a', 'b'].map((key) => real.state.mvcc.get(key) !== undefined),
    [true, true],
  )
  t.same(real.state.mvcc.keysOfLease(other), ['b'])
  t.ok(bytes('a'))
  t.end()
})

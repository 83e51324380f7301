import t from 'tap'
import { prefixEnd, StoreError } from '../../store/client/store-client.ts'
import type { Clock } from '../../platform/clock.ts'
import { MemoryStore } from '../memory-store.fixture.ts'
import { compactOnce } from './compactor.ts'
import { decodeContinue, encodeContinue } from './continue-token.ts'
import { EventLeases } from './event-leases.ts'
import { keyBytes } from './keys.ts'
import { ObjectStorage, OutcomeUnknown } from './object-storage.ts'
import { asObject } from './parse.ts'
import { RevisionReader } from './revision-reader.ts'
import { encodeForStore, StoredObject } from './stored-object.ts'

const key = '/registry/pods/default/a'
/** Time stands still and every pause is over at once. */
const clock: Clock = {
  wallMs: () => 0,
  monotonicMs: () => 0,
  setTimer: (_delayMs, callback) => {
    const soon = async () => {
      await Promise.resolve()
      callback()
    }
    void soon()
    return { cancel: () => {} }
  },
}
const bytes = (text: string) => new TextEncoder().encode(text)

function world() {
  const store = new MemoryStore()
  return { store, storage: new ObjectStorage(clock, store) }
}

void t.test('a create whose answer was lost after it happened is reported as written, once', async (t) => {
  const { store, storage } = world()
  store.faults.push('lose-after')
  const result = await storage.put(key, bytes('{"uid":1}'), 0)
  t.equal(result.outcome, 'written')
  t.equal(store.txnCount, 2)
  const found = await storage.get(key)
  t.equal(result.outcome === 'written' && result.object.revision, found?.revision)
})

void t.test('a write whose answer was lost before it happened is sent again', async (t) => {
  const { store, storage } = world()
  store.faults.push('lose-before', 'lose-before')
  const result = await storage.put(key, bytes('x'), 0)
  t.equal(result.outcome, 'written')
  t.equal(store.txnCount, 3)
})

void t.test('an update that happened and was overwritten since is still reported as written', async (t) => {
  const { store, storage } = world()
  const first = store.put(key, 'v1')
  store.faults.push('lose-after')
  let calls = 0
  store.beforeTxn = () => {
    calls += 1
    if (calls === 2) store.put(key, 'v3 by another')
  }
  const result = await storage.put(key, bytes('v2'), first)
  t.equal(result.outcome, 'written')
  t.equal(result.outcome === 'written' && new TextDecoder().decode(result.object.value), 'v2')
})

void t.test('an update that did not happen and lost against another is stale', async (t) => {
  const { store, storage } = world()
  const first = store.put(key, 'v1')
  store.faults.push('lose-before')
  let calls = 0
  store.beforeTxn = () => {
    calls += 1
    if (calls === 2) store.put(key, 'by another')
  }
  const result = await storage.put(key, bytes('v2'), first)
  t.equal(result.outcome, 'stale')
})

void t.test('when the key was deleted and made anew meanwhile nobody can tell', async (t) => {
  const { store, storage } = world()
  store.faults.push('lose-before')
  let calls = 0
  store.beforeTxn = () => {
    calls += 1
    if (calls === 2) store.put(key, 'by another')
  }
  await t.rejects(storage.put(key, bytes('mine'), 0), OutcomeUnknown)
})

void t.test('when history is compacted nobody can tell', async (t) => {
  const { store, storage } = world()
  const first = store.put(key, 'v1')
  store.faults.push('lose-before')
  let calls = 0
  store.beforeTxn = () => {
    calls += 1
    if (calls !== 2) return
    store.put(key, 'v2')
    store.put(key, 'v3')
    void store.compact(store.revision)
  }
  await t.rejects(storage.put(key, bytes('mine'), first), OutcomeUnknown)
})

void t.test('a deletion whose answer was lost is done when the key is gone', async (t) => {
  const { store, storage } = world()
  const first = store.put(key, 'v1')
  store.faults.push('lose-after')
  t.equal((await storage.delete(key, first)).outcome, 'deleted')
})

void t.test('an error that is certain is passed on, and after an unknown one it is unknown', async (t) => {
  const { store, storage } = world()
  store.faults.push('no-leader')
  await t.rejects(storage.put(key, bytes('x'), 0), StoreError)
  store.faults.push('lose-before', 'no-leader')
  await t.rejects(storage.put(key, bytes('x'), 0), OutcomeUnknown)
})

void t.test('the resourceVersion is spliced into stored bytes as decoding and encoding would', (t) => {
  const object = asObject({
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'a', resourceVersion: '3', labels: { '"metadata":{': '}' } },
    spec: { text: 'ü"\\' },
  })
  const stored = new StoredObject(key, 42, encodeForStore(object))
  const text = new TextDecoder().decode(stored.json())
  t.same(JSON.parse(text), { ...object, metadata: { ...object.metadata, resourceVersion: '42' } })
  t.equal(stored.apiVersion, 'v1')
  const foreign = new StoredObject(key, 7, bytes('{"metadata":{},"kind":"Pod","apiVersion":"v1"}'))
  t.equal(JSON.parse(new TextDecoder().decode(foreign.json())).metadata.resourceVersion, '7')
  t.equal(foreign.apiVersion, 'v1')
  t.end()
})

void t.test('continue tokens come back as they went, and nothing else is taken for one', (t) => {
  const token = { revision: 12, start: 'default/a\0' }
  t.same(decodeContinue(encodeContinue(token)), token)
  for (const text of [
    '',
    'x',
    encodeContinue({ revision: 1, start: '/etc' }),
    encodeContinue({ revision: 1, start: 'a/../b' }),
  ])
    t.equal(decodeContinue(text), undefined)
  t.end()
})

void t.test(
  'of two compactors that run at once one compacts, to the revision of the round before',
  async (t) => {
    const store = new MemoryStore()
    store.put('/a', '1')
    let first = await compactOnce(store, { version: 0, revision: 0 })
    let second = await compactOnce(store, { version: 0, revision: 0 })
    t.same([first.version, second.version], [1, 1])
    const before = first.revision
    for (let i = 0; i < 5; i += 1) store.put('/a', `${i}`)
    first = await compactOnce(store, first)
    second = await compactOnce(store, second)
    t.equal(second.version, first.version)
    const all = { key: keyBytes('/'), rangeEnd: prefixEnd(keyBytes('/')) }
    await t.rejects(store.range({ ...all, revision: before - 1 }), { code: 'compacted' })
    await t.resolves(store.range({ ...all, revision: before }))
  },
)

void t.test('one lease is shared for a minute or a thousand objects', async (t) => {
  const store = new MemoryStore()
  let now = 0
  const leases = new EventLeases({ monotonicMs: () => now }, store)
  const first = await leases.leaseFor(3600)
  t.equal(await leases.leaseFor(3600), first)
  t.not(await leases.leaseFor(60), first)
  now = 181_000
  const second = await leases.leaseFor(3600)
  t.not(second, first)
  for (let i = 0; i < 999; i += 1) await leases.leaseFor(3600)
  t.not(await leases.leaseFor(3600), second)
})

void t.test('a shared revision read starts after every caller that it answers', async (t) => {
  const store = new MemoryStore()
  const reader = new RevisionReader(store)
  const before = reader.current()
  const revision = store.put('/a', '1')
  const after = await reader.current()
  t.ok(after >= revision)
  t.ok((await before) <= after)
})

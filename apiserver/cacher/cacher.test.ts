import fc from 'fast-check'
import t from 'tap'
import { silentLog } from '../../platform/log.ts'
import { SimWorld } from '../../platform/sim/index.ts'
import { TaskGroup } from '../../platform/tasks.ts'
import { MemoryStore } from '../memory-store.fixture.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import { Cacher, RevisionTooOld, type WatchStart } from './cacher.ts'
import type { RingLimits } from './event-ring.ts'
import { SortedMap } from './sorted-map.ts'
import { queuedEventsMax, type WatchItem } from './watcher.ts'

const prefix = '/registry/pods/'
const everything = () => true

function startOf(options: Partial<WatchStart> = {}): WatchStart {
  return {
    prefix,
    matches: everything,
    withInitial: false,
    withInitialEnd: false,
    afterRevision: undefined,
    wantsBookmarks: false,
    ...options,
  }
}

function pod(name: string, color: string): string {
  return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"${name}","labels":{"color":"${color}"}}}`
}

function isRed(object: StoredObject): boolean {
  return object.object().metadata.labels?.['color'] === 'red'
}

async function running(store: MemoryStore, ringLimits?: RingLimits) {
  const world = new SimWorld(1n)
  const { powers } = world.startProcess({ name: 'a1', machine: world.machine('a1') })
  const cacher = new Cacher({
    clock: powers.clock,
    log: silentLog,
    store,
    prefix,
    ...(ringLimits ? { ringLimits } : {}),
  })
  const tasks = new TaskGroup((error) => {
    throw error
  })
  tasks.run('cacher', (signal) => cacher.run(signal))
  const settle = async () => {
    for (let i = 0; i < 20; i += 1) await Promise.resolve()
    await world.run(1)
  }
  const waited = cacher.waitFor(0, 1000)
  await settle()
  await waited
  const stop = async () => {
    const closed = tasks.close()
    await world.run(1000)
    await closed
  }
  return { cacher, settle, world, stop }
}

async function drain(read: () => Promise<readonly WatchItem[] | undefined>, count: number) {
  const items: WatchItem[] = []
  while (items.length < count) {
    const batch = await read()
    if (!batch) break
    items.push(...batch)
  }
  return items
}

const textOf = (item: WatchItem): string =>
  item.kind === 'bookmark'
    ? `bookmark ${item.revision}`
    : `${item.type} ${item.object.key.slice(prefix.length)} ${item.object.revision}`

void t.test(
  'a watch from any revision in the window hears every later change once and in order',
  async () => {
    const op = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), remove: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(op, { maxLength: 40 }), fc.nat(40), fc.nat(40), async (ops, at, resume) => {
        const store = new MemoryStore()
        for (const { name } of ops.slice(0, at)) store.put(`${prefix}default/${name}`, pod(name, 'red'))
        const { cacher, settle, stop } = await running(store)
        const start = cacher.revision
        const expected: string[] = []
        for (const { name, remove } of ops.slice(at)) {
          const key = `${prefix}default/${name}`
          const existed = cacher.get(key) !== undefined
          const before = store.revision
          const revision = remove ? store.remove(key) : store.put(key, pod(name, 'red'))
          await settle()
          const type = remove ? 'DELETED' : existed ? 'MODIFIED' : 'ADDED'
          if (revision > before) expected.push(`${type} default/${name} ${revision}`)
        }
        const after = Math.min(start + resume, store.revision)
        const wanted = expected.filter((line) => Number(line.split(' ')[2]) > after)
        const watcher = cacher.watch(startOf({ afterRevision: after }))
        const got = await drain(() => watcher.read(3), wanted.length)
        t.same(got.map(textOf), wanted)
        await stop()
      }),
      { numRuns: 40 },
    )
  },
)

void t.test('lists are the model at the cache revision, in key order', async () => {
  const op = fc.record({
    ns: fc.constantFrom('x', 'y', 'x-1'),
    name: fc.constantFrom('a', 'b', 'aa'),
    remove: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(op, { maxLength: 30 }), async (ops) => {
      const store = new MemoryStore()
      const { cacher, settle, stop } = await running(store)
      const model = new Map<string, number>()
      for (const { ns, name, remove } of ops) {
        const key = `${prefix}${ns}/${name}`
        if (remove) {
          store.remove(key)
          model.delete(key)
        } else model.set(key, store.put(key, pod(name, 'red')))
        await settle()
      }
      for (const scope of ['', 'x/', 'y/', 'x-1/']) {
        const expected = [...model]
          .filter(([key]) => key.startsWith(prefix + scope))
          .sort(([a], [b]) => (a < b ? -1 : 1))
        t.same(
          cacher.list(prefix + scope).map((object) => [object.key, object.revision]),
          expected,
        )
      }
      await stop()
    }),
    { numRuns: 30 },
  )
})

void t.test(
  'an object that leaves the selection is DELETED with its last selected state and the new revision',
  async (t) => {
    const store = new MemoryStore()
    store.put(`${prefix}default/a`, pod('a', 'red'))
    const { cacher, settle, stop } = await running(store)
    const watcher = cacher.watch(startOf({ matches: isRed, withInitial: true }))
    const blue = store.put(`${prefix}default/a`, pod('a', 'blue'))
    store.put(`${prefix}default/a`, pod('a', 'green'))
    const red = store.put(`${prefix}default/a`, pod('a', 'red'))
    const gone = store.remove(`${prefix}default/a`)
    await settle()
    const items = await drain(() => watcher.read(10), 4)
    t.same(items.map(textOf), [
      'ADDED default/a 2',
      `DELETED default/a ${blue}`,
      `ADDED default/a ${red}`,
      `DELETED default/a ${gone}`,
    ])
    const left = items[1]
    t.equal(left?.kind === 'event' && left.object.object().metadata.labels?.['color'], 'red')
    t.equal(left?.kind === 'event' && left.object.object().metadata.resourceVersion, String(blue))
    await stop()
  },
)

void t.test('initial events end with a bookmark at the revision of the list', async (t) => {
  const store = new MemoryStore()
  const last = store.put(`${prefix}default/a`, pod('a', 'red'))
  const { cacher, stop } = await running(store)
  const watcher = cacher.watch(startOf({ withInitial: true, withInitialEnd: true, wantsBookmarks: true }))
  const items = await drain(() => watcher.read(10), 2)
  t.same(items, [items[0], { kind: 'bookmark', revision: last, isInitialEnd: true }])
  await stop()
})

void t.test('a revision that fell out of the window is too old', async (t) => {
  const store = new MemoryStore()
  const { cacher, settle, stop } = await running(store, { eventsMin: 2, eventsMax: 3, freshMs: 1 })
  const start = cacher.revision
  for (let i = 0; i < 6; i += 1) store.put(`${prefix}default/a${i}`, pod('a', 'red'))
  await settle()
  t.throws(() => cacher.watch(startOf({ afterRevision: start })), RevisionTooOld)
  const watcher = cacher.watch(startOf({ afterRevision: store.revision - 3 }))
  t.equal((await drain(() => watcher.read(10), 3)).length, 3)
  await stop()
})

void t.test('a watch lost to compaction reloads the cache and ends every watcher', async (t) => {
  const store = new MemoryStore()
  store.put(`${prefix}default/a`, pod('a', 'red'))
  const { cacher, settle, world, stop } = await running(store)
  const watcher = cacher.watch(startOf())
  store.failWatches()
  store.remove(`${prefix}default/a`)
  const revision = store.put(`${prefix}default/b`, pod('b', 'red'))
  await settle()
  t.equal(await watcher.read(10), undefined)
  t.equal(watcher.end, 'reset')
  await world.run(500)
  await settle()
  t.equal(cacher.isReady, true)
  t.equal(cacher.revision, revision)
  t.same(
    cacher.list(prefix).map((object) => object.key),
    [`${prefix}default/b`],
  )
  t.throws(() => cacher.watch(startOf({ afterRevision: revision - 1 })), RevisionTooOld)
  await stop()
})

void t.test('a first watch from an old revision finds its history in the store', async (t) => {
  const store = new MemoryStore()
  const first = store.put(`${prefix}default/a`, pod('a', 'red'))
  store.put(`${prefix}default/a`, pod('a', 'blue'))
  store.remove(`${prefix}default/a`)
  const world = new SimWorld(1n)
  const { powers } = world.startProcess({ name: 'a1', machine: world.machine('a1') })
  const cacher = new Cacher({ clock: powers.clock, log: silentLog, store, prefix })
  cacher.hintStart(first)
  const tasks = new TaskGroup(() => {})
  tasks.run('cacher', (signal) => cacher.run(signal))
  await world.run(10)
  const watcher = cacher.watch(startOf({ afterRevision: first }))
  const items = await drain(() => watcher.read(10), 2)
  t.same(items.map(textOf), ['MODIFIED default/a 3', 'DELETED default/a 4'])
  const closed = tasks.close()
  await world.run(1000)
  await closed
})

void t.test('a watcher that does not read is ended at its bound and the others go on', async (t) => {
  const store = new MemoryStore()
  const { cacher, settle, stop } = await running(store)
  const slow = cacher.watch(startOf())
  const other = cacher.watch(startOf({ prefix: `${prefix}other/` }))
  for (let i = 0; i <= queuedEventsMax; i += 1) store.put(`${prefix}default/a`, pod('a', `${i}`))
  for (let i = 0; i < 50 && slow.end === 'open'; i += 1) await settle()
  await settle()
  t.equal(slow.end, 'slow')
  t.equal(other.end, 'open')
  t.equal(cacher.watcherCount, 1)
  await stop()
})

void t.test('waiting for a revision asks the store for progress and gives up at its deadline', async (t) => {
  const store = new MemoryStore()
  const { cacher, world, stop } = await running(store)
  const revision = store.put('/registry/other/x', '{}')
  const reached = cacher.waitFor(revision, 3000)
  await world.run(200)
  await reached
  t.ok(cacher.revision >= revision)
  const never = cacher.waitFor(revision + 100, 500)
  const rejected = t.rejects(never, { code: 'E_DEADLINE_EXCEEDED' })
  await world.run(1000)
  await rejected
  await stop()
})

void t.test('a sorted map gives one run of keys per prefix', (t) => {
  const map = new SortedMap<number>()
  for (const [at, key] of ['b/1', 'a/2', 'a/1', 'ab/1', 'a/3'].entries()) map.set(key, at)
  map.delete('a/3')
  t.same(map.withPrefix('a/'), [2, 1])
  t.same(map.withPrefix(''), [2, 1, 3, 0])
  t.same(map.withPrefix('c'), [])
  t.end()
})

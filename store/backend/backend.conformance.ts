/**
 * What every backend keeps. Exported as a function that takes a factory, and run over each body.
 */
import t from 'tap'
import { defined } from '../../platform/assert.ts'
import type { Backend, BackendEntry, BackendHost, BackendWrite } from './backend.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined) =>
  value === undefined ? undefined : new TextDecoder().decode(value)
const put = (key: string, value: string): BackendWrite => ({ key: bytes(key), value: bytes(value) })
const remove = (key: string): BackendWrite => ({ key: bytes(key), value: undefined })

async function entriesOf(backend: Backend, start: string, end: string): Promise<readonly string[]> {
  const found: BackendEntry[] = []
  for await (const entries of backend.scan({ start: bytes(start), end: bytes(end) })) found.push(...entries)
  return found.map(([key, value]) => `${text(key)}=${text(value)}`)
}

function checkpoint(backend: Backend): Promise<void> {
  return new Promise((resolve, reject) => backend.checkpoint((error) => (error ? reject(error) : resolve())))
}

type MakeHost = () => Promise<BackendHost>

/** `makeHost` gives a host over a fresh place each time. */
export function backendConformance(name: string, makeHost: MakeHost): void {
  readConformance(name, makeHost)
  lifeConformance(name, makeHost)
}

function eventsOf(failures: Error[]) {
  return { onFailure: (error: Error) => failures.push(error) }
}

function readConformance(name: string, makeHost: MakeHost): void {
  const events = eventsOf([])
  const open = async () => (await makeHost()).open('db-1', events)

  void t.test(`${name}: a write is read at once, and the last one of a key counts`, async (t) => {
    const backend = await open()
    backend.write([put('a', '1'), put('b', '1')])
    backend.write([put('a', '2'), remove('b')])
    t.same([text(backend.get(bytes('a'))), text(backend.get(bytes('b')))], ['2', undefined])
    await checkpoint(backend)
    t.same([text(backend.get(bytes('a'))), text(backend.get(bytes('b')))], ['2', undefined])
    await backend.close()
  })

  void t.test(
    `${name}: a scan gives a half-open range in byte order and sees every write before it`,
    async (t) => {
      const backend = await open()
      backend.write(['b', 'a', 'c', 'aa', 'd'].map((key) => put(key, key)))
      backend.write([remove('c')])
      t.same(await entriesOf(backend, 'a', 'd'), ['a=a', 'aa=aa', 'b=b'])
      t.same(await entriesOf(backend, 'x', 'z'), [])
      await backend.close()
    },
  )

  void t.test(`${name}: a scan of many entries gives each once`, async (t) => {
    const backend = await open()
    const keys = Array.from({ length: 2500 }, (_, i) => `k${String(i).padStart(5, '0')}`)
    for (const key of keys) backend.write([put(key, 'v')])
    t.same(
      await entriesOf(backend, 'k', 'l'),
      keys.map((key) => `${key}=v`),
    )
    await backend.close()
  })

  void t.test(
    `${name}: a snapshot stays as it was when it was opened, un-flushed writes included`,
    async (t) => {
      const backend = await open()
      backend.write([put('a', '1'), put('b', '1')])
      const snapshot = backend.openSnapshot()
      backend.write([put('a', '2'), remove('b'), put('c', '2')])
      await checkpoint(backend)
      t.same(
        ['a', 'b', 'c'].map((key) => text(snapshot.get(bytes(key)))),
        ['1', '1', undefined],
      )
      snapshot.close()
      await backend.close()
    },
  )
}

function lifeConformance(name: string, makeHost: MakeHost): void {
  const failures: Error[] = []
  const events = eventsOf(failures)
  const open = async () => (await makeHost()).open('db-1', events)

  void t.test(`${name}: what was written before close is there after opening again`, async (t) => {
    const host = await makeHost()
    const backend = await host.open('db-1', events)
    backend.write([put('a', '1')])
    await backend.close()
    const again = await host.open('db-1', events)
    t.same(text(again.get(bytes('a'))), '1')
    await again.close()
  })

  void t.test(`${name}: a generation that is open cannot be opened a second time`, async (t) => {
    const host = await makeHost()
    const backend = await host.open('db-1', events)
    await t.rejects(host.open('db-1', events), { code: 'locked' })
    await backend.close()
  })

  void t.test(`${name}: generations are apart, listed in order, and removed whole`, async (t) => {
    const host = await makeHost()
    const one = await host.open('db-1', events)
    const two = await host.open('db-2', events)
    one.write([put('a', '1')])
    two.write([put('a', '2')])
    t.same([text(one.get(bytes('a'))), text(two.get(bytes('a')))], ['1', '2'])
    t.same(await host.list(), ['db-1', 'db-2'])
    await one.close()
    await host.remove('db-1')
    t.same(await host.list(), ['db-2'])
    await two.close()
  })

  void t.test(`${name}: a checkpoint under way does not hold up reads and writes`, async (t) => {
    const backend = await open()
    backend.write([put('a', '1')])
    const flushed = checkpoint(backend)
    backend.write([put('a', '2')])
    t.same(text(backend.get(bytes('a'))), '2')
    await flushed
    t.same(text(backend.get(bytes('a'))), '2')
    t.same(failures, [])
    await backend.close()
  })

  void t.test(`${name}: status tells a size above zero`, async (t) => {
    const backend = await open()
    backend.write([put('a', '1')])
    t.same(backend.status().sizeBytes > 0, true)
    t.same(defined(backend.status(), 'status').isFull, false)
    await backend.close()
  })
}

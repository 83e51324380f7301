import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import t from 'tap'
import { createNodeClock } from '../../../platform/node/clock.ts'
import { backendConformance } from '../backend.conformance.ts'
import { createLevelHost } from './level-backend.ts'

const clock = createNodeClock()
const events = { onFailure: () => {} }
const directories: string[] = []

function freshDirectory(): string {
  const directory = mkdtempSync(`${tmpdir()}/skedia-backend-`)
  directories.push(directory)
  return directory
}

t.teardown(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

const key = (text: string) => new TextEncoder().encode(text)

backendConformance('LevelDB', () => Promise.resolve(createLevelHost({ directory: freshDirectory(), clock })))

void t.test(
  'while the disk is full LevelDB is not written, reads go on, and it recovers by itself',
  async (t) => {
    let free = 1e12
    const failures: Error[] = []
    // A clock whose timers are fired by hand.
    const timers: (() => void)[] = []
    const handClock = {
      wallMs: () => 0,
      monotonicMs: () => 0,
      setTimer: (_delayMs: number, callback: () => void) => {
        timers.push(callback)
        return { cancel: () => {} }
      },
    }
    const host = createLevelHost({ directory: freshDirectory(), clock: handClock, freeBytes: () => free })
    const backend = await host.open('db-1', { onFailure: (error) => failures.push(error) })
    const checkpoint = () => new Promise<Error | undefined>((resolve) => backend.checkpoint(resolve))
    backend.write([{ key: key('a'), value: key('1') }])
    t.equal(await checkpoint(), undefined)
    free = 0
    backend.write([{ key: key('b'), value: key('2') }])
    t.match(await checkpoint(), { code: 'no-space' })
    t.equal(backend.status().isFull, true)
    t.same([backend.get(key('a')), backend.get(key('b'))], [key('1'), key('2')])
    free = 1e12
    for (const fire of timers.splice(0)) fire()
    t.equal(await checkpoint(), undefined)
    t.equal(backend.status().isFull, false)
    t.same(failures, [])
    await backend.close()
    const again = await host.open('db-1', events)
    t.same(again.get(key('b')), key('2'))
    await again.close()
  },
)

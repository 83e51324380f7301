import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import t from 'tap'
import { defined } from '../../../platform/assert.ts'
import { createNodeClock } from '../../../platform/node/clock.ts'
import { createNodeDisk } from '../../../platform/node/disk.ts'
import { silentLog } from '../../../platform/log.ts'
import { toLogIndex, toTerm } from '../../../raft/index.ts'
import { putOf } from '../../cluster.fixture.ts'
import { encodeFrame } from '../../command.ts'
import { BackendError } from '../../errors.ts'
import { openStoreMachine } from '../../machine-boot.ts'
import { showKeyValue } from '../../mvcc/model.fixture.ts'
import { toKeyValue } from '../../mvcc/record.ts'
import type { StoreMachine } from '../../state-machine.ts'
import { encodeTxn } from '../../txn/txn-codec.ts'
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

const everything = { range: { start: '', end: undefined }, limit: 0, revision: 0 }

function picture({ state }: StoreMachine): string {
  const { records } = state.mvcc.range({
    ...everything,
    isKeysOnly: false,
    isCountOnly: false,
    skipsCount: false,
  })
  return `${state.mvcc.revision}: ${records.map((record) => showKeyValue(toKeyValue(record))).join('; ')}`
}

function openMachine(directory: string): Promise<StoreMachine> {
  const powers = { disk: createNodeDisk(), log: silentLog, fatal: () => {} }
  return openStoreMachine(powers, { directory, host: createLevelHost({ directory, clock }) })
}

async function filledDirectory(): Promise<{ readonly directory: string; readonly wanted: string }> {
  const directory = freshDirectory()
  const machine = await openMachine(directory)
  for (let i = 1; i <= 40; i += 1) {
    const request = encodeTxn(putOf(`k${i % 17}`, `value ${i} `.repeat(10)))
    const data = encodeFrame({ leaseClockMs: i, commands: [{ kind: 'txn', request }] })
    machine.apply([{ entry: { index: toLogIndex(i), term: toTerm(1), kind: 'normal', data } }])
  }
  const wanted = picture(machine)
  await machine.close()
  return { directory, wanted }
}

void t.test(
  'a bit flipped anywhere in a table is met with a refusal or does no harm, never with wrong data',
  async (t) => {
    const { directory, wanted } = await filledDirectory()
    const table = defined(
      readdirSync(`${directory}/db-1`).find((name) => name.endsWith('.ldb')),
      'table',
    )
    const size = readFileSync(`${directory}/db-1/${table}`).length
    let refused = 0
    for (let at = 3; at < size; at += Math.ceil(size / 60)) {
      const copy = freshDirectory()
      cpSync(directory, copy, { recursive: true })
      const bytes = readFileSync(`${copy}/db-1/${table}`)
      bytes[at] = (bytes[at] ?? 0) ^ 0x04
      writeFileSync(`${copy}/db-1/${table}`, bytes)
      try {
        const machine = await openMachine(copy)
        if (picture(machine) !== wanted) t.fail(`wrong data after a flip at ${at}`)
        await machine.close()
      } catch (error) {
        refused += 1
        if (!(error instanceof BackendError)) t.fail(`flip at ${at}: ${String(error)}`)
      }
    }
    t.ok(refused > 20, `${refused} flips were refused`)
  },
)

void t.test('a table that is missing or cut short is refused with a remedy', async (t) => {
  const { directory } = await filledDirectory()
  const names = readdirSync(`${directory}/db-1`).filter((name) => name.endsWith('.ldb'))
  for (const harm of ['remove', 'cut']) {
    const copy = freshDirectory()
    cpSync(directory, copy, { recursive: true })
    for (const name of names) {
      const path = `${copy}/db-1/${name}`
      if (harm === 'remove') rmSync(path)
      else writeFileSync(path, readFileSync(path).subarray(0, 100))
    }
    await t.rejects(openMachine(copy), { name: 'BackendError', message: /db-1/ })
  }
})

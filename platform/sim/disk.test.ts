import fc from 'fast-check'
import t from 'tap'
import { diskConformance } from '../disk.conformance.ts'
import { SimWorld } from './world.ts'

diskConformance('the simulated disk', () => {
  const world = new SimWorld(1n)
  const process = world.startProcess({ name: 'p', machine: world.machine('host') })
  return { disk: process.powers.disk, directory: '/data', settle: () => world.run(100) }
})

t.test('a power cut keeps what was synced, and of the rest at most what was written', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.bigInt({ min: 1n, max: 1n << 40n }),
      fc.array(fc.record({ byte: fc.integer({ min: 1, max: 255 }), sync: fc.boolean() }), { maxLength: 20 }),
      async (seed, writes) => {
        const world = new SimWorld(seed)
        const machine = world.machine('host')
        const process = world.startProcess({ name: 'p', machine })
        const file = process.powers.disk.open('/data/f', { create: true })
        process.powers.disk.syncDirectory('/data')
        let syncedLength = 0
        for (const [index, { byte, sync }] of writes.entries()) {
          file.write(Uint8Array.of(byte), index)
          if (!sync) continue
          file.sync(() => {
            syncedLength = Math.max(syncedLength, index + 1)
          })
          await world.run(5)
        }
        world.cutPower(machine)
        const again = world.startProcess({ name: 'p', machine })
        const left = again.powers.disk.readFile('/data/f')
        for (let index = 0; index < writes.length; index += 1) {
          const found = left[index] ?? 0
          const written = writes[index]?.byte
          if (index < syncedLength ? found !== written : found !== written && found !== 0) return false
        }
        return left.length <= writes.length
      },
    ),
    { numRuns: 200 },
  )
  t.pass('held for every schedule')
})

t.test('a killed process leaves its un-synced writes to the next one', async (t) => {
  const world = new SimWorld(1n)
  const machine = world.machine('host')
  const process = world.startProcess({ name: 'p', machine })
  process.powers.disk.open('/data/f', { create: true }).write(Uint8Array.of(1, 2, 3), 0)
  world.kill(process)
  const again = world.startProcess({ name: 'p', machine })
  t.same([...again.powers.disk.readFile('/data/f')], [1, 2, 3])
})

t.test('a name that was never synced may be lost in a power cut, a replaced file never is', async (t) => {
  const lost = new Set<boolean>()
  for (let seed = 1n; seed <= 20n; seed += 1n) {
    const world = new SimWorld(seed)
    const machine = world.machine('host')
    const { powers } = world.startProcess({ name: 'p', machine })
    powers.disk.replaceFile('/data/kept', Uint8Array.of(7))
    powers.disk.open('/data/new', { create: true }).close()
    world.cutPower(machine)
    const after = world.startProcess({ name: 'p', machine }).powers.disk
    t.same([...after.readFile('/data/kept')], [7])
    lost.add(!after.exists('/data/new'))
  }
  t.same([...lost].sort(), [false, true], 'both happen')
})

t.test('a full disk refuses to grow a file and still reads', async (t) => {
  const world = new SimWorld(1n)
  const machine = world.machine('host')
  const { powers } = world.startProcess({ name: 'p', machine })
  const file = powers.disk.open('/data/f', { create: true })
  file.write(Uint8Array.of(1), 0)
  machine.disk.faults.freeBytes = 1
  t.throws(() => file.write(Uint8Array.of(2, 3), 1), { code: 'ENOSPC' })
  t.same([...file.read(0, 10)], [1])
})

/** What every `Disk` body must do; run by the tests of each body. */
import t from 'tap'
import { type Disk, DiskError } from './disk.ts'

export interface DiskUnderTest {
  readonly disk: Disk
  /** An empty directory for this test. */
  readonly directory: string
  /** Lets pending callbacks run. */
  readonly settle: () => Promise<void>
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (content: Uint8Array): string => new TextDecoder().decode(content)

function codeOf(work: () => unknown): string | undefined {
  try {
    work()
  } catch (error) {
    return error instanceof DiskError ? error.code : `not a DiskError: ${String(error)}`
  }
  return undefined
}

export function diskConformance(name: string, create: () => DiskUnderTest): void {
  t.test(`${name}: a file gives back what was written at each position`, async (t) => {
    const { disk, directory } = create()
    const file = disk.open(`${directory}/a`, { create: true })
    file.write(bytes('hello world'), 0)
    file.write(bytes('W'), 6)
    file.write(bytes('!'), 11)
    t.equal(text(file.read(0, 100)), 'hello World!')
    t.equal(text(file.read(6, 5)), 'World')
    t.equal(file.sizeBytes(), 12)
    file.truncate(5)
    t.equal(text(file.read(0, 100)), 'hello')
    file.close()
    t.equal(text(disk.readFile(`${directory}/a`)), 'hello')
  })

  t.test(`${name}: sync calls back in an event of its own`, async (t) => {
    const { disk, directory, settle } = create()
    const file = disk.open(`${directory}/a`, { create: true })
    file.write(bytes('x'), 0)
    const calls: unknown[] = []
    file.sync((error) => calls.push(error))
    t.same(calls, [], 'not inside the call that asked')
    await settle()
    t.same(calls, [undefined])
    file.close()
  })

  t.test(`${name}: preallocation gives zeros of the whole size`, async (t) => {
    const { disk, directory } = create()
    const file = disk.open(`${directory}/a`, { create: true, preallocateBytes: 5000 })
    t.equal(file.sizeBytes(), 5000)
    t.ok(file.read(0, 5000).every((byte) => byte === 0))
    file.close()
  })

  t.test(`${name}: missing and existing files are told apart by their codes`, async (t) => {
    const { disk, directory } = create()
    t.equal(
      codeOf(() => disk.open(`${directory}/none`)),
      'ENOENT',
    )
    t.equal(
      codeOf(() => disk.readFile(`${directory}/none`)),
      'ENOENT',
    )
    disk.open(`${directory}/a`, { create: true }).close()
    t.equal(
      codeOf(() => disk.open(`${directory}/a`, { create: true })),
      'EEXIST',
    )
  })

  t.test(`${name}: names are listed in order, renamed and removed`, async (t) => {
    const { disk, directory } = create()
    t.same(disk.list(`${directory}/none`), [])
    disk.makeDirectory(`${directory}/d`)
    for (const name of ['c', 'a', 'b']) disk.replaceFile(`${directory}/d/${name}`, bytes(name))
    t.same(disk.list(`${directory}/d`), ['a', 'b', 'c'])
    disk.rename(`${directory}/d/a`, `${directory}/d/z`)
    disk.remove(`${directory}/d/b`)
    disk.remove(`${directory}/d/b`)
    disk.syncDirectory(`${directory}/d`)
    t.same(disk.list(`${directory}/d`), ['c', 'z'])
    t.equal(text(disk.readFile(`${directory}/d/z`)), 'a')
    disk.replaceFile(`${directory}/d/z`, bytes('new'))
    t.equal(text(disk.readFile(`${directory}/d/z`)), 'new')
    disk.rename(`${directory}/d`, `${directory}/e`)
    t.same(disk.list(`${directory}/e`), ['c', 'z'])
    t.notOk(disk.exists(`${directory}/d/z`))
    disk.remove(`${directory}/e`)
    t.notOk(disk.exists(`${directory}/e`))
  })

  t.test(`${name}: a locked directory can be locked again after its release`, async (t) => {
    const { disk, directory } = create()
    const lock = disk.lock(directory)
    lock.release()
    disk.lock(directory).release()
    t.pass('locked twice')
  })
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { diskConformance } from '../disk.conformance.ts'
import { createNodeDisk } from './disk.ts'

const base = mkdtempSync(join(tmpdir(), 'skedia-disk-'))
t.teardown(() => rmSync(base, { recursive: true, force: true }))

diskConformance('the real disk', () => ({
  disk: createNodeDisk(),
  directory: mkdtempSync(join(base, 'd-')),
  settle: () => new Promise((resolve) => setTimeout(resolve, 50)),
}))

t.test('a directory that a living process holds is refused, naming the holder', async (t) => {
  const directory = mkdtempSync(join(base, 'lock-'))
  const disk = createNodeDisk()
  const lock = disk.lock(directory)
  t.throws(() => disk.lock(directory), {
    code: 'ELOCKED',
    message: new RegExp(`process ${process.pid} holds`),
  })
  lock.release()
  writeFileSync(join(directory, 'LOCK.pid'), '999999 12345\n')
  disk.lock(directory).release()
  t.pass("a dead holder's lock is taken over")
})

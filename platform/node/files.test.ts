import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createNodeFiles } from './files.ts'

const base = mkdtempSync(join(tmpdir(), 'skedia-files-'))
t.teardown(() => rmSync(base, { recursive: true, force: true }))
const files = createNodeFiles()

t.test('a directory is made with its parents, and again without complaint', async (t) => {
  files.makeDirectory(`${base}/a/b/c`)
  files.makeDirectory(`${base}/a/b/c`)
  t.equal(files.stat(`${base}/a/b/c`)?.type, 'directory')
})

t.test('where no directory can be made the error comes back, with its code and path', async (t) => {
  writeFileSync(`${base}/file`, '')
  t.throws(() => files.makeDirectory(`${base}/file`), { code: 'EEXIST' })
  t.throws(() => files.makeDirectory(`${base}/file/below`), { code: 'ENOTDIR', path: `${base}/file/below` })
  t.throws(() => files.makeDirectory('/proc/nope/below'), { code: 'ENOENT' })
})

t.test('a whole file is replaced in one step, appended to in place', async (t) => {
  files.write(`${base}/f`, 'one', { mode: 0o600 })
  const { inode } = files.stat(`${base}/f`) ?? {}
  files.write(`${base}/f`, ' two', { append: true })
  t.equal(files.readText(`${base}/f`), 'one two')
  t.equal(files.stat(`${base}/f`)?.inode, inode)
  t.equal(files.stat(`${base}/f`)?.mode, 0o600)
  files.write(`${base}/f`, 'three')
  t.not(files.stat(`${base}/f`)?.inode, inode)
  t.same([...files.readBytes(`${base}/f`, { position: 1, length: 3 })], [...new TextEncoder().encode('hre')])
})

t.test('a symbolic link is replaced in one step', async (t) => {
  files.symlink('f', `${base}/link`)
  files.symlink('a', `${base}/link`)
  t.equal(files.readLink(`${base}/link`), 'a')
  t.equal(files.stat(`${base}/link`)?.type, 'symlink')
  t.equal(files.stat(`${base}/none`), undefined)
})

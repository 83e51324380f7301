import t from 'tap'
import { FakeFiles } from '../testing/fakes.ts'
import { prepareDirectory } from './directory.ts'

void t.test('a new directory gets what every cluster has', async (t) => {
  const files = new FakeFiles()
  t.equal(prepareDirectory(files, '/c'), undefined)
  for (const name of ['logs', 'data', 'nodes', 'images', 'run']) t.ok(files.exists(`/c/${name}`), name)
})

void t.test('a directory with other things in it is refused and left alone', async (t) => {
  const files = new FakeFiles()
  files.write('/c/thesis.tex', 'years of work')
  t.throws(() => prepareDirectory(files, '/c'), { code: 'E_DIR_FOREIGN', found: /thesis\.tex/ })
  t.same([...files.texts.keys()], ['/c/thesis.tex'])
})

void t.test('what an interrupted first start left is no foreign thing', async (t) => {
  const files = new FakeFiles()
  files.write('/c/pki/ca.key', 'k')
  files.write('/c/logs/supervisor.log', '')
  t.equal(prepareDirectory(files, '/c'), undefined)
})

void t.test('an unwritable and a full disk are told apart', async (t) => {
  const files = new FakeFiles()
  files.writeError = 'EACCES'
  t.throws(() => prepareDirectory(files, '/c'), { code: 'E_DIR_UNWRITABLE', exitCode: 73 })
  files.writeError = 'ENOSPC'
  t.throws(() => prepareDirectory(files, '/c'), { code: 'E_DISK_FULL', exitCode: 73 })
})

void t.test('a cluster.json that is torn or of another version is refused', async (t) => {
  const files = new FakeFiles()
  files.write('/c/cluster.json', '{"version":1,"na')
  t.throws(() => prepareDirectory(files, '/c'), { code: 'E_CLUSTER_FILE' })
  const fields = { name: 'x', id: 'a', token: 't', shape: {}, runtime: {}, processes: [] }
  files.write('/c/cluster.json', JSON.stringify({ version: 99, ...fields }))
  t.throws(() => prepareDirectory(files, '/c'), { code: 'E_CLUSTER_FILE', found: /format version 99/ })
})

import t from 'tap'
import { createNodePowers } from '../../platform/node/powers.ts'
import { LinuxVolumeHost } from './linux-volume-host.ts'

const { files, processes } = createNodePowers({ component: 'test', logLevel: 'error' })
const bytes = (text: string) => new TextEncoder().encode(text)
const file = (path: string, text: string, mode = 0o644) => ({ path, content: bytes(text), mode })

function hostIn(t: { testdir(): string }): LinuxVolumeHost {
  return new LinuxVolumeHost({ files, processes, rootDir: t.testdir() })
}

t.test('content appears through one link, and is swapped whole', async (t) => {
  const host = hostIn(t)
  const write = (...entries: ReturnType<typeof file>[]) =>
    host.writeFiles({ podUid: 'u', volume: 'v', files: entries, fsGroup: undefined })
  const path = await write(file('a', '1'), file('deep/b', '2', 0o400))
  t.equal(files.readText(`${path}/a`), '1')
  t.equal(files.readText(`${path}/deep/b`), '2')
  t.equal(files.readLink(`${path}/a`), '..data/a')
  const first = files.readLink(`${path}/..data`)
  t.equal(files.stat(`${path}/${first}/deep/b`)?.mode, 0o400)
  await write(file('a', '1'), file('deep/b', '2', 0o400))
  t.equal(files.readLink(`${path}/..data`), first, 'the same content is not written again')
  await write(file('a', '3'), file('c', '4'))
  t.not(files.readLink(`${path}/..data`), first)
  t.same(
    files.list(path).filter((name) => !name.startsWith('..')),
    ['a', 'c'],
  )
  t.equal(files.readText(`${path}/a`), '3')
  t.notOk(files.exists(`${path}/${first}`), 'the old one is gone')
})

t.test('a volume that was made is found again, and removed with its pod', async (t) => {
  const host = hostIn(t)
  const path = await host.prepareDirectory({
    podUid: 'u',
    volume: 'v',
    medium: 'disk',
    sizeLimitBytes: undefined,
    fsGroup: undefined,
  })
  t.equal(await host.find('u', 'v'), path)
  t.equal(files.stat(path)?.mode, 0o777)
  t.same(await host.listPods(), ['u'])
  await host.removePod('u')
  t.equal(await host.find('u', 'v'), undefined)
})

t.test('a subPath stays inside its volume', async (t) => {
  const host = hostIn(t)
  const path = await host.prepareDirectory({
    podUid: 'u',
    volume: 'v',
    medium: 'disk',
    sizeLimitBytes: undefined,
    fsGroup: undefined,
  })
  t.equal(await host.resolveSubPath(path, 'a/b'), `${path}/a/b`)
  await t.rejects(host.resolveSubPath(path, '../other'), /must not contain/)
  files.symlink('/etc', `${path}/escape`)
  await t.rejects(host.resolveSubPath(path, 'escape'), /leads out of its volume, to \/etc/)
})

t.test('a host path is checked by its type', async (t) => {
  const host = hostIn(t)
  const path = t.testdir({ file: 'x' })
  await host.checkHostPath(`${path}/file`, 'File')
  await t.rejects(host.checkHostPath(`${path}/file`, 'Directory'), /is not a directory but regular file/)
  await t.rejects(host.checkHostPath(`${path}/none`, 'File'), /is not a file but nothing/)
  await host.checkHostPath(`${path}/new`, 'DirectoryOrCreate')
  t.equal(files.stat(`${path}/new`)?.type, 'directory')
})

/** The store on a real disk: unpacking keeps owners, so it runs as root; the test runner decides. */
import t from 'tap'
import { createNodePowers } from '../../platform/node/powers.ts'
import { type RootfsEntry, writeLayout } from './image-build.ts'
import { type ImageStoreConfig, loadImages, openImageStore } from './index.ts'

const powers = createNodePowers({ component: 'test', logLevel: 'error' })
const { files, processes } = powers

const description = (name: string, entries: readonly RootfsEntry[]) => ({
  name,
  architecture: 'amd64',
  entries,
  config: {
    Entrypoint: ['/run'],
    Cmd: ['now'],
    Env: ['A=b'],
    User: '7',
    WorkingDir: '/w',
    StopSignal: 'SIGQUIT',
  },
})
const hello: RootfsEntry = { type: 'file', path: 'etc/hello', content: 'hello', mode: 0o640 }

function place(t: { testdir(): string }): { directory: string; config: ImageStoreConfig } {
  const directory = t.testdir()
  return { directory, config: { directory: `${directory}/store`, architecture: 'amd64' } }
}

t.test('a layout is loaded, found by its name, and its layer unpacked', async (t) => {
  const { directory, config } = place(t)
  await writeLayout(powers, `${directory}/layout`, [
    description('skedia.local/a:1', [hello, { type: 'symlink', path: 'link', target: 'etc/hello' }]),
  ])
  await loadImages(powers, config, { path: `${directory}/layout` })
  const image = await openImageStore(powers, config).find('skedia.local/a:1')
  t.match(image?.config, {
    entrypoint: ['/run'],
    command: ['now'],
    environment: ['A=b'],
    user: '7',
    workingDirectory: '/w',
    stopSignal: 'SIGQUIT',
  })
  const [layer = ''] = image?.layers ?? []
  t.equal(files.readText(`${layer}/etc/hello`), 'hello')
  t.equal(files.readLink(`${layer}/link`), 'etc/hello')
  t.equal(files.stat(`${layer}/etc/hello`)?.mode, 0o640)
})

t.test('the same content gives the same image on every machine, and shares its layer', async (t) => {
  const { directory, config } = place(t)
  for (const name of ['one', 'two']) {
    await writeLayout(powers, `${directory}/${name}`, [description(`skedia.local/${name}:1`, [hello])])
    await loadImages(powers, config, { path: `${directory}/${name}` })
  }
  const store = openImageStore(powers, config)
  const [one, two] = [await store.find('skedia.local/one:1'), await store.find('skedia.local/two:1')]
  t.equal(one?.id, two?.id)
  t.same(files.list(`${config.directory}/layers`).length, 1)
})

t.test('a tar of a layout loads, under another name if wanted', async (t) => {
  const { directory, config } = place(t)
  await writeLayout(powers, `${directory}/layout`, [description('skedia.local/a:1', [hello])])
  await processes.run({
    command: 'tar',
    args: ['-czf', `${directory}/a.tgz`, '-C', `${directory}/layout`, '.'],
    timeoutMs: 10_000,
  })
  await loadImages(powers, config, { path: `${directory}/a.tgz`, name: 'b:2' })
  t.same((await openImageStore(powers, config).find('b:2'))?.names, ['docker.io/library/b:2'])
})

t.test('a removed image takes the layers that only it had', async (t) => {
  const { directory, config } = place(t)
  const other: RootfsEntry = { type: 'file', path: 'other', content: 'x', mode: 0o644 }
  await writeLayout(powers, `${directory}/layout`, [
    description('skedia.local/a:1', [hello]),
    description('skedia.local/b:1', [other]),
  ])
  await loadImages(powers, config, { path: `${directory}/layout` })
  const store = openImageStore(powers, config)
  await store.remove((await store.find('skedia.local/a:1'))?.id ?? '')
  t.equal(await store.find('skedia.local/a:1'), undefined)
  t.ok(await store.find('skedia.local/b:1'))
  t.equal(files.list(`${config.directory}/layers`).length, 1)
})

t.test('a damaged layer is refused and nothing of it stays', async (t) => {
  const { directory, config } = place(t)
  await writeLayout(powers, `${directory}/layout`, [description('skedia.local/a:1', [hello])])
  const blobs = `${directory}/layout/blobs/sha256`
  const layer =
    files.list(blobs).find((name) => (files.stat(`${blobs}/${name}`)?.sizeBytes ?? 0) >= 1024) ?? ''
  files.write(`${blobs}/${layer}`, new Uint8Array(2048))
  await t.rejects(loadImages(powers, config, { path: `${directory}/layout` }), {
    message: /has the digest sha256:.* damaged/,
  })
  t.same(files.list(`${config.directory}/layers`), [])
  t.same(files.list(`${config.directory}/tmp`), [])
  t.same(await openImageStore(powers, config).list(), [])
})

t.test('what is no image is refused with what was found', async (t) => {
  const { directory, config } = place(t)
  files.write(`${directory}/text`, 'hello')
  await t.rejects(loadImages(powers, config, { path: `${directory}/text` }), /it is not a tar archive/)
  await t.rejects(loadImages(powers, config, { path: `${directory}/none` }), /there is no such file/)
  files.makeDirectory(`${directory}/empty`)
  await t.rejects(
    loadImages(powers, config, { path: `${directory}/empty` }),
    /neither index.json \(OCI layout\) nor manifest.json/,
  )
})

t.test('an archive whose names lead out of it is refused', async (t) => {
  const { directory, config } = place(t)
  files.makeDirectory(`${directory}/evil`)
  files.write(
    `${directory}/evil/manifest.json`,
    JSON.stringify([{ Config: '../../etc/passwd', RepoTags: ['a:1'], Layers: [] }]),
  )
  await t.rejects(loadImages(powers, config, { path: `${directory}/evil` }), /outside of it/)
})

import t from 'tap'
import type { Volume } from '../../api/types.ts'
import { podOf } from '../testing/pod-fixtures.ts'
import { volumeContent, VolumeError, type VolumeSources } from './volume-content.ts'

const sources: VolumeSources = {
  pod: { ...podOf(), metadata: { ...podOf().metadata, labels: { b: '2', a: '1' } } },
  facts: { podIP: '', hostIP: '', nodeName: 'n1', allocatableCpuMillis: 1000, allocatableMemoryBytes: 1 },
  configMap: (name) =>
    name === 'settings'
      ? {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: {},
          data: { colour: 'blue', size: 'L' },
          binaryData: { raw: btoa('\x01') },
        }
      : undefined,
  secret: (name) =>
    name === 'keys'
      ? { apiVersion: 'v1', kind: 'Secret', metadata: {}, data: { token: btoa('s3cret') } }
      : undefined,
  token: (audience, seconds) => `token for ${audience ?? 'the API'} and ${seconds} s`,
}

function files(source: Omit<Volume, 'name'>): Readonly<Record<string, string>> | undefined {
  const found = volumeContent({ name: 'v', ...source }, sources)
  return (
    found &&
    Object.fromEntries(
      found.map(({ path, content, mode }) => [
        path,
        `${mode.toString(8)} ${new TextDecoder().decode(content)}`,
      ]),
    )
  )
}

t.test("a configMap's keys are files, binary ones too", async (t) => {
  t.same(files({ configMap: { name: 'settings' } }), { colour: '644 blue', size: '644 L', raw: '644 \x01' })
})

t.test('items choose keys, paths and modes', async (t) => {
  const items = [{ key: 'colour', path: 'deep/colour', mode: 0o400 }]
  t.same(files({ configMap: { name: 'settings', items } }), { 'deep/colour': '400 blue' })
})

t.test('a secret is decoded', async (t) => {
  t.same(files({ secret: { secretName: 'keys', defaultMode: 0o600 } }), { token: '600 s3cret' })
})

t.test('what is missing is an error, unless it is optional', async (t) => {
  t.throws(() => files({ configMap: { name: 'none' } }), new VolumeError('configmap "none" not found'))
  t.throws(
    () => files({ secret: { secretName: 'keys', items: [{ key: 'no', path: 'x' }] } }),
    new VolumeError('secret "keys" references non-existent key: no'),
  )
  t.same(files({ configMap: { name: 'none', optional: true } }), {})
})

t.test('paths that lead out of the volume are refused', async (t) => {
  for (const path of ['/etc/passwd', '../x', 'a/../../x']) {
    t.throws(
      () => files({ configMap: { name: 'settings', items: [{ key: 'colour', path }] } }),
      /must be relative/,
    )
  }
})

t.test('what every pod gets: token, root certificate and namespace in one projected volume', async (t) => {
  const projected = {
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
      { configMap: { name: 'settings', items: [{ key: 'colour', path: 'ca.crt' }] } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
    ],
  }
  t.same(files({ projected }), {
    token: '644 token for the API and 3607 s',
    'ca.crt': '644 blue',
    namespace: '644 default',
  })
})

t.test('the downward API writes maps sorted', async (t) => {
  t.same(
    files({ downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } }),
    { labels: '644 a="1"\nb="2"' },
  )
})

t.test('other volumes are none of this', async (t) => {
  t.equal(files({ emptyDir: {} }), undefined)
})

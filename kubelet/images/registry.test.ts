import t from 'tap'
import { createNodePowers } from '../../platform/node/powers.ts'
import type { HttpRequest, HttpResponse } from '../../platform/network.ts'
import { SimWorld } from '../../platform/sim/index.ts'
import { ImageError } from './image-service.ts'
import { digestOf } from './image-store.ts'
import { mediaTypes } from './manifest.ts'
import { parseReference } from './reference.ts'
import { createRegistry, type FetchedImage, placesOf, type Registry } from './registry.ts'

const { crypto } = createNodePowers({ component: 'test', logLevel: 'error' })
const bytes = (text: string) => new TextEncoder().encode(text)
const layer = bytes('a layer')
const config = bytes('{"rootfs":{"diff_ids":[]}}')
const descriptor = (mediaType: string, content: Uint8Array) => ({
  mediaType,
  digest: digestOf(crypto, content),
  size: content.length,
})
const manifest = bytes(
  JSON.stringify({
    schemaVersion: 2,
    config: descriptor(mediaTypes.ociConfig, config),
    layers: [descriptor(mediaTypes.ociLayer, layer)],
  }),
)
const index = bytes(
  JSON.stringify({
    schemaVersion: 2,
    manifests: [
      {
        ...descriptor(mediaTypes.ociManifest, bytes('other')),
        platform: { os: 'linux', architecture: 's390x' },
      },
      { ...descriptor(mediaTypes.ociManifest, manifest), platform: { os: 'linux', architecture: 'amd64' } },
    ],
  }),
)

type Answer = (path: string, request: HttpRequest) => HttpResponse | undefined

/** A registry at 127.0.0.1:5000 in a simulated network, and a puller beside it. */
async function registryWith(answer: Answer, mirrors: Readonly<Record<string, readonly string[]>> = {}) {
  const world = new SimWorld(1n)
  const { powers } = world.startProcess({ name: 'one', machine: world.machine('127.0.0.1') })
  const asked: string[] = []
  const content: Readonly<Record<string, Uint8Array>> = {
    '/v2/web/manifests/1': index,
    [`/v2/web/manifests/${digestOf(crypto, manifest)}`]: manifest,
    [`/v2/web/blobs/${digestOf(crypto, config)}`]: config,
    [`/v2/web/blobs/${digestOf(crypto, layer)}`]: layer,
  }
  const listening = powers.network.listenHttp({
    address: { host: '127.0.0.1', port: 5000 },
    tls: undefined,
    handler: {
      request: async (request) => {
        asked.push(request.url)
        const found = content[request.url]
        return (
          answer(request.url, request) ??
          (found
            ? { status: 200, headers: {}, body: found }
            : { status: 404, headers: {}, body: '{"errors":[{"message":"manifest unknown"}]}' })
        )
      },
    },
  })
  await world.run(10)
  await listening
  powers.files.makeDirectory('/tmp')
  const registry = createRegistry({
    ...powers,
    crypto,
    architecture: 'amd64',
    mirrors,
    certificateAuthority: undefined,
  })
  const fetch = async (name: string): Promise<FetchedImage> => {
    const options: Parameters<Registry['fetch']>[1] = {
      signal: new AbortController().signal,
      hasLayer: () => false,
      temporaryPath: () => '/tmp/layer',
    }
    let isSettled = false
    const fetching = registry.fetch(parseReference(name), options).finally(() => {
      isSettled = true
    })
    fetching.catch(() => {}) // awaited below
    await world.runUntil(() => isSettled, 60_000)
    return await fetching
  }
  return { fetch, asked, saved: () => powers.files.readBytes('/tmp/layer') }
}

const asUsual: Answer = () => undefined

t.test("an image of many platforms gives this machine's", async (t) => {
  const { fetch, saved } = await registryWith(asUsual)
  const image = await fetch('127.0.0.1:5000/web:1')
  t.same(image.config, config)
  t.same(
    image.layers.map((one) => one.digest),
    [digestOf(crypto, layer)],
  )
  t.equal(image.manifestDigest, digestOf(crypto, index))
  t.same(saved(), layer)
})

t.test('a tag that is not there says so, with the place and what to do', async (t) => {
  const { fetch } = await registryWith(asUsual)
  await t.rejects(fetch('127.0.0.1:5000/web:9'), {
    name: 'ImageError',
    message: /127\.0\.0\.1:5000: manifests\/9: not found \(HTTP 404, manifest unknown\); check the name/,
  })
})

t.test('a challenge is answered with a token, once', async (t) => {
  const { fetch, asked } = await registryWith((path, request): HttpResponse | undefined => {
    if (path.startsWith('/token')) return { status: 200, headers: {}, body: '{"token":"abc"}' }
    if (request.headers.authorization === 'Bearer abc') return undefined
    const challenge = 'Bearer realm="http://127.0.0.1:5000/token",service="reg",scope="repository:web:pull"'
    return { status: 401, headers: { 'www-authenticate': challenge }, body: '' }
  })
  await fetch('127.0.0.1:5000/web:1')
  t.equal(asked.filter((path) => path.startsWith('/token')).length, 1)
  t.match(
    asked.find((path) => path.startsWith('/token')),
    /scope=repository%3Aweb%3Apull/,
  )
})

t.test('redirects are followed, without the token', async (t) => {
  const { fetch, asked } = await registryWith((path, request): HttpResponse | undefined => {
    if (path === '/elsewhere')
      return {
        status: 200,
        headers: {},
        body: request.headers.authorization === undefined ? layer : bytes('leaked'),
      }
    if (path.endsWith(digestOf(crypto, layer)))
      return { status: 307, headers: { location: '/elsewhere' }, body: '' }
    return undefined
  })
  await fetch('127.0.0.1:5000/web:1')
  t.ok(asked.includes('/elsewhere'))
})

t.test('a document that is not what its digest says is refused', async (t) => {
  const { fetch } = await registryWith((path) =>
    path.endsWith(digestOf(crypto, config)) ? { status: 200, headers: {}, body: bytes('{}') } : undefined,
  )
  await t.rejects(fetch('127.0.0.1:5000/web:1'), /has the digest .* damaged/)
})

t.test('a mirror is asked before the registry', async (t) => {
  const { fetch } = await registryWith(asUsual, { 'example.com': ['http://127.0.0.1:5000/'] })
  t.equal((await fetch('example.com/web:1')).layers.length, 1)
})

t.test('loopback registries are plain http, skedia.local is asked nowhere', async (t) => {
  t.same(placesOf(parseReference('localhost:5000/a'), {}), ['http://localhost:5000'])
  t.same(placesOf(parseReference('nginx'), { '*': ['https://m/'] }), [
    'https://m',
    'https://registry-1.docker.io',
  ])
  t.same(placesOf(parseReference('skedia.local/web'), {}), [])
  const { fetch } = await registryWith(asUsual)
  await t.rejects(
    fetch('skedia.local/other:1'),
    new ImageError(
      'ErrImagePull',
      'it is not on this node, and skedia.local is no registry: bring it with "skedia image load <archive>"',
    ),
  )
})

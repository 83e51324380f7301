/**
 * The pulling half of the OCI distribution protocol: manifests, lists of them, blobs, mirrors, tokens.
 *
 * A registry is asked over https, a loopback one over http. Mirrors of a registry are tried first, in
 * order; the error of the last one asked is told, with every place that was tried.
 * Source: OCI distribution-spec "Pull"; Docker token authentication.
 */
import { messageOf } from '../../platform/assert.ts'
import type { Clock } from '../../platform/clock.ts'
import { withDeadline } from '../../platform/clock.ts'
import type { Crypto } from '../../platform/crypto.ts'
import type { Files } from '../../platform/files.ts'
import type { HttpClient, HttpClientResponse, Network } from '../../platform/network.ts'
import { ImageError, type RegistryCredentials } from './image-service.ts'
import { digestOf, type LayerArchive } from './image-store.ts'
import { joined } from './layers.ts'
import { type Descriptor, mediaTypes, parseManifest, pickPlatform } from './manifest.ts'
import type { ImageReference } from './reference.ts'

export interface RegistryOptions {
  readonly clock: Clock
  readonly crypto: Crypto
  readonly files: Files
  readonly network: Network
  /** `amd64`, as images name it. */
  readonly architecture: string
  /** Registry → places to ask instead, `https://mirror.example[:port]`; `*` stands for every registry. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>
  /** PEM of the authorities that public registries are checked against; undefined: the machine's. */
  readonly certificateAuthority: string | undefined
}

export interface FetchedImage {
  readonly manifestDigest: string
  readonly config: Uint8Array
  readonly layers: readonly LayerArchive[]
}

export interface FetchOptions {
  readonly credentials?: RegistryCredentials | undefined
  readonly signal: AbortSignal
  readonly hasLayer: (digest: string) => boolean
  readonly temporaryPath: () => string
}

export interface Registry {
  /** @throws ImageError, NetworkError */
  fetch(reference: ImageReference, options: FetchOptions): Promise<FetchedImage>
}

/** Names of images that only ever come by `skedia image load` or at set-up. */
export const localRegistry = 'skedia.local'
const documentBytesMax = 4 * 1024 * 1024
const requestTimeoutMs = 30_000
const blobTimeoutMs = 900_000
const redirectsMax = 5
const appendBytes = 1024 * 1024

const machineAuthorities = '/etc/ssl/certs/ca-certificates.crt'

/** A puller. Opens no connection before `fetch`. */
export function createRegistry(options: RegistryOptions): Registry {
  return {
    fetch: async (reference, fetchOptions) => {
      const places = placesOf(reference, options.mirrors)
      const failures: string[] = []
      for (const place of places) {
        const session = new Session(options, place, reference, fetchOptions)
        try {
          return await session.fetch()
        } catch (error) {
          if (fetchOptions.signal.aborted) throw error
          failures.push(`${place}: ${messageOf(error)}`)
          if (error instanceof ImageError && error.reason !== 'ErrImagePull') throw error
        } finally {
          session.close()
        }
      }
      throw new ImageError('ErrImagePull', failureText(reference, failures))
    },
  }
}

function failureText(reference: ImageReference, failures: readonly string[]): string {
  if (reference.registry === localRegistry && failures.length === 0) {
    return `it is not on this node, and ${localRegistry} is no registry: bring it with "skedia image load <archive>"`
  }
  return `${failures.join('; ')}; check the name, bring it with "skedia image load <archive>", or name a mirror`
}

/** Base addresses to ask, the registry itself last. */
export function placesOf(reference: ImageReference, mirrors: RegistryOptions['mirrors']): readonly string[] {
  const { registry } = reference
  const asked = [...(mirrors[registry] ?? []), ...(mirrors['*'] ?? [])]
  const tried = asked.map((place) => place.replace(/\/$/, ''))
  if (registry === localRegistry) return tried
  if (registry === 'docker.io') return [...tried, 'https://registry-1.docker.io']
  return [...tried, `${isLoopback(registry) ? 'http' : 'https'}://${registry}`]
}

function isLoopback(registry: string): boolean {
  const host = registry.replace(/:\d+$/, '')
  return host === 'localhost' || host.endsWith('.localhost') || host.startsWith('127.') || host === '[::1]'
}

/** One image from one place. */
class Session {
  readonly #options: RegistryOptions
  readonly #place: string
  readonly #reference: ImageReference
  readonly #fetch: FetchOptions
  readonly #client: HttpClient
  #authorization: string | undefined

  constructor(options: RegistryOptions, place: string, reference: ImageReference, fetch: FetchOptions) {
    this.#options = options
    this.#place = place
    this.#reference = reference
    this.#fetch = fetch
    const authority =
      options.certificateAuthority ??
      (options.files.exists(machineAuthorities) ? options.files.readText(machineAuthorities) : undefined)
    const tls = authority === undefined ? undefined : { certificateAuthority: authority }
    this.#client = options.network.httpClient({ tls, connectTimeoutMs: 10_000 })
  }

  close(): void {
    this.#client.close()
  }

  async fetch(): Promise<FetchedImage> {
    let { bytes, digest } = await this.#manifest(this.#reference.digest ?? this.#reference.tag ?? 'latest')
    let manifest = parseManifest(bytes)
    if (manifest.kind === 'index') {
      const { architecture } = this.#options
      const entry = pickPlatform(manifest.manifests, architecture)
      if (entry === undefined) {
        const found = manifest.manifests
          .map((one) => `${one.platform?.os}/${one.platform?.architecture}`)
          .join(', ')
        throw new ImageError(
          'ErrImagePull',
          `no match for platform linux/${architecture} in manifest: it has ${found}`,
        )
      }
      const listDigest = digest
      ;({ bytes } = await this.#manifest(entry.digest))
      digest = listDigest
      manifest = parseManifest(bytes)
    }
    if (manifest.kind === 'index')
      throw new ImageError('ErrImagePull', 'an image index inside an image index is not supported')
    const config = await this.#document(`blobs/${manifest.config.digest}`, manifest.config.digest)
    const layers: LayerArchive[] = []
    for (const layer of manifest.layers) layers.push(await this.#layer(layer))
    return { manifestDigest: digest, config, layers }
  }

  async #manifest(tagOrDigest: string): Promise<{ bytes: Uint8Array; digest: string }> {
    const accept = [
      mediaTypes.ociManifest,
      mediaTypes.ociIndex,
      mediaTypes.dockerManifest,
      mediaTypes.dockerList,
    ].join(', ')
    const expected = tagOrDigest.startsWith('sha256:') ? tagOrDigest : undefined
    const bytes = await this.#document(`manifests/${tagOrDigest}`, expected, accept)
    return { bytes, digest: digestOf(this.#options.crypto, bytes) }
  }

  /** A small document, checked against its digest where one is expected. */
  async #document(path: string, expected: string | undefined, accept = '*/*'): Promise<Uint8Array> {
    return await withDeadline(
      {
        clock: this.#options.clock,
        timeoutMs: requestTimeoutMs,
        attempted: `GET ${path} of ${this.#place}`,
        parent: this.#fetch.signal,
      },
      async (signal) => {
        const response = await this.#get(path, accept, signal)
        const bytes = await readAll(response, documentBytesMax)
        const found = digestOf(this.#options.crypto, bytes)
        if (expected !== undefined && found !== expected) {
          throw new ImageError(
            'ErrImagePull',
            `${path} has the digest ${found}: the registry or what lies between has damaged it`,
          )
        }
        return bytes
      },
    )
  }

  async #layer(layer: Descriptor): Promise<LayerArchive> {
    if (this.#fetch.hasLayer(layer.digest)) return { digest: layer.digest, path: '', sizeBytes: layer.size }
    const path = this.#fetch.temporaryPath()
    await withDeadline(
      {
        clock: this.#options.clock,
        timeoutMs: blobTimeoutMs,
        attempted: `GET layer ${layer.digest} of ${this.#place}`,
        parent: this.#fetch.signal,
      },
      async (signal) => {
        const response = await this.#get(`blobs/${layer.digest}`, '*/*', signal)
        await this.#save(response, path)
      },
    )
    return { digest: layer.digest, path, sizeBytes: layer.size }
  }

  async #save(response: HttpClientResponse, path: string): Promise<void> {
    let pending: Uint8Array[] = []
    let pendingBytes = 0
    const flush = () => {
      this.#options.files.write(path, joined(pending), { append: true })
      pending = []
      pendingBytes = 0
    }
    for (let chunk = await response.body.read(); chunk !== undefined; chunk = await response.body.read()) {
      pending.push(chunk)
      pendingBytes += chunk.length
      if (pendingBytes >= appendBytes) flush()
    }
    flush()
  }

  /** Follows redirects (without the token: it is the registry's alone) and answers one challenge. */
  async #get(path: string, accept: string, signal: AbortSignal): Promise<HttpClientResponse> {
    const mirrored = this.#place.endsWith('/v2') ? this.#place : `${this.#place}/v2`
    let url = `${mirrored}/${this.#reference.repository}/${path}`
    let isRedirected = false
    for (let step = 0; step <= redirectsMax; step += 1) {
      const authorization = isRedirected ? undefined : this.#authorization
      const response = await this.#client.request({
        method: 'GET',
        url,
        headers: {
          accept,
          'user-agent': 'skedia',
          ...(authorization === undefined ? {} : { authorization }),
        },
        signal,
      })
      if (response.status === 200) return response
      const body = new TextDecoder().decode(await readAll(response, 65_536))
      const location = response.headers.location
      if (response.status >= 300 && response.status < 400 && location !== undefined) {
        url = new URL(location, url).toString()
        isRedirected = true
        continue
      }
      const challenge = response.headers['www-authenticate']
      if (
        response.status === 401 &&
        challenge !== undefined &&
        authorization === undefined &&
        !isRedirected
      ) {
        this.#authorization = await this.#authorize(challenge, signal)
        continue
      }
      throw new ImageError('ErrImagePull', statusText(response.status, path, body))
    }
    throw new ImageError('ErrImagePull', `${path}: more than ${redirectsMax} redirects`)
  }

  async #authorize(challenge: string, signal: AbortSignal): Promise<string> {
    const { credentials } = this.#fetch
    const basic = credentials && `Basic ${btoa(`${credentials.username}:${credentials.password}`)}`
    if (/^basic/i.test(challenge)) {
      if (basic === undefined)
        throw new ImageError('ErrImagePull', 'the registry asks for a login: name one in imagePullSecrets')
      return basic
    }
    const parameters = new Map(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1] ?? '', match[2] ?? '']),
    )
    const realm = parameters.get('realm')
    if (realm === undefined)
      throw new ImageError('ErrImagePull', `the registry's challenge names no realm: ${challenge}`)
    const url = new URL(realm)
    url.searchParams.set('service', parameters.get('service') ?? '')
    url.searchParams.set('scope', parameters.get('scope') ?? `repository:${this.#reference.repository}:pull`)
    const response = await this.#client.request({
      method: 'GET',
      url: url.toString(),
      headers: basic === undefined ? {} : { authorization: basic },
      signal,
    })
    const body = new TextDecoder().decode(await readAll(response, 65_536))
    const [, token] = /"(?:access_)?token"\s*:\s*"([^"]+)"/.exec(body) ?? []
    if (response.status !== 200 || token === undefined) {
      throw new ImageError(
        'ErrImagePull',
        `the token service ${realm} answered ${response.status}: pull access denied, repository does not exist or may require authorization`,
      )
    }
    return `Bearer ${token}`
  }
}

function statusText(status: number, path: string, body: string): string {
  const [, message] = /"message"\s*:\s*"([^"]*)"/.exec(body) ?? []
  const reason =
    { 404: 'not found', 401: 'authorization failed', 403: 'access denied', 429: 'too many requests' }[
      status
    ] ?? 'unexpected status'
  return `${path}: ${reason} (HTTP ${status}${message === undefined ? '' : `, ${message}`})`
}

async function readAll(response: HttpClientResponse, sizeMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for (let chunk = await response.body.read(); chunk !== undefined; chunk = await response.body.read()) {
    sizeBytes += chunk.length
    if (sizeBytes > sizeMax) {
      response.body.cancel()
      throw new ImageError('ErrImagePull', `a document of the registry is larger than ${sizeMax} bytes`)
    }
    chunks.push(chunk)
  }
  return joined(chunks)
}

/**
 * Discovery: aggregated (v2, v2beta1) for clients whose Accept asks for it, else the legacy documents.
 * Documents are made when first asked for and kept; the aggregated ones have ETags.
 * Source: k8s.io/apiserver pkg/endpoints/discovery, KEP-3352.
 */
import { notAcceptable } from '../../api/meta/status.ts'
import type { Kind } from '../../api/kind.ts'
import type { Crypto } from '../../platform/crypto.ts'
import type { HttpResponse } from '../../platform/network.ts'
import { type MediaRange, parseAccept } from '../pipeline/negotiation.ts'
import {
  aggregatedResources,
  groupVersionText,
  legacyResources,
  type ServedGroup,
  servedGroups,
} from './groups.ts'

type AggregatedVersion = 'v2' | 'v2beta1'

interface Document {
  readonly body: string
  readonly etag: string
}

export class Discovery {
  readonly #crypto: Pick<Crypto, 'digest'>
  readonly #serverAddress: string
  readonly #documents = new Map<string, Document>()
  #groups: readonly ServedGroup[] | undefined

  constructor(crypto: Pick<Crypto, 'digest'>, serverAddress: string) {
    this.#crypto = crypto
    this.#serverAddress = serverAddress
  }

  /** The response to a discovery path; undefined when the path is none. @throws ApiError 406 */
  serve(path: string, headers: Readonly<Record<string, string>>): HttpResponse | undefined {
    const segments = path.split('/').filter((segment) => segment !== '')
    const [root, group, version, ...more] = segments
    if (more.length > 0) return undefined
    if (root === 'api' && group === undefined) return this.#root('/api', headers)
    if (root === 'apis' && group === undefined) return this.#root('/apis', headers)
    if (root === 'api' && version === undefined) return this.#resources('', group ?? '', headers)
    if (root !== 'apis' || group === undefined) return undefined
    return version === undefined ? this.#group(group, headers) : this.#resources(group, version, headers)
  }

  #allGroups(): readonly ServedGroup[] {
    this.#groups ??= servedGroups()
    return this.#groups
  }

  #root(path: '/api' | '/apis', headers: Readonly<Record<string, string>>): HttpResponse {
    for (const range of parseAccept(headers['accept'])) {
      const aggregated = aggregatedVersion(range)
      if (aggregated) return this.#aggregated(path, aggregated, headers)
      if (isPlainJson(range)) break
    }
    const document = this.#document(`legacy ${path}`, () =>
      path === '/api' ? this.#legacyCore() : this.#legacyGroups(),
    )
    return jsonResponse(document, 'application/json')
  }

  #aggregated(
    path: '/api' | '/apis',
    version: AggregatedVersion,
    headers: Readonly<Record<string, string>>,
  ): HttpResponse {
    const document = this.#document(`${version} ${path}`, () => this.#aggregatedList(path, version))
    const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`
    const extra = { etag: document.etag, vary: 'Accept' }
    if (headers['if-none-match'] === document.etag)
      return { status: 304, headers: { ...extra, 'content-type': type } }
    return { ...jsonResponse(document, type), headers: { ...extra, 'content-type': type } }
  }

  #aggregatedList(path: '/api' | '/apis', version: AggregatedVersion): unknown {
    const groups = this.#allGroups().filter(({ group }) => (group === '') === (path === '/api'))
    return {
      kind: 'APIGroupDiscoveryList',
      apiVersion: `apidiscovery.k8s.io/${version}`,
      metadata: {},
      items: groups.map(({ group, versions }) => ({
        metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
        versions: versions.map((served) => ({
          version: served.version,
          resources: aggregatedResources(served.kinds),
          freshness: 'Current',
        })),
      })),
    }
  }

  #legacyCore(): unknown {
    return {
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: this.#serverAddress }],
    }
  }

  #legacyGroups(): unknown {
    const groups = this.#allGroups().filter(({ group }) => group !== '')
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupEntry) }
  }

  #group(name: string, headers: Readonly<Record<string, string>>): HttpResponse | undefined {
    const group = this.#allGroups().find((candidate) => candidate.group === name)
    if (!group) return undefined
    demandJson(headers)
    const document = this.#document(`group ${name}`, () => ({
      kind: 'APIGroup',
      apiVersion: 'v1',
      ...groupEntry(group),
    }))
    return jsonResponse(document, 'application/json')
  }

  #resources(
    group: string,
    version: string,
    headers: Readonly<Record<string, string>>,
  ): HttpResponse | undefined {
    const served = this.#allGroups()
      .find((candidate) => candidate.group === group)
      ?.versions.find((candidate) => candidate.version === version)
    if (!served) return undefined
    demandJson(headers)
    const document = this.#document(`resources ${group}/${version}`, () => ({
      kind: 'APIResourceList',
      ...(group === '' ? {} : { apiVersion: 'v1' }),
      groupVersion: groupVersionText(group, version),
      resources: legacyResources(served.kinds, (kind) => this.#storageHash(kind)),
    }))
    return jsonResponse(document, 'application/json')
  }

  #storageHash(kind: Kind): string {
    const digest = this.#crypto.digest(`${kind.group}/${kind.version}/${kind.kind}`)
    return Buffer.from(digest.slice(0, 8)).toString('base64')
  }

  #document(key: string, make: () => unknown): Document {
    const known = this.#documents.get(key)
    if (known) return known
    const body = `${JSON.stringify(make())}\n`
    const hex = Buffer.from(this.#crypto.digest(body)).toString('hex').toUpperCase()
    const document = { body, etag: `"${hex}"` }
    this.#documents.set(key, document)
    return document
  }
}

function groupEntry({ group, versions }: ServedGroup) {
  const entries = versions.map(({ version }) => ({
    groupVersion: groupVersionText(group, version),
    version,
  }))
  return { name: group, versions: entries, preferredVersion: entries[0] }
}

function aggregatedVersion(range: MediaRange): AggregatedVersion | undefined {
  const { parameters } = range
  if (range.type !== 'application/json' || parameters.get('as') !== 'APIGroupDiscoveryList') return undefined
  if (parameters.get('g') !== 'apidiscovery.k8s.io') return undefined
  const version = parameters.get('v')
  return version === 'v2' || version === 'v2beta1' ? version : undefined
}

function isPlainJson(range: MediaRange): boolean {
  return (
    (range.type === 'application/json' && !range.parameters.has('as')) ||
    range.type === '*/*' ||
    range.type === 'application/*'
  )
}

function demandJson(headers: Readonly<Record<string, string>>): void {
  const ranges = parseAccept(headers['accept'])
  if (!ranges.some(isPlainJson) && !ranges.some((range) => range.type === 'application/json'))
    throw notAcceptable(['application/json'])
}

function jsonResponse(document: Document, type: string): HttpResponse {
  return { status: 200, headers: { 'content-type': type }, body: document.body }
}

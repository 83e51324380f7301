/**
 * OpenAPI: v3 as an index and one document per group version, v2 as one document. Each is made when first
 * asked for and kept as bytes. Hashes come from what a document is made of, so that the index costs nothing.
 *
 * v2 comes as JSON and as gnostic's protobuf, which kubectl asks for.
 */
import { notAcceptable } from '../../api/meta/status.ts'
import type { Crypto } from '../../platform/crypto.ts'
import type { HttpResponse } from '../../platform/network.ts'
import { type ServedVersion, servedGroups } from '../discovery/groups.ts'
import { versionInfo } from '../endpoints/version.ts'
import { parseAccept } from '../pipeline/negotiation.ts'
import { type DocumentV2, encodeDocument } from './protobuf-v2.ts'
import { pathsOf, rootPath } from './paths.ts'
import { listDefinition, schemasOf } from './schemas.ts'

const encoder = new TextEncoder()
const v3Dialect = { refPrefix: '#/components/schemas/', version: 3 } as const
const v2Dialect = { refPrefix: '#/definitions/', version: 2 } as const
const info = { title: 'Kubernetes', version: versionInfo.gitVersion }
const protobufV2Type = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
/** The same in letters that a media type may have: what the answer says, as kube-apiserver's does. */
const protobufV2AnswerType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
const protobufTypes = new Set([protobufV2Type, protobufV2AnswerType])
const jsonRanges = new Set(['application/json', 'application/*', '*/*'])

interface Part {
  readonly group: string
  readonly served: ServedVersion
  readonly path: string
  readonly hash: string
}

export class OpenApi {
  readonly #crypto: Pick<Crypto, 'digest'>
  readonly #documents = new Map<string, Uint8Array>()
  #parts: readonly Part[] | undefined

  constructor(crypto: Pick<Crypto, 'digest'>) {
    this.#crypto = crypto
  }

  /** The response to an OpenAPI path; undefined when the path is none. @throws ApiError 406 */
  serve(path: string, headers: Readonly<Record<string, string>>): HttpResponse | undefined {
    if (path === '/openapi/v2') return this.#v2(headers)
    if (path === '/openapi/v3' || path === '/openapi/v3/') return this.#index()
    if (!path.startsWith('/openapi/v3/')) return undefined
    const wanted = path.slice('/openapi/v3'.length)
    const part = this.#all().find((candidate) => candidate.path === wanted)
    return part && this.#v3(part, headers)
  }

  #all(): readonly Part[] {
    this.#parts ??= servedGroups().flatMap(({ group, versions }) =>
      versions.map((served) => {
        const names = served.kinds.map((kind) => `${kind.resource}:${kind.verbs.join('+')}`).join(',')
        const text = `${versionInfo.gitVersion} ${group}/${served.version} ${names}`
        const hash = Buffer.from(this.#crypto.digest(text)).toString('hex').toUpperCase()
        return { group, served, path: rootPath(group, served.version), hash }
      }),
    )
    return this.#parts
  }

  #index(): HttpResponse {
    const paths = Object.fromEntries(
      this.#all().map(({ path, hash }) => [
        path.slice(1),
        { serverRelativeURL: `/openapi/v3${path}?hash=${hash}` },
      ]),
    )
    return json(encoder.encode(JSON.stringify({ paths })), {})
  }

  #v3(part: Part, headers: Readonly<Record<string, string>>): HttpResponse {
    demandJson(headers)
    const etag = `"${part.hash}"`
    if (headers['if-none-match'] === etag) return { status: 304, headers: { etag } }
    const body = this.#document(part.path, () =>
      jsonBytes({
        openapi: '3.0.0',
        info,
        paths: pathsOf(part.served.kinds, v3Dialect),
        components: { schemas: schemasOf(rootsOf([part]), v3Dialect) },
      }),
    )
    return json(body, { etag, 'cache-control': 'public, immutable', vary: 'Accept' })
  }

  #v2(headers: Readonly<Record<string, string>>): HttpResponse {
    const range = parseAccept(headers['accept']).find(
      ({ type }) => jsonRanges.has(type) || protobufTypes.has(type),
    )
    if (!range) throw notAcceptable(['application/json', protobufV2Type])
    const isProtobuf = protobufTypes.has(range.type)
    const digest = this.#crypto.digest(
      this.#all()
        .map((part) => part.hash)
        .join(isProtobuf ? ' ' : ','),
    )
    const etag = `"${Buffer.from(digest).toString('hex').toUpperCase()}"`
    if (headers['if-none-match'] === etag) return { status: 304, headers: { etag, vary: 'Accept' } }
    if (isProtobuf) {
      const body = this.#document('/openapi/v2 protobuf', () => encodeDocument(this.#documentV2()))
      return { status: 200, headers: { etag, vary: 'Accept', 'content-type': protobufV2AnswerType }, body }
    }
    const body = this.#document('/openapi/v2', () => jsonBytes({ swagger: '2.0', ...this.#documentV2() }))
    return json(body, { etag, vary: 'Accept' })
  }

  #documentV2(): DocumentV2 {
    const parts = this.#all()
    return {
      info,
      paths: Object.fromEntries(
        parts.flatMap((part) => Object.entries(pathsOf(part.served.kinds, v2Dialect))),
      ),
      definitions: schemasOf(rootsOf(parts), v2Dialect),
    }
  }

  #document(key: string, make: () => Uint8Array): Uint8Array {
    const known = this.#documents.get(key)
    if (known) return known
    const bytes = make()
    this.#documents.set(key, bytes)
    return bytes
  }
}

function jsonBytes(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value))
}

function rootsOf(parts: readonly Part[]): readonly string[] {
  return parts.flatMap(({ served }) =>
    served.kinds.flatMap((kind) => {
      const list = listDefinition(kind)
      return list === undefined ? [kind.definition] : [kind.definition, list]
    }),
  )
}

function demandJson(headers: Readonly<Record<string, string>>): void {
  if (!parseAccept(headers['accept']).some((range) => jsonRanges.has(range.type)))
    throw notAcceptable(['application/json'])
}

function json(body: Uint8Array, headers: HttpResponse['headers']): HttpResponse {
  return { status: 200, headers: { ...headers, 'content-type': 'application/json' }, body }
}

/**
 * POST serviceaccounts/{name}/token: a short-lived token, bound if asked to a Pod, Secret or Node.
 * Source: k8s.io/kubernetes pkg/registry/core/serviceaccount/storage/token.go.
 */
import { decode } from '../../api/meta/codec.ts'
import { fieldOf, trusted } from '../../api/meta/json.ts'
import { badRequest, conflict, invalid, methodNotSupported, notFound } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { TokenRequestSpec } from '../../api/types.ts'
import { nodes } from '../../api/core/node.ts'
import { pods } from '../../api/core/pod.ts'
import { secrets } from '../../api/core/secret.ts'
import { formatTime } from '../../platform/clock.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { BoundObject, TokenSpec } from '../authn/service-account-tokens.ts'
import type { Parts } from '../parts.ts'
import { readBody } from '../pipeline/read-body.ts'
import { objectKey } from '../storage/keys.ts'
import { asObject } from '../storage/parse.ts'
import { encodedResponse } from '../verbs/encode.ts'
import { encodeContext, type ResourceExchange } from '../verbs/resource-exchange.ts'

const expirationSecondsMin = 600
const expirationSecondsMax = 2 ** 32
const expirationSecondsDefault = 3_600

/** @throws ApiError 400, 404, 405, 409, 422 */
export async function serveToken(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  if (request.info.verb !== 'create') throw methodNotSupported(request.kind, request.info.verb)
  const context = encodeContext(parts, request)
  const given = await readTokenRequest(request)
  const account = await lookUp(parts, request, request.kind, request.info.name)
  const wanted = trusted<TokenRequestSpec | undefined>(given['spec'])
  const seconds = expirationOf(wanted?.expirationSeconds)
  const spec = await tokenSpec(parts, request, account, wanted, seconds)
  const { token, expiresMs } = parts.tokens.issue(spec)
  const answer = {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {
      name: request.info.name,
      namespace: request.info.namespace,
      creationTimestamp: formatTime(parts.powers.clock.wallMs()),
    },
    spec: {
      audiences: spec.audiences.length > 0 ? spec.audiences : [parts.config.serviceAccountIssuer],
      expirationSeconds: seconds,
      boundObjectRef: wanted?.boundObjectRef ?? null,
    },
    status: { token, expirationTimestamp: formatTime(expiresMs) },
  }
  return encodedResponse({ ...context.representation, as: 'none' }, 201, answer)
}

async function readTokenRequest(request: ResourceExchange): Promise<KubeObject> {
  const bytes = await readBody(request.http.body)
  if (bytes.length === 0) return asObject({ metadata: {}, spec: {} })
  const expected = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' }
  return decode(bytes, request.http.headers['content-type'] ?? '', expected).object
}

function expirationOf(asked: number | undefined): number {
  if (asked === undefined) return expirationSecondsDefault
  if (asked >= expirationSecondsMin && asked <= expirationSecondsMax) return asked
  const problem =
    asked < expirationSecondsMin
      ? 'may not specify a duration less than 10 minutes'
      : 'may not specify a duration larger than 2^32 seconds'
  throw invalid({ group: 'authentication.k8s.io', resource: 'TokenRequest' }, '', [
    {
      type: 'FieldValueInvalid',
      field: 'spec.expirationSeconds',
      message: `Invalid value: ${asked}: ${problem}`,
    },
  ])
}

async function tokenSpec(
  parts: Parts,
  request: ResourceExchange,
  account: KubeObject,
  wanted: TokenRequestSpec | undefined,
  expirationSeconds: number,
): Promise<TokenSpec> {
  const base = {
    namespace: request.info.namespace,
    name: request.info.name,
    uid: account.metadata.uid ?? '',
    audiences: wanted?.audiences ?? [],
    expirationSeconds,
  }
  const reference = wanted?.boundObjectRef
  if (!reference) return { ...base, bound: undefined, node: undefined }
  const kind = boundKind(reference.kind ?? '')
  const target = { Pod: pods, Secret: secrets, Node: nodes }[kind]
  const object = await lookUp(parts, request, target, reference.name ?? '')
  if (reference.uid && reference.uid !== object.metadata.uid)
    throw conflict(
      target,
      reference.name ?? '',
      `the UID in the bound object reference (${reference.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  if (kind === 'Pod') checkAccount(request, object)
  const bound: BoundObject = { kind, name: reference.name ?? '', uid: object.metadata.uid ?? '' }
  return { ...base, bound, node: kind === 'Pod' ? await nodeOf(parts, object) : undefined }
}

function boundKind(text: string): BoundObject['kind'] {
  if (text === 'Pod' || text === 'Secret' || text === 'Node') return text
  throw badRequest(`cannot bind token for serviceaccount to object kind ${JSON.stringify(text)}`)
}

function checkAccount(request: ResourceExchange, pod: KubeObject): void {
  const account = fieldOf(pod['spec'], 'serviceAccountName')
  if (account === request.info.name) return
  throw badRequest(
    `cannot bind token for serviceaccount ${JSON.stringify(request.info.name)} to pod running with different serviceaccount name.`,
  )
}

async function nodeOf(
  parts: Parts,
  pod: KubeObject,
): Promise<{ readonly name: string; readonly uid: string } | undefined> {
  const name = fieldOf(pod['spec'], 'nodeName')
  if (typeof name !== 'string' || name === '') return undefined
  const node = await parts.storage.get(objectKey(nodes, '', name))
  return { name, uid: node?.object().metadata.uid ?? '' }
}

async function lookUp(
  parts: Parts,
  request: ResourceExchange,
  kind: { group: string; resource: string; storagePath: string; namespaced: boolean },
  name: string,
): Promise<KubeObject> {
  const stored = await parts.storage.get(objectKey(kind, request.info.namespace, name))
  if (!stored) throw notFound(kind, name)
  return stored.object()
}

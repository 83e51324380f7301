/**
 * Requests for resources: finds the kind, checks that it knows the verb, and calls the verb's file.
 */
import { findKind } from '../../api/catalog.ts'
import { subresourcesOf } from '../../api/meta/kind-definition.ts'
import { methodNotSupported, pageNotFound } from '../../api/meta/status.ts'
import type { Verb } from '../../api/kind.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { Exchange } from '../pipeline/exchange.ts'
import type { Parts } from '../parts.ts'
import { findSubresource } from '../subresources/catalog.ts'
import { deprecationOf } from './deprecations.ts'
import { createVerb } from './create.ts'
import { deleteCollectionVerb, deleteVerb } from './delete.ts'
import { getVerb } from './get.ts'
import { listObjects } from './list.ts'
import { parseListOptions, parseSelection } from './list-options.ts'
import { listResponse } from './encode.ts'
import { patchVerb } from './patch.ts'
import { encodeContext, type ResourceExchange } from './resource-exchange.ts'
import { updateVerb } from './update.ts'
import { watchObjects } from './watch.ts'

/** @throws ApiError 404, 405 and whatever the verb throws */
export async function serveResource(parts: Parts, exchange: Exchange): Promise<HttpResponse> {
  const { info } = exchange
  const kind = findKind(info.group, info.version, info.resource)
  if (!kind) throw pageNotFound()
  if (kind.namespaced && info.namespace === '' && !isCrossNamespace(info.verb))
    throw info.name === '' ? methodNotSupported(kind, info.verb) : pageNotFound()
  if (!kind.namespaced && info.namespace !== '' && info.resource !== 'namespaces') throw pageNotFound()
  const request = { ...exchange, kind }
  const deprecation = deprecationOf(kind)
  if (deprecation !== undefined) exchange.warnings.push(deprecation)
  if (info.subresource !== '') return await serveSubresource(parts, request)
  if (!kind.verbs.some((verb) => verb === info.verb)) throw methodNotSupported(kind, info.verb)
  return await serveVerb(parts, request, asVerb(info.verb))
}

/** Verbs that work over all namespaces at once. */
function isCrossNamespace(verb: string): boolean {
  return verb === 'list' || verb === 'watch'
}

function asVerb(verb: string): Verb {
  switch (verb) {
    case 'create':
    case 'get':
    case 'list':
    case 'watch':
    case 'update':
    case 'patch':
    case 'delete':
    case 'deletecollection':
      return verb
    default:
      throw pageNotFound()
  }
}

async function serveVerb(parts: Parts, request: ResourceExchange, verb: Verb): Promise<HttpResponse> {
  switch (verb) {
    case 'get':
      return await getVerb(parts, request)
    case 'list':
      return await listVerb(parts, request)
    case 'watch':
      return await watchVerb(parts, request)
    case 'create':
      return await createVerb(parts, request)
    case 'update':
      return await updateVerb(parts, request, '')
    case 'patch':
      return await patchVerb(parts, request, '')
    case 'delete':
      return await deleteVerb(parts, request)
    case 'deletecollection':
      return await deleteCollectionVerb(parts, request)
  }
}

/** `/status` is the object seen from its other side; everything else has a file of its own. */
async function serveSubresource(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const { kind, info } = request
  const known = subresourcesOf(kind).find((candidate) => candidate.name === info.subresource)
  const own = findSubresource(kind, info.subresource)
  if (!known && !own) throw pageNotFound()
  if (own) return await own(parts, request)
  switch (info.verb) {
    case 'get':
      return await getVerb(parts, request)
    case 'update':
      return await updateVerb(parts, request, info.subresource)
    case 'patch':
      return await patchVerb(parts, request, info.subresource)
    default:
      throw methodNotSupported(kind, info.verb)
  }
}

async function listVerb(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const { kind, info, signal } = request
  const context = encodeContext(parts, request)
  const options = parseListOptions(info.query, false)
  const selection = parseSelection(kind, info.namespace, info.query)
  const list = await listObjects(parts, { kind, selection, options, signal })
  return listResponse(context, list)
}

async function watchVerb(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const { kind, info, signal } = request
  const context = encodeContext(parts, request, 'watch')
  const options = parseListOptions(info.query, true)
  const selection = parseSelection(kind, info.namespace, info.query)
  return await watchObjects(parts.powers, parts, { kind, selection, options, context, signal })
}

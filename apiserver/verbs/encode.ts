/**
 * Objects and lists as response bodies, in the representation that was negotiated. The plain JSON path
 * only copies bytes that the store or the cache already hold.
 */
import { encode as encodeMedia } from '../../api/meta/codec.ts'
import type { Kind, KubeObject } from '../../api/kind.ts'
import { notAcceptable } from '../../api/meta/status.ts'
import type { HttpResponse } from '../../platform/network.ts'
import { concatBytes } from '../pipeline/read-body.ts'
import type { Representation } from '../pipeline/negotiation.ts'
import { fromStorage, jsonFromStorage } from '../registry/conversion.ts'
import { apiVersionOf } from '../storage/keys.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import { parseIncludeObject, partialMetadata, tableOf } from '../table.ts'

const encoder = new TextEncoder()
const comma = encoder.encode(',')
const newline = encoder.encode('\n')

export interface EncodeContext {
  readonly kind: Kind
  readonly representation: Representation
  readonly query: URLSearchParams
  readonly nowMs: number
}

/** A stored object as a response. */
export function objectResponse(
  context: EncodeContext,
  status: number,
  stored: StoredObject,
  headers: HttpResponse['headers'] = {},
): HttpResponse {
  const { representation, kind } = context
  if (representation.as === 'none' && representation.mediaType === 'application/json') {
    const body = concatBytes([jsonFromStorage(kind, stored), newline])
    return { status, headers: { ...headers, 'content-type': 'application/json' }, body }
  }
  return valueResponse(context, status, fromStorage(kind, stored), headers)
}

/** An object that is not stored as it is (a dry run, a Scale, a review) as a response. */
export function valueResponse(
  context: EncodeContext,
  status: number,
  object: KubeObject,
  headers: HttpResponse['headers'] = {},
): HttpResponse {
  const value = transformed(context, object)
  return encodedResponse(context.representation, status, value, headers)
}

/** Any JSON value in the negotiated media type. */
export function encodedResponse(
  representation: Representation,
  status: number,
  value: unknown,
  headers: HttpResponse['headers'] = {},
): HttpResponse {
  const { mediaType } = representation
  const body = mediaType === 'application/json' ? `${JSON.stringify(value)}\n` : encodeMedia(value, mediaType)
  return { status, headers: { ...headers, 'content-type': mediaType }, body }
}

export interface ListPayload {
  readonly objects: readonly StoredObject[]
  readonly resourceVersion: string
  readonly continueToken: string
  readonly remaining: number | undefined
}

/** A list as a response. */
export function listResponse(
  context: EncodeContext,
  list: ListPayload,
  headers: HttpResponse['headers'] = {},
): HttpResponse {
  const { kind, representation } = context
  const metadata = {
    resourceVersion: list.resourceVersion,
    ...(list.continueToken === '' ? {} : { continue: list.continueToken }),
    ...(list.remaining === undefined ? {} : { remainingItemCount: list.remaining }),
  }
  if (representation.as === 'none' && representation.mediaType === 'application/json')
    return {
      status: 200,
      headers: { ...headers, 'content-type': 'application/json' },
      body: listBytes(kind, metadata, list.objects),
    }
  const objects = list.objects.map((stored) => fromStorage(kind, stored))
  return encodedResponse(representation, 200, listValue(context, objects, metadata), headers)
}

function listBytes(
  kind: Kind,
  metadata: Readonly<Record<string, unknown>>,
  objects: readonly StoredObject[],
): Uint8Array {
  const head = JSON.stringify({ kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata })
  const chunks: Uint8Array[] = [encoder.encode(`${head.slice(0, -1)},"items":[`)]
  objects.forEach((stored, at) => {
    if (at > 0) chunks.push(comma)
    chunks.push(jsonFromStorage(kind, stored))
  })
  chunks.push(encoder.encode(']}\n'))
  return concatBytes(chunks)
}

function listValue(
  context: EncodeContext,
  objects: readonly KubeObject[],
  metadata: Readonly<Record<string, unknown>>,
): unknown {
  const { kind, representation } = context
  switch (representation.as) {
    case 'Table':
      return tableOf(kind, objects, metadata, {
        version: representation.asVersion,
        includeObject: parseIncludeObject(context.query.get('includeObject')),
        nowMs: context.nowMs,
        withDefinitions: true,
      })
    case 'PartialObjectMetadataList':
      return {
        kind: 'PartialObjectMetadataList',
        apiVersion: `meta.k8s.io/${representation.asVersion}`,
        metadata,
        items: objects.map((object) => partialMetadata(object, representation.asVersion)),
      }
    case 'PartialObjectMetadata':
      throw notAcceptable(['application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'])
    case 'none':
      return { kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata, items: objects }
  }
}

/** One object under a transform. */
export function transformed(context: EncodeContext, object: KubeObject, withDefinitions = true): unknown {
  const { kind, representation } = context
  switch (representation.as) {
    case 'Table':
      return tableOf(
        kind,
        [object],
        { resourceVersion: object.metadata.resourceVersion },
        {
          version: representation.asVersion,
          includeObject: parseIncludeObject(context.query.get('includeObject')),
          nowMs: context.nowMs,
          withDefinitions,
        },
      )
    case 'PartialObjectMetadata':
      return partialMetadata(object, representation.asVersion)
    case 'PartialObjectMetadataList':
      throw notAcceptable(['application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'])
    case 'none':
      return object
  }
}

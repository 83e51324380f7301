/**
 * Which representation an Accept header asks for.
 *
 *     application/json;as=Table;v=v1;g=meta.k8s.io, application/json
 *
 * The first range that can be served wins, as in kube-apiserver. Source:
 * k8s.io/apiserver/pkg/endpoints/handlers/negotiation.
 */
import { notAcceptable } from '../../api/meta/status.ts'

export type MediaType = 'application/json' | 'application/yaml' | 'application/vnd.kubernetes.protobuf'
export type Transform = 'none' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'

export interface Representation {
  readonly mediaType: MediaType
  readonly as: Transform
  /** `v1` or `v1beta1` of meta.k8s.io for a transform. */
  readonly asVersion: string
}

/** One media range of an Accept header with its parameters, in the client's order of preference. */
export interface MediaRange {
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
}

const served: readonly MediaType[] = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
]
const transforms = new Set<string>(['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'])

/** @throws ApiError 406 when nothing that is asked for can be served */
export function negotiate(
  accept: string | undefined,
  options: { readonly transforms: boolean },
): Representation {
  for (const range of parseAccept(accept)) {
    const mediaType = matchType(range.type)
    if (!mediaType) continue
    const as = range.parameters.get('as') ?? ''
    if (as === '') return { mediaType, as: 'none', asVersion: '' }
    const version = range.parameters.get('v') ?? ''
    const isMeta = range.parameters.get('g') === 'meta.k8s.io' && (version === 'v1' || version === 'v1beta1')
    if (!options.transforms || !isMeta || !isTransform(as)) continue
    return { mediaType, as, asVersion: version }
  }
  throw notAcceptable(served)
}

/** The ranges of an Accept header by falling q, stable. */
export function parseAccept(accept: string | undefined): readonly MediaRange[] {
  if (accept === undefined || accept.trim() === '') return [{ type: '*/*', parameters: new Map() }]
  const ranges = accept.split(',').map(parseRange)
  return ranges
    .map((range, at) => ({ range, at, q: Number(range.parameters.get('q') ?? '1') }))
    .sort((a, b) => b.q - a.q || a.at - b.at)
    .map((entry) => entry.range)
}

function parseRange(text: string): MediaRange {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim())
  const parameters = new Map<string, string>()
  for (const parameter of rest) {
    const equals = parameter.indexOf('=')
    if (equals > 0) parameters.set(parameter.slice(0, equals), parameter.slice(equals + 1))
  }
  return { type: type.toLowerCase(), parameters }
}

function matchType(type: string): MediaType | undefined {
  if (type === '*/*' || type === 'application/*') return 'application/json'
  return served.find((candidate) => candidate === type)
}

function isTransform(text: string): text is Exclude<Transform, 'none'> {
  return transforms.has(text)
}

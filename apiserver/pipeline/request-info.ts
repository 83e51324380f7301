/**
 * What a request asks for, read from its method and path alone.
 *
 *     /api/v1/namespaces/{ns}/pods/{name}/{subresource}      /apis/{group}/{version}/…
 *
 * Source: k8s.io/apiserver/pkg/endpoints/request/requestinfo.go.
 */
export interface RequestInfo {
  readonly isResource: boolean
  /** get, list, watch, create, update, patch, delete, deletecollection, proxy; else the method in lower case. */
  readonly verb: string
  readonly path: string
  readonly query: URLSearchParams
  readonly group: string
  readonly version: string
  /** '' for a cluster-scoped request. */
  readonly namespace: string
  readonly resource: string
  readonly subresource: string
  readonly name: string
  /** Path segments below the subresource: what `proxy` passes on. */
  readonly rest: readonly string[]
}

/** Subresources of a Namespace itself; every other third segment is a resource in it. */
const namespaceSubresources = new Set(['status', 'finalize'])
const verbsByMethod: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

/** @throws URIError on malformed percent-encoding */
export function parseRequestInfo(method: string, url: string): RequestInfo {
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1))
  const segments = path
    .split('/')
    .filter((segment) => segment !== '')
    .map(decodeURIComponent)
  const place = placeOf(segments)
  if (!place) return nonResource(method, path, query)
  const parts = resourceParts(place.rest)
  if (!parts) return nonResource(method, path, query)
  return {
    isResource: true,
    verb: refineVerb(verbsByMethod[method] ?? method.toLowerCase(), parts.name, query),
    path,
    query,
    group: place.group,
    version: place.version,
    ...parts,
    name: parts.name === '' ? nameFromSelector(method, query) : parts.name,
  }
}

function nonResource(method: string, path: string, query: URLSearchParams): RequestInfo {
  return {
    isResource: false,
    verb: method.toLowerCase(),
    path,
    query,
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    rest: [],
  }
}

function placeOf(
  segments: readonly string[],
): { group: string; version: string; rest: readonly string[] } | undefined {
  const [root, first, second] = segments
  if (root === 'api' && first !== undefined && segments.length > 2)
    return { group: '', version: first, rest: segments.slice(2) }
  if (root === 'apis' && first !== undefined && second !== undefined && segments.length > 3)
    return { group: first, version: second, rest: segments.slice(3) }
  return undefined
}

type Parts = Pick<RequestInfo, 'namespace' | 'resource' | 'subresource' | 'name' | 'rest'>

function resourceParts(segments: readonly string[]): Parts | undefined {
  const [first, second, third] = segments
  if (first === undefined) return undefined
  if (first !== 'namespaces' || second === undefined) return partsBelow('', segments)
  if (third === undefined || namespaceSubresources.has(third))
    return { ...partsBelow('', segments), namespace: second }
  return partsBelow(second, segments.slice(2))
}

function partsBelow(namespace: string, segments: readonly string[]): Parts {
  const [resource = '', name = '', subresource = '', ...rest] = segments
  return { namespace, resource, name, subresource, rest }
}

function refineVerb(verb: string, name: string, query: URLSearchParams): string {
  if (name !== '') return verb
  if (verb === 'get') return isTrue(query.get('watch')) ? 'watch' : 'list'
  return verb === 'delete' ? 'deletecollection' : verb
}

/** A list or watch of one name by field selector is authorized as that name. */
function nameFromSelector(method: string, query: URLSearchParams): string {
  if (method !== 'GET') return ''
  const match = /(?:^|,)metadata\.name==?([^,!=]+)(?:,|$)/.exec(query.get('fieldSelector') ?? '')
  return match?.[1] ?? ''
}

/** Go's strconv.ParseBool, with the bare `?watch` that clients send. */
export function isTrue(text: string | null): boolean {
  return text !== null && ['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)
}

/**
 * pods/ephemeralcontainers and pods/resize: the two ways to change a running pod's containers. Each takes over
 * its own part of the pod that is sent and nothing else.
 * Source: KEP-277, KEP-1287; k8s.io/kubernetes pkg/registry/core/pod/strategy.go.
 */
import { decodeValue, mediaTypeOf } from '../../api/meta/codec.ts'
import { deepEqual, trusted } from '../../api/meta/json.ts'
import { invalid, methodNotSupported } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Container, Pod } from '../../api/types.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { readBody } from '../pipeline/read-body.ts'
import { updateObject } from '../registry/update.ts'
import { getVerb } from '../verbs/get.ts'
import { parsePatch, patcherOf, patchRacesMax } from '../verbs/patch.ts'
import { encodeContext, type ResourceExchange } from '../verbs/resource-exchange.ts'
import { readObject, writeCall, writeResponse } from '../verbs/write-scope.ts'

type TakeOver = (current: Pod, given: Pod) => Pod

/** GET, PUT, PATCH pods/{name}/ephemeralcontainers. */
export function serveEphemeralContainers(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  return servePart(parts, request, withEphemeralContainers)
}

/** GET, PUT, PATCH pods/{name}/resize. */
export function serveResize(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  return servePart(parts, request, withResources)
}

/** @throws ApiError 404, 405, 409, 422 */
async function servePart(parts: Parts, request: ResourceExchange, takeOver: TakeOver): Promise<HttpResponse> {
  const { info } = request
  if (info.verb === 'get') return await getVerb(parts, request)
  if (info.verb !== 'update' && info.verb !== 'patch') throw methodNotSupported(request.kind, info.verb)
  encodeContext(parts, request)
  const change = info.verb === 'update' ? await readUpdate(request) : await readPatch(request)
  const { scope } = writeCall(request, info.subresource)
  const outcome = await updateObject(parts.registry, scope, info.name, {
    racesMax: patchRacesMax,
    apply: (current) => {
      const given = change(current)
      const pod = takeOver(trusted<Pod>(current), trusted<Pod>(given))
      const { resourceVersion } = given.metadata
      return trusted<KubeObject>({ ...pod, metadata: { ...current.metadata, resourceVersion } })
    },
  })
  return writeResponse(parts, request, outcome)
}

async function readUpdate(request: ResourceExchange): Promise<(current: KubeObject) => KubeObject> {
  const object = await readObject(request, writeCall(request, '').options)
  return () => object
}

async function readPatch(request: ResourceExchange): Promise<(current: KubeObject) => KubeObject> {
  const { kind, http } = request
  const patch = parsePatch(await readBody(http.body))
  const patched = patcherOf(mediaTypeOf(http.headers['content-type'] ?? ''), request, patch)
  return (current) => kind.setDefaults(decodeValue(patched(current), kind).object)
}

function withEphemeralContainers(current: Pod, given: Pod): Pod {
  const before = current.spec?.ephemeralContainers ?? []
  const after = given.spec?.ephemeralContainers ?? []
  const isKept = before.every((container) =>
    after.some((candidate) => candidate.name === container.name && deepEqual(candidate, container)),
  )
  if (!isKept)
    throw refuse(
      current,
      'spec.ephemeralContainers',
      'existing ephemeral containers may not be removed or changed',
    )
  return trusted<Pod>({ ...current, spec: { ...current.spec, ephemeralContainers: after } })
}

function withResources(current: Pod, given: Pod): Pod {
  const wanted = new Map((given.spec?.containers ?? []).map((container) => [container.name, container]))
  const resized = (container: Container): Container => {
    const next = wanted.get(container.name)
    if (!next) throw refuse(current, 'spec.containers', 'only cpu and memory resources are mutable')
    return next.resources === undefined ? container : { ...container, resources: next.resources }
  }
  const containers = (current.spec?.containers ?? []).map(resized)
  return trusted<Pod>({ ...current, spec: { ...current.spec, containers } })
}

function refuse(pod: Pod, field: string, message: string): Error {
  return invalid({ group: '', resource: 'Pod' }, pod.metadata?.name ?? '', [
    { type: 'FieldValueForbidden', field, message: `Forbidden: ${message}` },
  ])
}

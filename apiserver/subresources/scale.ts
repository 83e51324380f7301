/**
 * GET, PUT, PATCH {resource}/{name}/scale: replicas of any workload through one small object, autoscaling/v1
 * Scale. A Scale's resourceVersion is its workload's.
 */
import { decode, decodeValue, mediaTypeOf } from '../../api/meta/codec.ts'
import { fieldOf, isObject, trusted, valueAt, withValueAt } from '../../api/meta/json.ts'
import { labelSelectorFrom, formatSelector, selectorFromLabels } from '../../api/meta/selector.ts'
import { badRequest, invalid, methodNotSupported, notFound } from '../../api/meta/status.ts'
import type { KubeObject, ScalePaths } from '../../api/kind.ts'
import type { LabelSelector } from '../../api/types.ts'
import { defined } from '../../platform/assert.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { readBody } from '../pipeline/read-body.ts'
import { fromStorage } from '../registry/conversion.ts'
import { updateObject } from '../registry/update.ts'
import { objectKey } from '../storage/keys.ts'
import { asObject } from '../storage/parse.ts'
import { valueResponse } from '../verbs/encode.ts'
import { parsePatch, patcherOf, patchRacesMax } from '../verbs/patch.ts'
import { encodeContext, type ResourceExchange } from '../verbs/resource-exchange.ts'
import { writeCall } from '../verbs/write-scope.ts'

const scaleGvk = { group: 'autoscaling', version: 'v1', kind: 'Scale' }

/** @throws ApiError 400, 404, 405, 409, 422 */
export async function serveScale(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  switch (request.info.verb) {
    case 'get':
      return await getScale(parts, request)
    case 'update':
      return await changeScale(parts, request, await readScale(request))
    case 'patch':
      return await changeScale(parts, request, await readScalePatch(request))
    default:
      throw methodNotSupported(request.kind, request.info.verb)
  }
}

async function getScale(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const { kind, info } = request
  const stored = await parts.storage.get(objectKey(kind, info.namespace, info.name))
  if (!stored) throw notFound(kind, info.name)
  const scale = scaleOf(fromStorage(kind, stored), pathsOf(request))
  return valueResponse(encodeContext(parts, request), 200, scale)
}

/** The new Scale from the present one. */
type ScaleChange = (scale: KubeObject) => KubeObject

async function readScale(request: ResourceExchange): Promise<ScaleChange> {
  const bytes = await readBody(request.http.body)
  const { object } = decode(bytes, request.http.headers['content-type'] ?? '', scaleGvk)
  return () => object
}

async function readScalePatch(request: ResourceExchange): Promise<ScaleChange> {
  const patch = parsePatch(await readBody(request.http.body))
  const type = mediaTypeOf(request.http.headers['content-type'] ?? '')
  const patched = patcherOf(
    type,
    { kind: { ...request.kind, definition: 'io.k8s.api.autoscaling.v1.Scale' } },
    patch,
  )
  return (scale) => decodeValue(patched(scale), scaleGvk).object
}

async function changeScale(
  parts: Parts,
  request: ResourceExchange,
  change: ScaleChange,
): Promise<HttpResponse> {
  const paths = pathsOf(request)
  const context = encodeContext(parts, request)
  const { scope } = writeCall(request, 'scale')
  const outcome = await updateObject(parts.registry, scope, request.info.name, {
    racesMax: patchRacesMax,
    apply: (current) => {
      const scale = change(scaleOf(current, paths))
      const replicas = replicasOf(request, scale)
      const versioned = {
        ...current,
        metadata: { ...current.metadata, resourceVersion: scale.metadata.resourceVersion },
      }
      return withValueAt(asObject(versioned), paths.specReplicas, replicas)
    },
  })
  return valueResponse(context, 200, scaleOf(outcome.object, paths))
}

function replicasOf(request: ResourceExchange, scale: KubeObject): number {
  const name = scale.metadata.name ?? ''
  if (name !== '' && name !== request.info.name)
    throw badRequest(
      `the name of the Scale (${name}) does not match the name on the URL (${request.info.name})`,
    )
  const replicas = fieldOf(scale['spec'], 'replicas') ?? 0
  if (typeof replicas === 'number' && Number.isSafeInteger(replicas) && replicas >= 0) return replicas
  throw invalid({ group: scaleGvk.group, resource: scaleGvk.kind }, request.info.name, [
    {
      type: 'FieldValueInvalid',
      field: 'spec.replicas',
      message: `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`,
    },
  ])
}

function pathsOf(request: ResourceExchange): ScalePaths {
  return defined(request.kind.scale, `scale paths of ${request.kind.resource}`)
}

/** A workload as its Scale. Pure. */
function scaleOf(object: KubeObject, paths: ScalePaths): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata
  const selector = selectorText(valueAt(object, paths.selector))
  return asObject({
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: valueAt(object, paths.specReplicas) ?? 0 },
    status: {
      replicas: valueAt(object, paths.statusReplicas) ?? 0,
      ...(selector === '' ? {} : { selector }),
    },
  })
}

function selectorText(value: unknown): string {
  if (!isObject(value)) return ''
  const isLabelSelector = 'matchLabels' in value || 'matchExpressions' in value
  return formatSelector(
    isLabelSelector
      ? labelSelectorFrom(trusted<LabelSelector>(value))
      : selectorFromLabels(trusted<Readonly<Record<string, string>>>(value)),
  )
}

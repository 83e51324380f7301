/**
 * POST pods/{name}/binding: the scheduler's decision. A pod is bound once: a second binding, to
 * whatever node, is a conflict, decided by the store's compare and not by a lock.
 * Source: k8s.io/kubernetes pkg/registry/core/pod/storage/storage.go.
 */
import { decode } from '../../api/meta/codec.ts'
import { pods } from '../../api/core/pod.ts'
import { anyKind } from '../../api/meta/kind-definition.ts'
import { setCondition } from '../../api/meta/conditions.ts'
import { fieldOf, trusted } from '../../api/meta/json.ts'
import { badRequest, conflict, methodNotSupported, success } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Pod, PodCondition } from '../../api/types.ts'
import { formatTime } from '../../platform/clock.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { readBody } from '../pipeline/read-body.ts'
import { updateObject } from '../registry/update.ts'
import { encodedResponse } from '../verbs/encode.ts'
import { encodeContext, type ResourceExchange } from '../verbs/resource-exchange.ts'
import { writeCall } from '../verbs/write-scope.ts'

/** What a Binding asks for. */
export interface BindingRequest {
  /** '' where the body does not say. */
  readonly pod: string
  readonly node: string
  readonly uid: string | undefined
  readonly annotations: Readonly<Record<string, string>>
}

/** @throws ApiError 400, 404, 409 */
export async function serveBinding(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  if (request.info.verb !== 'create') throw methodNotSupported(request.kind, request.info.verb)
  const binding = await readBinding(request)
  if (binding.pod !== '' && binding.pod !== request.info.name)
    throw badRequest(
      `name in URL does not match name in Binding object: ${request.info.name} and ${binding.pod}`,
    )
  return await bindPod(parts, request, binding)
}

/** POST bindings: the same, the pod named in the body alone. @throws ApiError 400, 404, 409 */
export async function createBinding(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const binding = await readBinding(request)
  if (binding.pod === '') throw badRequest('metadata.name: Required value: a Binding names the pod')
  const info = { ...request.info, name: binding.pod }
  return await bindPod(parts, { ...request, info, kind: anyKind(pods) }, binding)
}

async function bindPod(
  parts: Parts,
  request: ResourceExchange,
  binding: BindingRequest,
): Promise<HttpResponse> {
  const context = encodeContext(parts, request)
  const { scope } = writeCall(request, 'binding')
  const nowText = formatTime(parts.powers.clock.wallMs())
  await updateObject(parts.registry, scope, request.info.name, {
    apply: (pod) => bind(request, pod, binding, nowText),
  })
  return encodedResponse({ ...context.representation, as: 'none' }, 201, { ...success(), code: 201 })
}

async function readBinding(request: ResourceExchange): Promise<BindingRequest> {
  const bytes = await readBody(request.http.body)
  const contentType = request.http.headers['content-type'] ?? ''
  const { object } = decode(bytes, contentType, { group: '', version: 'v1', kind: 'Binding' })
  const target = object['target']
  const node = fieldOf(target, 'name')
  const kind = fieldOf(target, 'kind')
  if (typeof node !== 'string' || node === '')
    throw badRequest('target.name: Required value: a Binding names the node')
  if (kind !== undefined && kind !== '' && kind !== 'Node')
    throw badRequest(`target.kind: Unsupported value: ${JSON.stringify(kind)}: supported values: "Node"`)
  return {
    pod: object.metadata.name ?? '',
    node,
    uid: object.metadata.uid,
    annotations: object.metadata.annotations ?? {},
  }
}

/** The pod, bound. Pure. @throws ApiError 409 when it is bound, being deleted, or another pod */
export function bind(
  request: Pick<ResourceExchange, 'kind'>,
  pod: KubeObject,
  binding: BindingRequest,
  nowText: string,
): KubeObject {
  const name = pod.metadata.name ?? ''
  const { kind } = request
  if (binding.uid && binding.uid !== pod.metadata.uid)
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${binding.uid}, UID in object meta: ${pod.metadata.uid ?? ''}`,
    )
  if (pod.metadata.deletionTimestamp !== undefined)
    throw conflict(kind, name, `pod ${name} is being deleted, cannot be assigned to a host`)
  const { spec, status } = trusted<Pod>(pod)
  const present = spec?.nodeName ?? ''
  if (present !== '')
    throw conflict(kind, name, `pod ${name} is already assigned to node ${JSON.stringify(present)}`)
  if ((spec?.schedulingGates ?? []).length > 0)
    throw conflict(kind, name, `pod ${name} has non-empty .spec.schedulingGates`)
  const scheduled = { type: 'PodScheduled', status: 'True' } as const
  const conditions: readonly PodCondition[] = setCondition(status?.conditions ?? [], scheduled, nowText)
  return trusted<KubeObject>({
    ...pod,
    metadata: { ...pod.metadata, annotations: mergedAnnotations(pod, binding) },
    spec: { ...spec, nodeName: binding.node },
    status: { ...status, conditions },
  })
}

function mergedAnnotations(
  pod: KubeObject,
  binding: BindingRequest,
): Readonly<Record<string, string>> | undefined {
  if (Object.keys(binding.annotations).length === 0) return pod.metadata.annotations
  return { ...pod.metadata.annotations, ...binding.annotations }
}

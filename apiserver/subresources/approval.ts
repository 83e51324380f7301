/**
 * GET, PUT, PATCH certificatesigningrequests/{name}/approval: the only way to the conditions Approved and
 * Denied. Whoever approves needs the verb `approve` on the request's signer.
 * Source: k8s.io/kubernetes pkg/registry/certificates/certificates, plugin/pkg/admission/certificates/approval.
 */
import { fieldOf, isArray, isObject } from '../../api/meta/json.ts'
import { forbidden, invalid, methodNotSupported } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import { decodeValue, mediaTypeOf } from '../../api/meta/codec.ts'
import { formatTime } from '../../platform/clock.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { AccessAttributes } from '../authz/authorizer.ts'
import type { Parts } from '../parts.ts'
import { readBody } from '../pipeline/read-body.ts'
import { updateObject } from '../registry/update.ts'
import { asObject } from '../storage/parse.ts'
import { getVerb } from '../verbs/get.ts'
import { parsePatch, patcherOf } from '../verbs/patch.ts'
import { encodeContext, type ResourceExchange } from '../verbs/resource-exchange.ts'
import { readObject, writeCall, writeResponse } from '../verbs/write-scope.ts'

const decisions = new Set(['Approved', 'Denied'])

/** @throws ApiError 403, 404, 405, 409, 422 */
export async function serveApproval(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const { verb } = request.info
  if (verb === 'get') return await getVerb(parts, request)
  if (verb !== 'update' && verb !== 'patch') throw methodNotSupported(request.kind, verb)
  encodeContext(parts, request)
  const given = await readChange(request, verb)
  const { scope } = writeCall(request, 'approval')
  const nowText = formatTime(parts.powers.clock.wallMs())
  const outcome = await updateObject(parts.registry, scope, request.info.name, {
    apply: async (current) => {
      await demandApprover(parts, request, current)
      return decided(request, current, given(current), nowText)
    },
  })
  return writeResponse(parts, request, outcome)
}

async function readChange(
  request: ResourceExchange,
  verb: 'update' | 'patch',
): Promise<(current: KubeObject) => KubeObject> {
  const { kind, http } = request
  if (verb === 'update') {
    const object = await readObject(request, writeCall(request, 'approval').options)
    return () => object
  }
  const patch = parsePatch(await readBody(http.body))
  const patched = patcherOf(mediaTypeOf(http.headers['content-type'] ?? ''), request, patch)
  return (current) => decodeValue(patched(current), kind).object
}

async function demandApprover(parts: Parts, request: ResourceExchange, current: KubeObject): Promise<void> {
  const signer = String(fieldOf(current['spec'], 'signerName') ?? '')
  const domain = signer.split('/')[0] ?? ''
  for (const name of [signer, `${domain}/*`]) {
    const attributes: AccessAttributes = {
      user: request.user,
      verb: 'approve',
      isResource: true,
      group: 'certificates.k8s.io',
      version: '*',
      resource: 'signers',
      subresource: '',
      namespace: '',
      name,
      path: '',
    }
    if ((await parts.authorizer.authorize(attributes)).allowed) return
  }
  throw forbidden(
    request.kind,
    request.info.name,
    `user not permitted to approve requests with signerName ${JSON.stringify(signer)}`,
  )
}

/** The request with its decision taken over, and nothing else. Pure. @throws ApiError 422 when both are there */
export function decided(
  request: Pick<ResourceExchange, 'kind' | 'info'>,
  current: KubeObject,
  given: KubeObject,
  nowText: string,
): KubeObject {
  const conditions = conditionsOf(given).map((condition) => ({
    lastUpdateTime: nowText,
    lastTransitionTime: nowText,
    ...condition,
  }))
  const types = new Set(conditions.map((condition) => fieldOf(condition, 'type')))
  if (types.has('Approved') && types.has('Denied'))
    throw invalid({ group: request.kind.group, resource: request.kind.kind }, request.info.name, [
      {
        type: 'FieldValueInvalid',
        field: 'status.conditions',
        message: 'Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
      },
    ])
  const others = conditionsOf(current).filter(
    (condition) => !decisions.has(String(fieldOf(condition, 'type'))),
  )
  const taken = conditions.filter((condition) => decisions.has(String(fieldOf(condition, 'type'))))
  return asObject({
    ...current,
    metadata: { ...current.metadata, resourceVersion: given.metadata.resourceVersion },
    status: { ...(isObject(current['status']) ? current['status'] : {}), conditions: [...others, ...taken] },
  })
}

function conditionsOf(object: KubeObject): readonly object[] {
  const conditions = fieldOf(object['status'], 'conditions')
  return isArray(conditions) ? conditions.filter((item) => typeof item === 'object' && item !== null) : []
}

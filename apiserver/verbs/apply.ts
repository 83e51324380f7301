/**
 * Server-side apply: the body is an intent, merged into the present object field by field, with every
 * field's manager remembered. Creates the object where there is none.
 * Source: Kubernetes docs, "Server-Side Apply"; structured-merge-diff.
 */
import { decode, yamlMediaType } from '../../api/meta/codec.ts'
import { applyServerSide } from '../../api/meta/patch/apply.ts'
import { badRequest } from '../../api/meta/status.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { HttpResponse } from '../../platform/network.ts'
import type { Parts } from '../parts.ts'
import { readBody } from '../pipeline/read-body.ts'
import { writerOf } from '../registry/field-managers.ts'
import { withMetadata } from '../registry/metadata.ts'
import { updateObject } from '../registry/update.ts'
import type { ResourceExchange } from './resource-exchange.ts'
import { writeCall, writeResponse } from './write-scope.ts'

/** @throws ApiError 400, 409 with one cause per conflicting field, 415, 422 */
export async function applyPatchVerb(
  parts: Parts,
  request: ResourceExchange,
  subresource: string,
): Promise<HttpResponse> {
  const { kind, info, http, warnings } = request
  if ((info.query.get('fieldManager') ?? '') === '')
    throw badRequest(
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    )
  const { scope, options } = writeCall(request, subresource, true)
  const expected = { group: kind.group, version: kind.version, kind: kind.kind }
  const bytes = await readBody(http.body)
  const decoded = decode(bytes, yamlMediaType, expected, options.fieldValidation)
  warnings.push(...decoded.warnings)
  const apply = (live: KubeObject | undefined) =>
    applyServerSide({
      ...writerOf(parts.registry, scope),
      live,
      applied: decoded.object,
      definition: kind.definition,
      force: options.force,
      ignoredFields: subresource === '' && kind.hasStatus ? ['status'] : [],
    })
  const outcome = await updateObject(parts.registry, scope, info.name, {
    apply: (current) => apply(current),
    ...(subresource === ''
      ? { createIfMissing: () => withMetadata(apply(undefined), { name: info.name }) }
      : {}),
  })
  return writeResponse(parts, request, outcome)
}

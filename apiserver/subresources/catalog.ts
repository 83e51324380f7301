/** Subresources that are more than another view of the object, one line each. */
import type { Kind } from '../../api/kind.ts'
import { serveApproval } from './approval.ts'
import { serveBinding } from './binding.ts'
import { serveEviction } from './eviction.ts'
import { serveFinalize } from './finalize.ts'
import { serveLog } from './log.ts'
import { serveEphemeralContainers, serveResize } from './pod-parts.ts'
import { serveProxy } from './proxy.ts'
import { serveScale } from './scale.ts'
import type { SubresourceVerb } from './subresource.ts'
import { refusePlain } from './upgrade.ts'
import { serveToken } from './token.ts'

const catalog: Readonly<Record<string, SubresourceVerb>> = {
  'certificatesigningrequests/approval': serveApproval,
  'namespaces/finalize': serveFinalize,
  'nodes/proxy': serveProxy,
  'pods/attach': refusePlain,
  'pods/binding': serveBinding,
  'pods/ephemeralcontainers': serveEphemeralContainers,
  'pods/eviction': serveEviction,
  'pods/exec': refusePlain,
  'pods/log': serveLog,
  'pods/portforward': refusePlain,
  'pods/proxy': serveProxy,
  'pods/resize': serveResize,
  'serviceaccounts/token': serveToken,
  'services/proxy': serveProxy,
}

/** The function of a subresource, or undefined when the generic verbs serve it. */
export function findSubresource(kind: Kind, subresource: string): SubresourceVerb | undefined {
  if (subresource === 'scale' && kind.scale) return serveScale
  const path = `${kind.resource}/${subresource}`
  return Object.hasOwn(catalog, path) ? catalog[path] : undefined
}

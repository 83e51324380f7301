/** What a kubelet may do: role `system:node`. Source: upstream's bootstrappolicy NodeRules. */
import type { PolicyRule } from '../../api/types.ts'
import { rule } from './rules.ts'

export const systemNodeRules: readonly PolicyRule[] = [
  rule('create', 'authn', 'tokenreviews'),
  rule('create', 'authz', 'subjectaccessreviews localsubjectaccessreviews'),
  rule('get list watch', 'core', 'services'),
  rule('create get list watch', 'core', 'nodes'),
  rule('update patch', 'core', 'nodes/status'),
  rule('update patch', 'core', 'nodes'),
  rule('create patch update', 'core', 'events'),
  rule('create patch update', 'events', 'events'),
  rule('get list watch', 'core', 'pods'),
  rule('create delete', 'core', 'pods'),
  rule('update patch', 'core', 'pods/status'),
  rule('create', 'core', 'pods/eviction'),
  rule('get list watch', 'core', 'secrets configmaps'),
  rule('get', 'core', 'persistentvolumeclaims persistentvolumes'),
  rule('get', 'core', 'endpoints'),
  rule('create get list watch', 'certificates', 'certificatesigningrequests'),
  rule('create get update patch delete', 'coordination', 'leases'),
  rule('get', 'storage', 'volumeattachments'),
  rule('create', 'core', 'serviceaccounts/token'),
  rule('get update patch', 'core', 'persistentvolumeclaims/status'),
  rule('get list watch', 'storage', 'csidrivers'),
  rule('create get update patch delete', 'storage', 'csinodes'),
  rule('get list watch', 'node', 'runtimeclasses'),
  rule('get', 'resource', 'resourceclaims'),
  rule('create get list watch update patch delete deletecollection', 'resource', 'resourceslices'),
]

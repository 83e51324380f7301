/**
 * Nobody gives away more than they have: who writes a role needs every permission in it or the verb
 * `escalate` on it; who binds one needs the same or the verb `bind`. Upstream does this in the registry of
 * RBAC. Source: k8s.io/kubernetes pkg/registry/rbac/{role,rolebinding,…}/policybased/storage.go.
 */
import { anyKind } from '../../api/meta/kind-definition.ts'
import { deepEqual, trusted } from '../../api/meta/json.ts'
import { forbidden } from '../../api/meta/status.ts'
import { clusterRoles } from '../../api/rbac/cluster-role.ts'
import { roles } from '../../api/rbac/role.ts'
import type { ClusterRole, PolicyRule, RoleBinding } from '../../api/types.ts'
import { mastersGroup } from '../authn/user.ts'
import type { RbacAuthorizer } from '../authz/rbac.ts'
import { uncovered } from '../authz/cover.ts'
import { findObject, type Lookup } from './lookup.ts'
import type { AdmissionPlugin, Attributes } from './plugin.ts'

const rbacGroup = 'rbac.authorization.k8s.io'

export interface EscalationParts extends Lookup {
  readonly rbac: RbacAuthorizer
}

export function rbacEscalation(parts: EscalationParts): AdmissionPlugin {
  return {
    name: 'RbacEscalation',
    async validate(attributes) {
      const { kind, object, operation } = attributes
      if (kind.group !== rbacGroup || !object || operation === 'DELETE') return
      if (attributes.user.groups.includes(mastersGroup)) return
      const isRole = kind.resource === 'roles' || kind.resource === 'clusterroles'
      if (isRole) await checkRole(parts, attributes, trusted<ClusterRole>(object))
      else await checkBinding(parts, attributes, trusted<RoleBinding>(object))
    },
  }
}

async function checkRole(parts: EscalationParts, attributes: Attributes, role: ClusterRole): Promise<void> {
  const before = attributes.oldObject && trusted<ClusterRole>(attributes.oldObject)
  const isSame =
    before !== undefined &&
    deepEqual(before.rules ?? [], role.rules ?? []) &&
    deepEqual(before.aggregationRule ?? {}, role.aggregationRule ?? {})
  if (isSame || (await may(parts, attributes, 'escalate', attributes.kind.resource, attributes.name))) return
  const aggregated: readonly PolicyRule[] = role.aggregationRule
    ? [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]
    : []
  await demandCover(parts, attributes, [...(role.rules ?? []), ...aggregated])
}

async function checkBinding(
  parts: EscalationParts,
  attributes: Attributes,
  binding: RoleBinding,
): Promise<void> {
  const before = attributes.oldObject && trusted<RoleBinding>(attributes.oldObject)
  if (before && deepEqual(before.subjects ?? [], binding.subjects ?? [])) return
  const { kind, name } = binding.roleRef
  const resource = kind === 'Role' ? 'roles' : 'clusterroles'
  if (await may(parts, attributes, 'bind', resource, name)) return
  const target = anyKind(kind === 'Role' ? roles : clusterRoles)
  const role = await findObject(parts, target, attributes.namespace, name)
  await demandCover(parts, attributes, role ? (trusted<ClusterRole>(role).rules ?? []) : [])
}

async function may(
  parts: EscalationParts,
  attributes: Attributes,
  verb: string,
  resource: string,
  name: string,
): Promise<boolean> {
  const decision = await parts.rbac.authorize({
    user: attributes.user,
    verb,
    isResource: true,
    group: rbacGroup,
    version: 'v1',
    resource,
    subresource: '',
    namespace: attributes.namespace,
    name,
    path: '',
  })
  return decision.allowed
}

async function demandCover(
  parts: EscalationParts,
  attributes: Attributes,
  wanted: readonly PolicyRule[],
): Promise<void> {
  const { user, kind, namespace, name } = attributes
  const held = (await parts.rbac.rulesFor(user, namespace)).map((granted) => granted.rule)
  const missing = uncovered(held, wanted)
  if (missing.length === 0) return
  throw forbidden(
    kind,
    name,
    `user ${JSON.stringify(user.name)} (groups=${JSON.stringify(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${missing.map((rule) => JSON.stringify(rule)).join('\n')}`,
  )
}

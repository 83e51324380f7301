/**
 * Role-based access control: bindings name subjects and a role, roles hold rules. Rules only allow.
 *
 * The bindings of the watch caches are indexed by subject; the index is made again when one of the four
 * caches has changed. Source: k8s.io/kubernetes plugin/pkg/auth/authorizer/rbac, pkg/registry/rbac/validation.
 */
import type { KubeObject } from '../../api/kind.ts'
import { trusted } from '../../api/meta/json.ts'
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from '../../api/types.ts'
import { mastersGroup, parseServiceAccountUserName, type User } from '../authn/user.ts'
import type { AccessAttributes, Authorizer, Decision } from './authorizer.ts'

/** Where RBAC objects are read; `changes` grows when any of them changed. */
export interface RbacObjects {
  /** Resolves when the objects are loaded. */
  ready(): Promise<void>
  changes(): number
  list(resource: 'roles' | 'rolebindings' | 'clusterroles' | 'clusterrolebindings'): readonly KubeObject[]
}

/** A rule that holds for a user, where (''; everywhere) and through which binding. */
export interface GrantedRule {
  readonly rule: PolicyRule
  readonly namespace: string
  readonly through: string
}

interface RbacIndex {
  readonly changes: number
  readonly roles: ReadonlyMap<string, readonly PolicyRule[]>
  /** `User:x`, `Group:x`, `ServiceAccount:ns:x` → bindings. */
  readonly bySubject: ReadonlyMap<string, readonly IndexedBinding[]>
}

interface IndexedBinding {
  readonly namespace: string
  readonly roleKey: string
  readonly text: string
}

export class RbacAuthorizer implements Authorizer {
  readonly #objects: RbacObjects
  #index: RbacIndex | undefined

  constructor(objects: RbacObjects) {
    this.#objects = objects
  }

  async authorize(attributes: AccessAttributes): Promise<Decision> {
    if (attributes.user.groups.includes(mastersGroup)) return { allowed: true, reason: '' }
    await this.#objects.ready()
    for (const granted of this.#granted(attributes.user, attributes.namespace)) {
      if (ruleAllows(granted.rule, attributes))
        return { allowed: true, reason: `RBAC: allowed by ${granted.through}` }
    }
    return { allowed: false, reason: '' }
  }

  /** Every rule that holds for `user` in `namespace` ('' for cluster scope only). */
  async rulesFor(user: User, namespace: string): Promise<readonly GrantedRule[]> {
    await this.#objects.ready()
    const rules = [...this.#granted(user, namespace)]
    if (!user.groups.includes(mastersGroup)) return rules
    const all: PolicyRule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }
    const paths: PolicyRule = { verbs: ['*'], nonResourceURLs: ['*'] }
    return [all, paths].map((rule) => ({ rule, namespace: '', through: mastersGroup })).concat(rules)
  }

  *#granted(user: User, namespace: string): Generator<GrantedRule> {
    const index = this.#currentIndex()
    for (const subject of subjectsOf(user)) {
      for (const binding of index.bySubject.get(subject) ?? []) {
        if (binding.namespace !== '' && binding.namespace !== namespace) continue
        for (const rule of index.roles.get(binding.roleKey) ?? [])
          yield { rule, namespace: binding.namespace, through: binding.text }
      }
    }
  }

  #currentIndex(): RbacIndex {
    const changes = this.#objects.changes()
    if (this.#index?.changes !== changes) this.#index = buildIndex(this.#objects, changes)
    return this.#index
  }
}

function subjectsOf(user: User): readonly string[] {
  const account = parseServiceAccountUserName(user.name)
  return [
    `User:${user.name}`,
    ...user.groups.map((group) => `Group:${group}`),
    ...(account ? [`ServiceAccount:${account.namespace}:${account.name}`] : []),
  ]
}

function buildIndex(objects: RbacObjects, changes: number): RbacIndex {
  const roles = new Map<string, readonly PolicyRule[]>()
  for (const object of objects.list('clusterroles')) {
    const role = trusted<ClusterRole>(object)
    roles.set(`ClusterRole//${role.metadata?.name ?? ''}`, role.rules ?? [])
  }
  for (const object of objects.list('roles')) {
    const role = trusted<Role>(object)
    roles.set(`Role/${role.metadata?.namespace ?? ''}/${role.metadata?.name ?? ''}`, role.rules ?? [])
  }
  const bySubject = new Map<string, IndexedBinding[]>()
  for (const object of objects.list('clusterrolebindings'))
    indexBinding(bySubject, trusted<ClusterRoleBinding>(object), '')
  for (const object of objects.list('rolebindings')) {
    const binding = trusted<RoleBinding>(object)
    indexBinding(bySubject, binding, binding.metadata?.namespace ?? '')
  }
  return { changes, roles, bySubject }
}

function indexBinding(
  bySubject: Map<string, IndexedBinding[]>,
  binding: ClusterRoleBinding | RoleBinding,
  namespace: string,
): void {
  const { roleRef } = binding
  const roleNamespace = roleRef.kind === 'Role' ? namespace : ''
  const name = binding.metadata?.name ?? ''
  const bindingKind = namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding'
  const bindingName = namespace === '' ? name : `${name}/${namespace}`
  for (const subject of binding.subjects ?? []) {
    const key =
      subject.kind === 'ServiceAccount'
        ? `ServiceAccount:${subject.namespace || namespace}:${subject.name}`
        : `${subject.kind}:${subject.name}`
    const entry: IndexedBinding = {
      namespace,
      roleKey: `${roleRef.kind}/${roleNamespace}/${roleRef.name}`,
      text: `${bindingKind} ${JSON.stringify(bindingName)} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subject.kind} ${JSON.stringify(subject.name)}`,
    }
    const entries = bySubject.get(key)
    if (entries) entries.push(entry)
    else bySubject.set(key, [entry])
  }
}

/** True when one rule allows one request. */
export function ruleAllows(rule: PolicyRule, attributes: AccessAttributes): boolean {
  if (!includesOrAll(rule.verbs, attributes.verb)) return false
  if (!attributes.isResource)
    return (rule.nonResourceURLs ?? []).some((url) => urlMatches(url, attributes.path))
  const resource =
    attributes.subresource === '' ? attributes.resource : `${attributes.resource}/${attributes.subresource}`
  return (
    includesOrAll(rule.apiGroups ?? [], attributes.group) &&
    (rule.resources ?? []).some((pattern) => resourceMatches(pattern, resource, attributes.subresource)) &&
    ((rule.resourceNames ?? []).length === 0 || (rule.resourceNames ?? []).includes(attributes.name))
  )
}

function includesOrAll(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value)
}

function resourceMatches(pattern: string, resource: string, subresource: string): boolean {
  if (pattern === '*' || pattern === resource) return true
  return subresource !== '' && pattern === `*/${subresource}`
}

function urlMatches(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true
  return pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1))
}

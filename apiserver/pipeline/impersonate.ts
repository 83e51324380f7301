/**
 * `kubectl --as`: who may, acts as another user. Each thing impersonated is authorized as the verb
 * `impersonate` on users, groups, serviceaccounts, uids or userextras.
 * Source: k8s.io/apiserver pkg/endpoints/filters/impersonation.go.
 */
import { badRequest, forbidden } from '../../api/meta/status.ts'
import { authenticatedGroup, mastersGroup, parseServiceAccountUserName, type User } from '../authn/user.ts'
import type { AccessAttributes, Authorizer } from '../authz/authorizer.ts'

const extraPrefix = 'impersonate-extra-'

interface Wanted {
  readonly group: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
}

/** The user to act as. @throws ApiError 400, 403 */
export async function impersonate(
  authorizer: Authorizer,
  user: User,
  headers: Readonly<Record<string, string>>,
): Promise<User> {
  const name = headers['impersonate-user'] ?? ''
  const groups = listOf(headers['impersonate-group'])
  const uid = headers['impersonate-uid'] ?? ''
  const extra = extraOf(headers)
  if (name === '') {
    if (groups.length > 0 || uid !== '' || Object.keys(extra).length > 0)
      throw badRequest('requested groups, uid or extra without impersonating a user: set Impersonate-User')
    return user
  }
  for (const wanted of wantedOf(name, groups, uid, extra)) await demand(authorizer, user, wanted)
  const account = parseServiceAccountUserName(name)
  const own =
    groups.length > 0 || !account
      ? groups
      : ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`]
  const isAnonymous = name === 'system:anonymous'
  const base = isAnonymous ? 'system:unauthenticated' : authenticatedGroup
  return { name, uid, groups: own.includes(base) ? own : [...own, base], extra }
}

function wantedOf(
  name: string,
  groups: readonly string[],
  uid: string,
  extra: Readonly<Record<string, readonly string[]>>,
): readonly Wanted[] {
  const core = { group: '', subresource: '', namespace: '' }
  const authentication = { group: 'authentication.k8s.io', namespace: '' }
  const account = parseServiceAccountUserName(name)
  return [
    account
      ? { ...core, resource: 'serviceaccounts', namespace: account.namespace, name: account.name }
      : { ...core, resource: 'users', name },
    ...groups.map((group) => ({ ...core, resource: 'groups', name: group })),
    ...(uid === '' ? [] : [{ ...authentication, resource: 'uids', subresource: '', name: uid }]),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ ...authentication, resource: 'userextras', subresource: key, name: value })),
    ),
  ]
}

async function demand(authorizer: Authorizer, user: User, wanted: Wanted): Promise<void> {
  if (user.groups.includes(mastersGroup)) return
  const attributes: AccessAttributes = {
    user,
    verb: 'impersonate',
    isResource: true,
    version: 'v1',
    path: '',
    ...wanted,
  }
  const decision = await authorizer.authorize(attributes)
  if (decision.allowed) return
  throw forbidden(
    { group: wanted.group, resource: wanted.resource },
    wanted.name,
    `User ${JSON.stringify(user.name)} cannot impersonate resource ${JSON.stringify(wanted.resource)} in API group ${JSON.stringify(wanted.group)}${wanted.namespace === '' ? ' at the cluster scope' : ` in the namespace ${JSON.stringify(wanted.namespace)}`}`,
  )
}

function listOf(header: string | undefined): readonly string[] {
  return (header ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
}

function extraOf(headers: Readonly<Record<string, string>>): Readonly<Record<string, readonly string[]>> {
  const extra: Record<string, readonly string[]> = {}
  for (const [header, value] of Object.entries(headers)) {
    if (header.startsWith(extraPrefix))
      extra[decodeURIComponent(header.slice(extraPrefix.length))] = listOf(value)
  }
  return extra
}

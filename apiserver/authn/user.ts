/** Who makes a request, as authentication found it. */
export interface User {
  readonly name: string
  readonly uid: string
  readonly groups: readonly string[]
  readonly extra: Readonly<Record<string, readonly string[]>>
}

export const anonymous: User = {
  name: 'system:anonymous',
  uid: '',
  groups: ['system:unauthenticated'],
  extra: {},
}

export const mastersGroup = 'system:masters'
export const authenticatedGroup = 'system:authenticated'

/** `user` with the group that every authenticated user is in. */
export function authenticated(user: User): User {
  if (user.groups.includes(authenticatedGroup)) return user
  return { ...user, groups: [...user.groups, authenticatedGroup] }
}

/** The user name of a service account. */
export function serviceAccountUserName(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`
}

/** Namespace and name of a service account's user name; undefined for any other user. */
export function parseServiceAccountUserName(
  user: string,
): { readonly namespace: string; readonly name: string } | undefined {
  const [system, kind, namespace, name, ...more] = user.split(':')
  if (system !== 'system' || kind !== 'serviceaccount' || !namespace || !name || more.length > 0)
    return undefined
  return { namespace, name }
}

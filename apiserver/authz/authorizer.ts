/** May this user do that? The answer's reason is for people. */
import type { User } from '../authn/user.ts'

export interface AccessAttributes {
  readonly user: User
  readonly verb: string
  readonly isResource: boolean
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  /** For requests that are about no resource. */
  readonly path: string
}

export interface Decision {
  readonly allowed: boolean
  readonly reason: string
}

export interface Authorizer {
  authorize(attributes: AccessAttributes): Promise<Decision>
}

/** The text after `pods is forbidden: `, as kube-apiserver says it. */
export function forbiddenText(attributes: AccessAttributes, reason: string): string {
  const user = `User ${JSON.stringify(attributes.user.name)}`
  const tail = reason === '' ? '' : `: ${reason}`
  if (!attributes.isResource)
    return `${user} cannot ${attributes.verb} path ${JSON.stringify(attributes.path)}${tail}`
  const resource =
    attributes.subresource === '' ? attributes.resource : `${attributes.resource}/${attributes.subresource}`
  const what = `${user} cannot ${attributes.verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(attributes.group)}`
  const where =
    attributes.namespace === ''
      ? 'at the cluster scope'
      : `in the namespace ${JSON.stringify(attributes.namespace)}`
  return `${what} ${where}${tail}`
}

/**
 * Reviews: questions that are posted and answered at once, and stored nowhere.
 * TokenReview, SelfSubjectReview, SubjectAccessReview in its four forms.
 */
import type { Kind, KubeObject } from '../../api/kind.ts'
import { fieldOf, trusted } from '../../api/meta/json.ts'
import { badRequest } from '../../api/meta/status.ts'
import type { NonResourceAttributes, ResourceAttributes, SubjectAccessReviewSpec } from '../../api/types.ts'
import type { HttpResponse } from '../../platform/network.ts'
import { authenticated, type User } from '../authn/user.ts'
import type { AccessAttributes } from '../authz/authorizer.ts'
import type { Parts } from '../parts.ts'
import { negotiate } from '../pipeline/negotiation.ts'
import { encodedResponse } from '../verbs/encode.ts'
import type { ResourceExchange } from '../verbs/resource-exchange.ts'
import { readObject, writeCall } from '../verbs/write-scope.ts'

const reviewGroups = new Set(['authentication.k8s.io', 'authorization.k8s.io'])

/** True for kinds that are answered instead of stored. */
export function isReview(kind: Kind): boolean {
  return reviewGroups.has(kind.group)
}

/** The answered review. Review kinds have no Table: 406. @throws ApiError 400, 406 */
export async function createReview(parts: Parts, request: ResourceExchange): Promise<HttpResponse> {
  const representation = negotiate(request.http.headers['accept'], { transforms: false })
  const { options } = writeCall(request, '')
  const review = await readObject(request, options)
  const status = await statusOf(parts, request, review)
  const metadata = { creationTimestamp: null, ...review.metadata }
  return encodedResponse(representation, 201, { ...review, metadata, status })
}

async function statusOf(
  parts: Parts,
  request: ResourceExchange,
  review: KubeObject,
): Promise<Readonly<Record<string, unknown>>> {
  switch (request.kind.kind) {
    case 'TokenReview':
      return await reviewToken(parts, review)
    case 'SelfSubjectReview':
      return { userInfo: userInfo(request.user) }
    case 'SelfSubjectAccessReview':
      return await reviewAccess(parts, request.user, review)
    case 'SelfSubjectRulesReview':
      return await reviewRules(parts, request.user, review)
    case 'SubjectAccessReview':
    case 'LocalSubjectAccessReview':
      return await reviewSubject(parts, request, review)
    default:
      throw badRequest(`${request.kind.kind} is no review that this server answers`)
  }
}

async function reviewToken(parts: Parts, review: KubeObject) {
  const token = fieldOf(review['spec'], 'token')
  const given = fieldOf(review['spec'], 'audiences')
  const audiences = Array.isArray(given) ? given.map(String) : []
  if (typeof token !== 'string' || token === '')
    throw badRequest('token is required for TokenReview in authentication')
  const user = await parts.tokens.authenticate(token, audiences)
  if (!user) return { user: {}, error: 'invalid bearer token' }
  const accepted = audiences.length > 0 ? audiences : [parts.config.serviceAccountIssuer]
  return { authenticated: true, user: userInfo(authenticated(user)), audiences: accepted }
}

function userInfo(user: User) {
  return {
    username: user.name,
    ...(user.uid === '' ? {} : { uid: user.uid }),
    groups: user.groups,
    ...(Object.keys(user.extra).length === 0 ? {} : { extra: user.extra }),
  }
}

async function reviewSubject(parts: Parts, request: ResourceExchange, review: KubeObject) {
  const spec = trusted<SubjectAccessReviewSpec | undefined>(review['spec'])
  if (!spec || (!spec.user && (spec.groups ?? []).length === 0))
    throw badRequest('spec.user: at least one of user or group must be specified')
  const { namespace } = spec.resourceAttributes ?? {}
  if (request.kind.kind === 'LocalSubjectAccessReview' && namespace !== request.info.namespace)
    throw badRequest(
      `spec.resourceAttributes.namespace must match namespace: ${String(namespace)} is not ${request.info.namespace}`,
    )
  const user: User = {
    name: spec.user ?? '',
    uid: spec.uid ?? '',
    groups: spec.groups ?? [],
    extra: spec.extra ?? {},
  }
  return await reviewAccess(parts, user, review)
}

async function reviewAccess(parts: Parts, user: User, review: KubeObject) {
  const decision = await parts.authorizer.authorize(attributesOf(user, review))
  return {
    allowed: decision.allowed,
    ...(decision.reason === '' ? {} : { reason: decision.reason }),
  }
}

function attributesOf(user: User, review: KubeObject): AccessAttributes {
  const resource = trusted<ResourceAttributes | undefined>(fieldOf(review['spec'], 'resourceAttributes'))
  const other = trusted<NonResourceAttributes | undefined>(fieldOf(review['spec'], 'nonResourceAttributes'))
  if ((resource === undefined) === (other === undefined))
    throw badRequest('spec: exactly one of nonResourceAttributes or resourceAttributes must be specified')
  return {
    user,
    verb: resource?.verb ?? other?.verb ?? '',
    isResource: resource !== undefined,
    group: resource?.group ?? '',
    version: resource?.version ?? '',
    resource: resource?.resource ?? '',
    subresource: resource?.subresource ?? '',
    namespace: resource?.namespace ?? '',
    name: resource?.name ?? '',
    path: other?.path ?? '',
  }
}

async function reviewRules(parts: Parts, user: User, review: KubeObject) {
  const namespace = fieldOf(review['spec'], 'namespace')
  if (typeof namespace !== 'string' || namespace === '') throw badRequest('no namespace on request')
  const rules = (await parts.rbac.rulesFor(user, namespace)).map((granted) => granted.rule)
  return {
    resourceRules: rules
      .filter((rule) => (rule.resources ?? []).length > 0)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames === undefined ? {} : { resourceNames }),
      })),
    nonResourceRules: rules
      .filter((rule) => (rule.nonResourceURLs ?? []).length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: false,
  }
}

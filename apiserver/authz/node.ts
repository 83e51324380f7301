/**
 * The Node authorizer: a kubelet (`system:node:<name>` in group `system:nodes`) may do what role
 * `system:node` says, but read Secrets, ConfigMaps and claims, and ask for tokens, only of what pods on
 * its own node refer to. What a kubelet may write is narrowed further by admission (NodeRestriction).
 * Source: k8s.io/kubernetes plugin/pkg/auth/authorizer/node.
 */
import { pods } from '../../api/core/pod.ts'
import { trusted } from '../../api/meta/json.ts'
import type { Container, Pod, PodSpec, PolicyRule, Volume } from '../../api/types.ts'
import { systemNodeRules } from '../bootstrap/node-rules.ts'
import type { CacherSet } from '../cacher/cacher-set.ts'
import type { User } from '../authn/user.ts'
import { collectionPrefix } from '../storage/keys.ts'
import type { AccessAttributes, Authorizer, Decision } from './authorizer.ts'
import { ruleAllows } from './rbac.ts'

const nodesGroup = 'system:nodes'
const nodeUserPrefix = 'system:node:'
const loadWaitMs = 5_000
/** Reading these needs a pod on the node that refers to them. */
const referredResources = new Set(['secrets', 'configmaps', 'persistentvolumeclaims'])

/** The node that a user is the kubelet of, or undefined. */
export function nodeNameOf(user: User): string | undefined {
  if (!user.groups.includes(nodesGroup) || !user.name.startsWith(nodeUserPrefix)) return undefined
  return user.name.slice(nodeUserPrefix.length)
}

export class NodeAuthorizer implements Authorizer {
  readonly #cachers: CacherSet

  constructor(cachers: CacherSet) {
    this.#cachers = cachers
  }

  async authorize(attributes: AccessAttributes): Promise<Decision> {
    const node = nodeNameOf(attributes.user)
    if (node === undefined) return { allowed: false, reason: '' }
    if (
      attributes.group === '' &&
      referredResources.has(attributes.resource) &&
      attributes.subresource === ''
    )
      return await this.#authorizeReferred(node, attributes)
    if (attributes.resource === 'serviceaccounts' && attributes.subresource === 'token')
      return await this.#authorizeReferred(node, attributes)
    return { allowed: systemNodeRules.some((rule: PolicyRule) => ruleAllows(rule, attributes)), reason: '' }
  }

  async #authorizeReferred(node: string, attributes: AccessAttributes): Promise<Decision> {
    const isToken = attributes.subresource === 'token'
    const verbs = isToken ? ['create'] : ['get', 'list', 'watch']
    if (!verbs.includes(attributes.verb))
      return { allowed: false, reason: `can only read resources of this type` }
    if (attributes.name === '') return { allowed: false, reason: 'No Object name found' }
    if (await this.#isReferred(node, attributes, false)) return { allowed: true, reason: '' }
    if (await this.#isReferred(node, attributes, true)) return { allowed: true, reason: '' }
    return {
      allowed: false,
      reason: `no relationship found between node '${node}' and this object`,
    }
  }

  /** `catchUp`: let the cache reach the present first, for the pod may have been bound just now. */
  async #isReferred(node: string, attributes: AccessAttributes, catchUp: boolean): Promise<boolean> {
    const cacher = this.#cachers.for(pods)
    if (catchUp) await this.#cachers.waitUntilFresh(cacher, loadWaitMs)
    else await cacher.waitFor(0, loadWaitMs)
    return cacher.list(collectionPrefix(pods, attributes.namespace)).some((stored) => {
      const pod = trusted<Pod>(stored.object())
      return pod.spec?.nodeName === node && refersTo(pod.spec, attributes)
    })
  }
}

/** True when a pod cannot run without that object. */
export function refersTo(
  spec: PodSpec,
  wanted: { readonly resource: string; readonly name: string },
): boolean {
  switch (wanted.resource) {
    case 'serviceaccounts':
      return spec.serviceAccountName === wanted.name
    case 'secrets':
      return secretNames(spec).includes(wanted.name)
    case 'configmaps':
      return configMapNames(spec).includes(wanted.name)
    case 'persistentvolumeclaims':
      return (spec.volumes ?? []).some((volume) => volume.persistentVolumeClaim?.claimName === wanted.name)
    default:
      return false
  }
}

function containersOf(spec: PodSpec): readonly Pick<Container, 'env' | 'envFrom'>[] {
  return [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])]
}

function projections(volumes: readonly Volume[]) {
  return volumes.flatMap((volume) => volume.projected?.sources ?? [])
}

function secretNames(spec: PodSpec): readonly (string | undefined)[] {
  const volumes = spec.volumes ?? []
  const containers = containersOf(spec)
  return [
    ...(spec.imagePullSecrets ?? []).map((reference) => reference.name),
    ...volumes.map((volume) => volume.secret?.secretName),
    ...projections(volumes).map((source) => source.secret?.name),
    ...containers.flatMap((container) => (container.envFrom ?? []).map((source) => source.secretRef?.name)),
    ...containers.flatMap((container) =>
      (container.env ?? []).map((variable) => variable.valueFrom?.secretKeyRef?.name),
    ),
  ]
}

function configMapNames(spec: PodSpec): readonly (string | undefined)[] {
  const volumes = spec.volumes ?? []
  const containers = containersOf(spec)
  return [
    ...volumes.map((volume) => volume.configMap?.name),
    ...projections(volumes).map((source) => source.configMap?.name),
    ...containers.flatMap((container) =>
      (container.envFrom ?? []).map((source) => source.configMapRef?.name),
    ),
    ...containers.flatMap((container) =>
      (container.env ?? []).map((variable) => variable.valueFrom?.configMapKeyRef?.name),
    ),
  ]
}

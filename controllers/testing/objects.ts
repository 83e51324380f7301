/** Small objects for tests. */
import { ownerReferenceFor } from '../../api/meta/owner.ts'
import { formatTime } from '../../api/meta/time.ts'
import type { Deployment, DeploymentSpec, Node, Pod, PodSpec } from '../../api/types.ts'
import type { Resource } from '../../api/kind.ts'
import type { ApiObject } from '../../client/index.ts'

/** Where test clocks stand: 2026-01-01T00:00:00Z. */
export const epochMs = 1_767_225_600_000

export interface PodOptions {
  readonly name: string
  readonly uid?: string
  readonly namespace?: string
  readonly phase?: string
  readonly ready?: boolean
  readonly readySinceMs?: number
  readonly nodeName?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly createdMs?: number
  readonly deleted?: boolean
  readonly restarts?: number
  readonly ip?: string
  readonly spec?: Partial<PodSpec>
  readonly owner?: {
    readonly object: ApiObject
    readonly resource: Pick<Resource, 'group' | 'version' | 'kind' | 'resource' | 'namespaced'>
  }
}

export function podOf(options: PodOptions): Pod {
  const { name, phase = 'Running', ready = phase === 'Running', createdMs = epochMs } = options
  const readyAt = formatTime(options.readySinceMs ?? createdMs)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: options.namespace ?? 'default',
      uid: options.uid ?? `uid-${name}`,
      resourceVersion: '1',
      labels: options.labels,
      annotations: options.annotations,
      finalizers: options.finalizers,
      creationTimestamp: formatTime(createdMs),
      ...(options.deleted ? { deletionTimestamp: formatTime(createdMs) } : {}),
      ...(options.owner
        ? { ownerReferences: [ownerReferenceFor(options.owner.object, options.owner.resource)] }
        : {}),
    },
    spec: { containers: [{ name: 'c' }], nodeName: options.nodeName, ...options.spec },
    status: {
      phase,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: readyAt }],
      containerStatuses: [{ name: 'c', ready, restartCount: options.restarts ?? 0, image: '', imageID: '' }],
      ...(options.ip === undefined ? {} : { podIP: options.ip, podIPs: [{ ip: options.ip }] }),
    },
  }
}

/** A Deployment as the server serves it: defaults filled in. */
export function deploymentOf(
  name: string,
  spec: Partial<DeploymentSpec> & { readonly image?: string } = {},
): Deployment {
  const { image = 'web:1', ...rest } = spec
  const labels = { app: name }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, generation: 1, resourceVersion: '1', labels },
    spec: {
      replicas: 3,
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image }] } },
      ...rest,
    },
  }
}

export function nodeOf(
  name: string,
  options: { readonly ready?: 'True' | 'False' | 'Unknown'; readonly taints?: Node['spec'] } = {},
): Node {
  const conditions = [
    { type: 'Ready', status: options.ready ?? 'True', lastHeartbeatTime: formatTime(epochMs) },
  ]
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: formatTime(epochMs) },
    spec: { ...options.taints },
    status: { conditions },
  }
}

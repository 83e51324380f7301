/** Pods and nodes for tests, with just what a test says about them. */
import type { Node, Pod, PodSpec, Taint } from '../../api/types.ts'

export interface PodShape {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly cpu?: string
  readonly memory?: string
  readonly priority?: number
  readonly nodeName?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly hostPort?: number
  readonly startTime?: string
  readonly spec?: Partial<PodSpec>
  readonly owner?: string
}

export function podOf(shape: PodShape): Pod {
  const { name, namespace = 'default', cpu, memory, priority, nodeName, hostPort } = shape
  const requests: Record<string, string> = {}
  if (cpu !== undefined) requests.cpu = cpu
  if (memory !== undefined) requests.memory = memory
  const ports = hostPort === undefined ? undefined : [{ containerPort: hostPort, hostPort }]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: shape.uid ?? `uid-${name}`,
      labels: shape.labels,
      ownerReferences: shape.owner
        ? [
            {
              apiVersion: 'apps/v1',
              kind: 'ReplicaSet',
              name: shape.owner,
              uid: `uid-${shape.owner}`,
              controller: true,
            },
          ]
        : undefined,
    },
    spec: {
      containers: [{ name: 'c', image: 'i', resources: { requests }, ports }],
      priority,
      nodeName,
      ...shape.spec,
    },
    status: { phase: 'Pending', startTime: shape.startTime },
  }
}

export interface NodeShape {
  readonly name: string
  readonly cpu?: string
  readonly memory?: string
  readonly pods?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly taints?: readonly Taint[]
  readonly unschedulable?: boolean
  readonly images?: readonly { readonly names: readonly string[]; readonly sizeBytes: number }[]
  readonly extra?: Readonly<Record<string, string>>
}

export function nodeOf(shape: NodeShape): Node {
  const { name, cpu = '4', memory = '8Gi', pods = 110, labels, taints, unschedulable, images, extra } = shape
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: `uid-${name}`, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: { taints, unschedulable },
    status: { allocatable: { cpu, memory, pods: String(pods), ...extra }, images },
  }
}

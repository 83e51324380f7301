/**
 * The Node object as this kubelet wants it. Pure.
 * Source: kubelet `nodestatus/setters.go`; well-known labels.
 */
import { setCondition } from '../../api/meta/conditions.ts'
import {
  formatQuantity,
  parseQuantity,
  subtractQuantities,
  zeroQuantity,
  compareQuantities,
} from '../../api/meta/quantity.ts'
import type { ContainerImage, Node, NodeCondition } from '../../api/types.ts'
import { formatTime } from '../../platform/clock.ts'
import type { Image } from '../images/image-service.ts'
import type { KubeletConfig } from '../kubelet-config.ts'
import type { MachineFacts, MachineUsage } from '../node-host.ts'
import type { RuntimeInfo } from '../runtime/oci-runtime.ts'

export type ResourceMap = Readonly<Record<string, string>>

export const versionDefault = 'v1.33.0'
const imagesShownMax = 50
const memoryPressureBytes = 100 * 1024 * 1024
const diskPressureShare = 0.1
const processesMin = 200

/** What the node has in all. */
export function capacityOf(config: KubeletConfig, facts: MachineFacts): ResourceMap {
  return {
    cpu: formatQuantity(parseQuantity(`${facts.cpuMillis}m`)),
    memory: `${Math.floor(facts.memoryBytes / 1024)}Ki`,
    'ephemeral-storage': `${Math.floor(facts.ephemeralStorageBytes / 1024)}Ki`,
    pods: String(config.maxPods ?? 110),
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
    ...config.capacity,
  }
}

/** Capacity less what is held back. */
export function allocatableOf(config: KubeletConfig, capacity: ResourceMap): ResourceMap {
  const reserved = config.reserved ?? {}
  return Object.fromEntries(
    Object.entries(capacity).map(([name, text]) => {
      const held = reserved[name]
      if (held === undefined) return [name, text]
      const left = subtractQuantities(parseQuantity(text), parseQuantity(held))
      return [name, formatQuantity(compareQuantities(left, zeroQuantity) < 0 ? zeroQuantity : left)]
    }),
  )
}

/** Labels that the node carries, the machine's and the configured ones. */
export function nodeLabelsOf(config: KubeletConfig, facts: MachineFacts): ResourceMap {
  return {
    'beta.kubernetes.io/arch': facts.architecture,
    'beta.kubernetes.io/os': facts.operatingSystem,
    'kubernetes.io/arch': facts.architecture,
    'kubernetes.io/hostname': config.nodeName,
    'kubernetes.io/os': facts.operatingSystem,
    ...config.nodeLabels,
  }
}

export interface NodeObservation {
  readonly config: KubeletConfig
  readonly facts: MachineFacts
  readonly usage: MachineUsage
  readonly runtime: RuntimeInfo
  readonly images: readonly Image[]
  /** Why pods cannot run here, or undefined. */
  readonly problem: string | undefined
  /** The port of the kubelet's server, 0 without one. */
  readonly port: number
  readonly nowMs: number
}

/** The object for a node that does not exist yet. */
export function newNode(observation: NodeObservation): Node {
  const { config, facts } = observation
  const taints = config.registerWithTaints
  const bare: Node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: config.nodeName,
      labels: nodeLabelsOf(config, facts),
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: {
      podCIDR: config.podCidr,
      podCIDRs: [config.podCidr],
      ...(taints === undefined ? {} : { taints }),
    },
  }
  return withNodeStatus(bare, observation)
}

/** The node with its present status; every heartbeat time is `nowMs`. */
export function withNodeStatus(node: Node, observation: NodeObservation): Node {
  const { config, facts, runtime } = observation
  const capacity = capacityOf(config, facts)
  const version = config.version ?? versionDefault
  return {
    ...node,
    status: {
      ...node.status,
      capacity,
      allocatable: allocatableOf(config, capacity),
      conditions: nodeConditions(node.status?.conditions ?? [], observation),
      addresses: [
        { type: 'InternalIP', address: config.address },
        { type: 'Hostname', address: config.nodeName },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: observation.port } },
      nodeInfo: {
        architecture: facts.architecture,
        operatingSystem: facts.operatingSystem,
        kernelVersion: facts.kernelVersion,
        osImage: facts.osImage,
        machineID: facts.machineId,
        bootID: facts.bootId,
        systemUUID: facts.systemUuid,
        containerRuntimeVersion: runtime.version,
        kubeletVersion: version,
        kubeProxyVersion: '',
      },
      images: imagesOf(observation.images),
    },
  }
}

function imagesOf(images: readonly Image[]): readonly ContainerImage[] {
  return [...images]
    .sort((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, imagesShownMax)
    .map((image) => ({ names: [...image.digests, ...image.names], sizeBytes: image.sizeBytes }))
}

function nodeConditions(
  previous: readonly NodeCondition[],
  observation: NodeObservation,
): readonly NodeCondition[] {
  const { usage, problem, runtime, nowMs } = observation
  const isLowOnMemory = usage.memoryAvailableBytes < memoryPressureBytes
  const isLowOnDisk = usage.diskAvailableBytes < usage.diskCapacityBytes * diskPressureShare
  const isLowOnProcesses = usage.processesAvailable < processesMin
  const ready = runtime.isReal
    ? 'kubelet is posting ready status'
    : 'kubelet is posting ready status; containers are simulated on this node, no process runs'
  const pressure = (type: string, isLow: boolean, what: string): NodeCondition => ({
    type,
    status: isLow ? 'True' : 'False',
    reason: isLow
      ? `KubeletHas${what}Pressure`
      : what === 'PID'
        ? 'KubeletHasSufficientPID'
        : what === 'Disk'
          ? 'KubeletHasNoDiskPressure'
          : 'KubeletHasSufficientMemory',
    message: isLow
      ? `kubelet has too little ${what.toLowerCase()} left`
      : `kubelet has ${what === 'Disk' ? 'no disk pressure' : `sufficient ${what} available`}`,
  })
  const next: readonly NodeCondition[] = [
    pressure('MemoryPressure', isLowOnMemory, 'Memory'),
    pressure('DiskPressure', isLowOnDisk, 'Disk'),
    pressure('PIDPressure', isLowOnProcesses, 'PID'),
    problem === undefined
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: ready }
      : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: problem },
  ]
  const now = formatTime(nowMs)
  let conditions = previous
  for (const condition of next)
    conditions = setCondition(conditions, { ...condition, lastHeartbeatTime: now }, now)
  return conditions
}

/** The status without its heartbeat times: equal ones mean nothing worth telling before the next report. */
export function comparableStatus(node: Node): unknown {
  const conditions = node.status?.conditions?.map((condition) => ({
    ...condition,
    lastHeartbeatTime: undefined,
  }))
  return { ...node.status, conditions }
}

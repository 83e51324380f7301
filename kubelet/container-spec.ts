/**
 * From a pod's container and an image to what the runtime needs. Pure.
 * Source: kubelet `kuberuntime_container.go` generateContainerConfig, `cm/helpers_linux.go`, `qos/policy.go`.
 */
import { qosClass } from '../api/core/pod-resources.ts'
import { parseQuantity, toMilli, toWhole } from '../api/meta/quantity.ts'
import type { Container, Pod } from '../api/types.ts'
import { ContainerConfigError, type EnvVariable, expand } from './environment.ts'
import type { Image } from './images/image-service.ts'
import type { Sandbox } from './network/pod-network.ts'
import type {
  ContainerMount,
  ContainerResources,
  ContainerSecurity,
  ContainerSpec,
} from './runtime/oci-runtime.ts'
import { containerSpecHash } from './spec-hash.ts'

export interface ContainerSpecInput {
  readonly id: string
  readonly pod: Pod
  readonly container: Container
  readonly kind: 'init' | 'main'
  readonly attempt: number
  readonly sandbox: Sandbox
  readonly image: Image
  readonly environment: readonly EnvVariable[]
  readonly mounts: readonly ContainerMount[]
  readonly hostname: string
  /** The node's memory, for the out-of-memory score of burstable pods. */
  readonly nodeMemoryBytes: number
  readonly podPidsLimit: number | undefined
}

const cpuPeriodUs = 100_000

/** @throws ContainerConfigError */
export function containerSpecOf(input: ContainerSpecInput): ContainerSpec {
  const { pod, container, image, sandbox } = input
  const { metadata, spec } = pod
  const security = container.securityContext
  const podSecurity = spec?.securityContext
  const runAsUser = security?.runAsUser ?? podSecurity?.runAsUser
  const group = security?.runAsGroup ?? podSecurity?.runAsGroup
  const fsGroup = podSecurity?.fsGroup
  return {
    id: input.id,
    owner: {
      podUid: metadata.uid ?? '',
      podNamespace: metadata.namespace ?? '',
      podName: metadata.name ?? '',
      containerName: container.name,
      kind: input.kind,
      attempt: input.attempt,
      sandboxId: sandbox.id,
      specHash: containerSpecHash(container),
      image: container.image ?? '',
      imageId: image.id,
    },
    layers: image.layers,
    arguments: argumentsOf(container, image, input.environment),
    environment: withImageEnvironment(input),
    workingDirectory: container.workingDir || image.config.workingDirectory || '/',
    user: runAsUser === undefined ? image.config.user : String(runAsUser),
    ...(group === undefined ? {} : { group }),
    supplementalGroups: [
      ...(podSecurity?.supplementalGroups ?? []),
      ...(fsGroup === undefined ? [] : [fsGroup]),
    ],
    mustRunAsNonRoot: (security?.runAsNonRoot ?? podSecurity?.runAsNonRoot) === true,
    hostname: input.hostname,
    namespaces: sandbox.namespaces,
    mounts: input.mounts,
    resources: resourcesOf(pod, container, input),
    security: securityOf(pod, container),
    cgroupParent: cgroupParentOf(pod),
    hasStdin: container.stdin === true,
    hasTty: container.tty === true,
    terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
    fallsBackToLogs: container.terminationMessagePolicy === 'FallbackToLogsOnError',
  }
}

/** `kubepods[/burstable|/besteffort]/pod<uid>` */
export function cgroupParentOf(pod: Pod): string {
  const qos = { Guaranteed: '', Burstable: '/burstable', BestEffort: '/besteffort' }[qosClass(pod)]
  return `kubepods${qos}/pod${pod.metadata.uid ?? ''}`
}

function argumentsOf(
  container: Container,
  image: Image,
  environment: readonly EnvVariable[],
): readonly string[] {
  const values = new Map(environment.map(({ name, value }) => [name, value]))
  const command = container.command?.length ? container.command : undefined
  const given = container.args?.length ? container.args : undefined
  const entrypoint = command ?? image.config.entrypoint
  // A command of the pod's own leaves the image's arguments out too.
  const rest = given ?? (command === undefined ? image.config.command : [])
  const result = [...entrypoint, ...rest].map((text) => expand(text, values))
  if (result.length === 0)
    throw new ContainerConfigError(
      `no command specified: image ${container.image} has neither entrypoint nor command; set command`,
    )
  return result
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

function withImageEnvironment(input: ContainerSpecInput): readonly EnvVariable[] {
  const { image, environment, hostname, container } = input
  const values = new Map([
    ['PATH', defaultPath],
    ['HOSTNAME', hostname],
    ...(container.tty === true ? [['TERM', 'xterm'] as const] : []),
  ])
  for (const line of image.config.environment) {
    const equals = line.indexOf('=')
    if (equals > 0) values.set(line.slice(0, equals), line.slice(equals + 1))
  }
  for (const { name, value } of environment) values.set(name, value)
  return Array.from(values, ([name, value]) => ({ name, value }))
}

function milli(text: string | number | undefined): number | undefined {
  return text === undefined ? undefined : toMilli(parseQuantity(text))
}

function whole(text: string | number | undefined): number | undefined {
  return text === undefined ? undefined : toWhole(parseQuantity(text))
}

/** shares = ⌊m·1024/1000⌋, at least 2; quota per 100 ms, at least 1 ms. */
function resourcesOf(pod: Pod, container: Container, input: ContainerSpecInput): ContainerResources {
  const { limits, requests } = container.resources ?? {}
  const cpuLimit = milli(limits?.cpu)
  const cpuRequest = milli(requests?.cpu) ?? cpuLimit ?? 0
  const memoryLimit = whole(limits?.memory)
  const pidsLimit = input.podPidsLimit
  return {
    cpuShares: Math.min(262_144, Math.max(2, Math.floor((cpuRequest * 1024) / 1000))),
    cpuPeriodUs,
    ...(cpuLimit ? { cpuQuotaUs: Math.max(1000, Math.floor((cpuLimit * cpuPeriodUs) / 1000)) } : {}),
    ...(memoryLimit ? { memoryLimitBytes: memoryLimit } : {}),
    ...(pidsLimit === undefined ? {} : { pidsLimit }),
    oomScoreAdj: oomScoreAdjOf(pod, whole(requests?.memory) ?? memoryLimit ?? 0, input.nodeMemoryBytes),
  }
}

/** −997 for guaranteed, 1000 for best-effort, 2 to 999 between, less the more memory was asked for. */
export function oomScoreAdjOf(pod: Pod, requestBytes: number, nodeMemoryBytes: number): number {
  if ((pod.spec?.priority ?? 0) >= 2_000_000_000) return -997
  const qos = qosClass(pod)
  if (qos === 'Guaranteed') return -997
  if (qos === 'BestEffort') return 1000
  const score = 1000 - Math.floor((1000 * requestBytes) / Math.max(1, nodeMemoryBytes))
  return Math.min(999, Math.max(2, score))
}

function securityOf(pod: Pod, container: Container): ContainerSecurity {
  const own = container.securityContext
  const ofPod = pod.spec?.securityContext
  const profile = own?.seccompProfile ?? ofPod?.seccompProfile
  if (profile?.type === 'Localhost') {
    throw new ContainerConfigError(
      'seccompProfile Localhost is not supported on this node; use RuntimeDefault or Unconfined',
    )
  }
  const isPrivileged = own?.privileged === true
  return {
    isPrivileged,
    addedCapabilities: own?.capabilities?.add ?? [],
    droppedCapabilities: own?.capabilities?.drop ?? [],
    allowsPrivilegeEscalation: isPrivileged || own?.allowPrivilegeEscalation !== false,
    hasReadOnlyRoot: own?.readOnlyRootFilesystem === true,
    isProcUnmasked: own?.procMount === 'Unmasked',
    seccomp: profile?.type === 'RuntimeDefault' ? 'runtime-default' : 'unconfined',
    sysctls: Object.fromEntries((ofPod?.sysctls ?? []).map(({ name, value }) => [name, value])),
  }
}

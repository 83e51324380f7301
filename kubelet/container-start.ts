/** Starting one container: everything between "its image is here" and "it runs", with the events that people read. */
import type { Container, ObjectReference, Pod } from '../api/types.ts'
import { messageOf } from '../platform/assert.ts'
import { NetworkError } from '../platform/network.ts'
import { containerSpecOf } from './container-spec.ts'
import { ContainerConfigError, containerEnvironment } from './environment.ts'
import { runHook } from './lifecycle-hooks.ts'
import type { Sandbox } from './network/pod-network.ts'
import type { Waiting } from './pod-model.ts'
import { type ContainerMount, type ContainerRecord, RuntimeError } from './runtime/oci-runtime.ts'
import { hostnameOf, hostsFile, resolvConf } from './volumes/pod-files.ts'
import type { PodVolumes } from './volumes/pod-volumes.ts'
import type { WorkerContext } from './worker-context.ts'

export interface StartRequest {
  readonly pod: Pod
  readonly container: Container
  readonly kind: 'init' | 'main'
  readonly attempt: number
  readonly sandbox: Sandbox
  readonly volumes: PodVolumes
  /** Resolves when the pod's volumes are there. @throws */
  readonly volumesReady: () => Promise<void>
  readonly reference: ObjectReference
  readonly signal: AbortSignal
}

export type StartResult =
  | { readonly record: ContainerRecord }
  | { readonly waiting: Waiting; readonly isQuick: boolean }

const hookTimeoutMs = 120_000

/** The same container and attempt always have the same id, so no second one can be made by mistake. */
export function containerIdOf(context: WorkerContext, podUid: string, name: string, attempt: number): string {
  const bytes = context.powers.crypto.digest(`${podUid}/${name}/${attempt}`)
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .slice(0, 40)
}

/** Creates and starts; a failure becomes the reason that the container waits. */
export async function startContainer(context: WorkerContext, request: StartRequest): Promise<StartResult> {
  const { container, reference, signal } = request
  const { events, host } = context
  try {
    await request.volumesReady()
  } catch (error) {
    if (signal.aborted) throw error
    const message = messageOf(error)
    events.eventFor(podReference(reference), 'Warning', 'FailedMount', `MountVolume.SetUp failed: ${message}`)
    return { waiting: { reason: 'ContainerCreating', message: '' }, isQuick: true }
  }
  const id = containerIdOf(context, request.pod.metadata.uid ?? '', container.name, request.attempt)
  try {
    await host.runtime.create(await specFor(context, request, id))
  } catch (error) {
    if (signal.aborted) throw error
    return failed(
      context,
      reference,
      isConfigError(error) ? 'CreateContainerConfigError' : 'CreateContainerError',
      error,
    )
  }
  events.eventFor(reference, 'Normal', 'Created', `Created container: ${container.name}`)
  try {
    const record = await host.runtime.start(id)
    events.eventFor(
      reference,
      'Normal',
      'Started',
      `Started container ${container.name}${context.isSimulated ? ' (simulated: no process runs on this node)' : ''}`,
    )
    await runPostStart(context, request, id)
    return { record }
  } catch (error) {
    if (signal.aborted) throw error
    await host.runtime.remove(id)
    return failed(context, reference, 'RunContainerError', error)
  }
}

/** What it refers to is wrong, missing, or cannot be asked for now: tried again soon. */
function isConfigError(error: unknown): boolean {
  return (
    error instanceof NetworkError ||
    error instanceof ContainerConfigError ||
    (error instanceof RuntimeError && error.code === 'E_CONTAINER_CONFIG')
  )
}

function failed(
  context: WorkerContext,
  reference: ObjectReference,
  reason: string,
  error: unknown,
): StartResult {
  const message = messageOf(error)
  context.events.eventFor(reference, 'Warning', 'Failed', `Error: ${message}`)
  return { waiting: { reason, message }, isQuick: reason === 'CreateContainerConfigError' }
}

/** The pod itself, where an event is not about one container. */
export function podReference(reference: ObjectReference): ObjectReference {
  return { ...reference, fieldPath: undefined }
}

async function specFor(context: WorkerContext, request: StartRequest, id: string) {
  const { pod, container, sandbox, volumes, signal } = request
  const { config, host } = context
  const image = await host.images.find(container.image ?? '')
  if (image === undefined)
    throw new ContainerConfigError(`image "${container.image}" is gone from this node since it was pulled`)
  const objects = await volumes.fetchObjects('environment', signal)
  const podIP = sandbox.ip === '' ? config.address : sandbox.ip
  const facts = context.facts(pod, podIP)
  const environment = containerEnvironment(container, {
    pod,
    facts,
    services: context.services(),
    ...objects,
  })
  const own = await volumes.mountsOf(container, environment)
  return containerSpecOf({
    id,
    pod,
    container,
    kind: request.kind,
    attempt: request.attempt,
    sandbox,
    image,
    environment,
    mounts: [...own, ...(await systemMounts(context, request, podIP, own))],
    hostname: hostnameOf(pod, config.nodeName),
    nodeMemoryBytes: context.nodeMemoryBytes,
    podPidsLimit: config.podPidsLimit,
  })
}

/** /etc/hosts, /etc/resolv.conf, /etc/hostname and a shared /dev/shm, unless the pod mounts its own there. */
async function systemMounts(
  context: WorkerContext,
  { pod }: StartRequest,
  podIP: string,
  own: readonly ContainerMount[],
): Promise<readonly ContainerMount[]> {
  const { config, host } = context
  const podUid = pod.metadata.uid ?? ''
  const hostname = hostnameOf(pod, config.nodeName)
  const clusterDomain = config.clusterDomain ?? 'cluster.local'
  const taken = new Set(own.map((mount) => mount.destination))
  const texts = {
    '/etc/hosts': hostsFile({ pod, podIP, hostname, clusterDomain }),
    '/etc/hostname': `${hostname}\n`,
    '/etc/resolv.conf': resolvConf({
      pod,
      clusterDns: config.clusterDns ?? [],
      clusterDomain,
      nodeText: host.resolvConf(),
    }),
  }
  const mounts: ContainerMount[] = []
  for (const [destination, text] of Object.entries(texts)) {
    if (taken.has(destination)) continue
    const name = destination.slice(destination.lastIndexOf('/') + 1)
    mounts.push({
      type: 'bind',
      destination,
      source: await host.volumes.writePodFile(podUid, name, text),
      isReadOnly: false,
    })
  }
  const isShared = (pod.spec?.containers.length ?? 0) > 1 && !taken.has('/dev/shm')
  if (isShared) {
    const source = await host.volumes.prepareDirectory({
      podUid,
      volume: '.shm',
      medium: 'memory',
      sizeLimitBytes: 64 * 1024 * 1024,
      fsGroup: undefined,
    })
    mounts.push({ type: 'bind', destination: '/dev/shm', source, isReadOnly: false })
  }
  return mounts
}

async function runPostStart(
  context: WorkerContext,
  request: StartRequest,
  containerId: string,
): Promise<void> {
  const handler = request.container.lifecycle?.postStart
  if (handler === undefined) return
  const { container, sandbox, signal, reference } = request
  const podIP = sandbox.ip === '' ? context.config.address : sandbox.ip
  try {
    await runHook(context, { handler, container, containerId, podIP, timeoutMs: hookTimeoutMs, signal })
  } catch (error) {
    if (signal.aborted) throw error
    context.events.eventFor(
      reference,
      'Warning',
      'FailedPostStartHook',
      `PostStartHook failed: ${messageOf(error)}`,
    )
    // As upstream: the container is killed, and the restart policy decides.
    await context.host.runtime.kill(containerId, 'SIGKILL')
  }
}

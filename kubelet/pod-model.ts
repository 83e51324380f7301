/**
 * What a pod's worker knows, as plain data: the input of `pod-plan` and `pod-status`. One container name
 * has at most one record that lives and one that has ended before it.
 */
import type { Container, Pod } from '../api/types.ts'
import type { Backoff } from './backoff.ts'
import type { Sandbox } from './network/pod-network.ts'
import type { ContainerRecord } from './runtime/oci-runtime.ts'

/** What runs for a pod at the moment; the plan asks for nothing that is already under way. */
export type Operation =
  | { readonly kind: 'creating-sandbox' }
  | { readonly kind: 'removing-sandbox' }
  | { readonly kind: 'pulling'; readonly container: string }
  | { readonly kind: 'starting'; readonly container: string }
  | { readonly kind: 'killing'; readonly container: string; readonly containerId: string }
  | { readonly kind: 'removing'; readonly container: string; readonly containerId: string }

/** Why a container waits, as its status shows it. */
export interface Waiting {
  readonly reason: string
  readonly message: string
}

/** What the probes of one running container have found. */
export interface ProbeFindings {
  readonly isStarted: boolean
  readonly isReady: boolean
  /** A startup or liveness probe has failed often enough: kill it. */
  readonly failure?: {
    readonly probe: 'startup' | 'liveness'
    readonly message: string
    readonly graceSeconds?: number
  }
}

/** Why the pod must end. */
export interface Termination {
  /** Seconds given, from `startedAtMs`. */
  readonly graceSeconds: number
  readonly startedAtMs: number
  /** Set when the kubelet ends it by itself: the pod becomes Failed with this. */
  readonly failure?: { readonly reason: string; readonly message: string }
}

export interface PodObservation {
  readonly sandbox: Sandbox | undefined
  /** All records of the pod, ended ones too. */
  readonly containers: readonly ContainerRecord[]
  readonly operations: readonly Operation[]
  /** By container id. */
  readonly probes: ReadonlyMap<string, ProbeFindings>
  /** By container name: the attempt for which its image is here. */
  readonly imageReadyFor: ReadonlyMap<string, number>
  /** By container name. */
  readonly crashBackoffs: ReadonlyMap<string, Backoff>
  /** By what failed: `sandbox`, `pull/<container>`, `start/<container>`. */
  readonly failures: ReadonlyMap<
    string,
    { readonly atMs: number; readonly backoff: Backoff; readonly waiting: Waiting }
  >
  readonly termination: Termination | undefined
}

export interface PodView {
  readonly pod: Pod
  readonly observed: PodObservation
  readonly nowMs: number
}

/** A sidecar is an init container that goes on running (KEP-753). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always'
}

/** The newest record of a container name; undefined before the first attempt. */
export function latestRecord(observed: PodObservation, name: string): ContainerRecord | undefined {
  let latest: ContainerRecord | undefined
  for (const record of observed.containers) {
    if (record.containerName === name && (latest === undefined || record.attempt > latest.attempt))
      latest = record
  }
  return latest
}

/** The newest record below the present sandbox: what counts for init containers. */
export function presentRecord(observed: PodObservation, name: string): ContainerRecord | undefined {
  const record = latestRecord(observed, name)
  return record !== undefined && record.sandboxId === observed.sandbox?.id ? record : undefined
}

export function isAlive(record: ContainerRecord | undefined): boolean {
  return record !== undefined && record.state !== 'exited'
}

/** Whether a container that ended with `exitCode` runs again, by the pod's restartPolicy. */
export function shouldRestart(
  pod: Pod,
  container: Container,
  kind: 'init' | 'main',
  exitCode: number | undefined,
): boolean {
  if (isSidecar(container)) return true
  const policy = pod.spec?.restartPolicy ?? 'Always'
  if (policy === 'Never') return false
  const hasFailed = exitCode !== 0
  if (kind === 'init' || policy === 'OnFailure') return hasFailed
  return true
}

/** Whether an operation of any kind is under way for that container. */
export function isBusy(observed: PodObservation, name: string): boolean {
  return observed.operations.some((operation) => 'container' in operation && operation.container === name)
}

export function initContainersOf(pod: Pod): readonly Container[] {
  return pod.spec?.initContainers ?? []
}

export function mainContainersOf(pod: Pod): readonly Container[] {
  return pod.spec?.containers ?? []
}

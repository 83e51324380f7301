/** Small pods, records and observations for the kubelet's tests. */
import type { Container, Pod, PodSpec } from '../../api/types.ts'
import type { Sandbox } from '../network/pod-network.ts'
import type { PodObservation } from '../pod-model.ts'
import type { ContainerRecord } from '../runtime/oci-runtime.ts'
import { containerSpecHash } from '../spec-hash.ts'

export const nowMs = 1_767_225_600_000

export function podOf(spec: Partial<PodSpec> = {}, name = 'web'): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1' },
    spec: { nodeName: 'n1', containers: [containerOf('c')], ...spec },
  }
}

export function containerOf(name: string, more: Partial<Container> = {}): Container {
  return { name, image: 'skedia.local/web:1', ...more }
}

export function sandboxOf(more: Partial<Sandbox> = {}): Sandbox {
  return {
    id: 's1',
    podUid: 'uid-web',
    podNamespace: 'default',
    podName: 'web',
    ip: '10.244.0.2',
    createdAtMs: nowMs,
    namespaces: { usesHostIpc: false, usesHostPid: false },
    isReady: true,
    ...more,
  }
}

export function recordOf(containerName: string, more: Partial<ContainerRecord> = {}): ContainerRecord {
  const attempt = more.attempt ?? 0
  return {
    id: `${containerName}-${attempt}`,
    podUid: 'uid-web',
    podNamespace: 'default',
    podName: 'web',
    containerName,
    kind: 'main',
    attempt,
    sandboxId: 's1',
    specHash: containerSpecHash(containerOf(containerName)),
    image: 'skedia.local/web:1',
    imageId: 'sha256:1',
    state: 'running',
    createdAtMs: nowMs,
    startedAtMs: nowMs,
    ...more,
  }
}

/** An ended record. */
export function endedOf(
  containerName: string,
  exitCode: number,
  more: Partial<ContainerRecord> = {},
): ContainerRecord {
  return recordOf(containerName, { state: 'exited', exitCode, finishedAtMs: nowMs, ...more })
}

export function observationOf(more: Partial<PodObservation> = {}): PodObservation {
  return {
    sandbox: sandboxOf(),
    containers: [],
    operations: [],
    probes: new Map(),
    imageReadyFor: new Map(),
    crashBackoffs: new Map(),
    failures: new Map(),
    termination: undefined,
    ...more,
  }
}

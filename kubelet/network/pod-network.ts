/**
 * A pod's network, as the kubelet sees it: namespaces that exist without a process, and an address in
 * them. `network/cni` makes them on Linux; the fake host counts addresses.
 */
import type { SandboxNamespaces } from '../runtime/oci-runtime.ts'

/** What a pod's containers share. It lives from before the first container until after the last. */
export interface Sandbox {
  readonly id: string
  readonly podUid: string
  readonly podNamespace: string
  readonly podName: string
  /** Empty for pods on the host's network: theirs is the node's. */
  readonly ip: string
  readonly createdAtMs: number
  readonly namespaces: SandboxNamespaces
  /** False when its namespaces are gone (the machine was restarted): its containers are gone too. */
  readonly isReady: boolean
}

export interface SandboxRequest {
  readonly id: string
  readonly podUid: string
  readonly podNamespace: string
  readonly podName: string
  readonly usesHostNetwork: boolean
  readonly usesHostIpc: boolean
  readonly usesHostPid: boolean
  readonly hostPorts: readonly {
    readonly hostPort: number
    readonly containerPort: number
    readonly protocol: string
    readonly hostIP: string
  }[]
}

export interface PodNetwork {
  /** Undefined when pods can get addresses; else what is missing, fit for the node's Ready condition. */
  problem(): string | undefined
  /** @throws Error that says which plugin failed and how; nothing is left behind then */
  setUp(request: SandboxRequest): Promise<Sandbox>
  /** Frees address and namespaces. Idempotent. */
  tearDown(sandboxId: string): Promise<void>
  list(): Promise<readonly Sandbox[]>
  /** One HTTP GET to a pod, as probes and hooks make it. @throws NetworkError, DeadlineExceeded */
  get(request: PodHttpRequest): Promise<{ readonly status: number; readonly body: string }>
  /** Opens a TCP connection to a pod. @throws NetworkError */
  dial(target: {
    readonly host: string
    readonly port: number
    readonly timeoutMs: number
    readonly signal: AbortSignal
  }): Promise<PodConnection>
}

export interface PodHttpRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** A byte pipe to a pod's port. */
export interface PodConnection {
  read(): Promise<Uint8Array | undefined>
  write(bytes: Uint8Array): Promise<void>
  end(): void
  cancel(): void
}

/**
 * The runtime as the kubelet sees it: OCI's verbs over containers that outlive the kubelet. Bodies:
 * `runtime/oci` (runc or crun below a shim) and `runtime/fake` (the same in memory).
 *
 * What is promised: `create` of an id that exists fails, so a container is never started twice; a
 * container that exits is announced to subscribers at once, and its exit code is known after any number
 * of kubelet restarts; `list` gives everything that exists, whoever made it.
 *
 * Source: OCI runtime-spec "Runtime and Lifecycle"; CRI's container states.
 */
import type { EnvVariable } from '../environment.ts'

/** Whose container it is. Kept beside the container, so that a restarted kubelet knows it again. */
export interface ContainerOwner {
  readonly podUid: string
  readonly podNamespace: string
  readonly podName: string
  readonly containerName: string
  readonly kind: 'init' | 'main'
  /** 0 for the first, one more with every restart: the status' restartCount. */
  readonly attempt: number
  /** The sandbox below which it was made: init containers run again in a new sandbox. */
  readonly sandboxId: string
  /** Changes when the container's spec changes so that it must be restarted. */
  readonly specHash: string
  /** The image as the pod names it, and the digest of its configuration. */
  readonly image: string
  readonly imageId: string
}

export interface ContainerMount {
  readonly destination: string
  /** Host path; for tmpfs unused. */
  readonly source: string
  readonly type: 'bind' | 'tmpfs'
  readonly isReadOnly: boolean
  /** Kubernetes' mountPropagation. */
  readonly propagation?: 'private' | 'rslave' | 'rshared'
}

/** Limits as the kernel counts them. Undefined: no limit. */
export interface ContainerResources {
  readonly cpuShares: number
  readonly cpuQuotaUs?: number
  readonly cpuPeriodUs: number
  readonly memoryLimitBytes?: number
  readonly pidsLimit?: number
  readonly oomScoreAdj: number
}

export interface ContainerSecurity {
  readonly isPrivileged: boolean
  readonly addedCapabilities: readonly string[]
  readonly droppedCapabilities: readonly string[]
  readonly allowsPrivilegeEscalation: boolean
  readonly hasReadOnlyRoot: boolean
  /** True leaves /proc unmasked. */
  readonly isProcUnmasked: boolean
  /** The runtime's list of system calls that are refused, or none. */
  readonly seccomp: 'runtime-default' | 'unconfined'
  readonly sysctls: Readonly<Record<string, string>>
}

/** Everything that a runtime needs to make one container; nothing in it is Kubernetes' own. */
export interface ContainerSpec {
  readonly id: string
  readonly owner: ContainerOwner
  /** Unpacked layers, lowest first. */
  readonly layers: readonly string[]
  readonly arguments: readonly string[]
  readonly environment: readonly EnvVariable[]
  readonly workingDirectory: string
  /** `user`, `uid`, `user:group`, `uid:gid` as images write it; names are looked up in the image. */
  readonly user: string
  readonly group?: number
  readonly supplementalGroups: readonly number[]
  /** Refuses to run as uid 0. */
  readonly mustRunAsNonRoot: boolean
  readonly hostname: string
  readonly namespaces: SandboxNamespaces
  readonly mounts: readonly ContainerMount[]
  readonly resources: ContainerResources
  readonly security: ContainerSecurity
  /** Below the node's own: `kubepods/burstable/pod<uid>`. */
  readonly cgroupParent: string
  /** The container's standard input stays open for `attach`. */
  readonly hasStdin: boolean
  /** A terminal instead of three streams. */
  readonly hasTty: boolean
  /** Where in the container it may leave a last word. */
  readonly terminationMessagePath: string
  readonly fallsBackToLogs: boolean
}

/** Namespaces shared by a pod's containers. Undefined network: the node's own. */
export interface SandboxNamespaces {
  readonly networkPath?: string
  readonly ipcPath?: string
  readonly usesHostIpc: boolean
  readonly usesHostPid: boolean
}

export interface ContainerRecord extends ContainerOwner {
  readonly id: string
  readonly state: 'created' | 'running' | 'exited'
  /** All times are wall clock milliseconds. */
  readonly createdAtMs: number
  readonly startedAtMs?: number
  readonly finishedAtMs?: number
  /** 128 + signal for a killed process, as shells have it. */
  readonly exitCode?: number
  readonly wasOomKilled?: boolean
  readonly terminationMessage?: string
  /** The exit code could not be known (machine restarted, shim killed). */
  readonly isExitUnknown?: boolean
  readonly pid?: number
}

export interface ExecResult {
  readonly exitCode: number
  /** Standard output and error together, cut at 10 KiB. */
  readonly output: string
}

/** A process inside a container with its three streams. */
export interface ExecSession {
  /** Undefined at the end of both output streams. One read at a time. */
  read(): Promise<{ readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array } | undefined>
  write(bytes: Uint8Array): Promise<void>
  endInput(): void
  resize(size: { readonly width: number; readonly height: number }): void
  readonly exited: Promise<number>
  /** Ends it by SIGKILL. */
  close(): void
}

/** A verb failed. `message` is what the runtime said, fit for an event. */
export class RuntimeError extends Error {
  readonly code: string
  constructor(
    code: 'E_RUNTIME_CREATE' | 'E_RUNTIME_START' | 'E_NO_CONTAINER' | 'E_RUNTIME_EXEC' | 'E_CONTAINER_CONFIG',
    message: string,
  ) {
    super(message)
    this.name = 'RuntimeError'
    this.code = code
  }
}

export interface RuntimeInfo {
  /** `runc` */
  readonly name: string
  /** As nodeInfo shows it: `runc://1.1.5`. */
  readonly version: string
  /** False where containers are simulated: events and node conditions then say so. */
  readonly isReal: boolean
}

export interface OciRuntime {
  info(): Promise<RuntimeInfo>
  /** Makes the container's root file system, cgroup and first process, which waits for `start`. @throws RuntimeError */
  create(spec: ContainerSpec): Promise<void>
  /** @throws RuntimeError */
  start(id: string): Promise<ContainerRecord>
  state(id: string): Promise<ContainerRecord | undefined>
  /** All containers, or those of one pod. */
  list(podUid?: string): Promise<readonly ContainerRecord[]>
  /** Sends a signal to the container's first process; false when it has ended. */
  kill(id: string, signal: string): Promise<boolean>
  /** Frees all that belongs to an ended container, its log too. Nothing happens when there is none. */
  remove(id: string): Promise<void>
  /** Frees what the pod's containers shared: its cgroup, its log directory. Idempotent. */
  releasePod(podUid: string): Promise<void>
  /** Runs a command in a running container to its end. @throws RuntimeError, DeadlineExceeded */
  exec(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult>
  /** @throws RuntimeError */
  openExec(
    id: string,
    options: { readonly command: readonly string[]; readonly hasTty: boolean; readonly hasStdin: boolean },
  ): Promise<ExecSession>
  /** Writes to the standard input of a container made with `hasStdin`. @throws RuntimeError */
  writeInput(id: string, bytes: Uint8Array): Promise<void>
  /** Ends the standard input of such a container, once what was written has been read. */
  closeInput(id: string): Promise<void>
  /** Sets the size of the terminal of a container made with `hasTty`. */
  resize(id: string, size: { readonly width: number; readonly height: number }): Promise<void>
  /** The log in CRI's format, from a byte position; empty at its present end. */
  readLog(id: string, position: number, lengthMax: number): Uint8Array
  /** Its present length; shrinks when the log is rotated. */
  logLength(id: string): number
  /** Calls back after the log grew or the container ended. */
  watchLog(id: string, onChange: () => void): { close(): void }
  /** Bytes that the container's memory cgroup holds and CPU time used, where known. */
  usage(id: string): { readonly memoryBytes: number; readonly cpuNanoseconds: number } | undefined
  /** Hears of every container that changes by itself. `undefined`: something may have been missed, list again. */
  subscribe(onChange: (podUid: string | undefined) => void): { close(): void }
  /** Releases watches; containers go on. */
  close(): Promise<void>
}

/**
 * The machine below a kubelet, as one bundle of powers. It outlives the kubelet: whoever starts a second
 * kubelet on the same host finds the same containers. Bodies: `createLinuxNodeHost`, `createFakeNodeHost`.
 */
import type { Pod } from '../api/types.ts'
import type { ImageService } from './images/image-service.ts'
import type { PodNetwork } from './network/pod-network.ts'
import type { OciRuntime } from './runtime/oci-runtime.ts'
import type { VolumeHost } from './volumes/volume-host.ts'

/** The pods that this node was last told to run, for a kubelet that starts while no apiserver answers. */
export interface PodCheckpoints {
  load(): Promise<readonly Pod[]>
  save(pod: Pod): Promise<void>
  remove(podUid: string): Promise<void>
}

/** What the machine has, as Kubernetes counts it. */
export interface MachineFacts {
  readonly cpuMillis: number
  readonly memoryBytes: number
  readonly ephemeralStorageBytes: number
  readonly architecture: string
  readonly operatingSystem: string
  readonly kernelVersion: string
  readonly osImage: string
  readonly machineId: string
  readonly bootId: string
  readonly systemUuid: string
}

/** Present use, for node conditions and images' clean-up. */
export interface MachineUsage {
  readonly memoryAvailableBytes: number
  readonly diskAvailableBytes: number
  readonly diskCapacityBytes: number
  readonly processesAvailable: number
}

export interface NodeHost {
  readonly runtime: OciRuntime
  readonly images: ImageService
  readonly network: PodNetwork
  readonly volumes: VolumeHost
  readonly checkpoints: PodCheckpoints
  facts(): Promise<MachineFacts>
  usage(): Promise<MachineUsage>
  /** The node's /etc/resolv.conf, for pods with dnsPolicy Default. */
  resolvConf(): string
}

/** What a kubelet is told at its start. */
import type { ApiClient } from '../client/index.ts'
import type { TlsIdentity } from '../platform/network.ts'

export interface KubeletConfig {
  readonly nodeName: string
  readonly client: ApiClient
  /** The node's own directory. */
  readonly rootDir: string
  /** The node's IP: its InternalIP, its pods' hostIP, where the kubelet's server listens. */
  readonly address: string
  /** 10250; 0 lets the system choose. Undefined: no server. */
  readonly port: number | undefined
  readonly podCidr: string
  readonly clusterDns?: readonly string[] | undefined
  readonly clusterDomain?: string | undefined
  /** Certificate of the kubelet's server, and the authority of those who may call it. */
  readonly serverTls: TlsIdentity
  readonly nodeLabels?: Readonly<Record<string, string>> | undefined
  readonly registerWithTaints?:
    | readonly { readonly key: string; readonly value?: string; readonly effect: string }[]
    | undefined
  /** Overrides what the machine has: `cpu`, `memory`, `ephemeral-storage`, `pods`. */
  readonly capacity?: Readonly<Record<string, string>> | undefined
  /** Held back from capacity. */
  readonly reserved?: Readonly<Record<string, string>> | undefined
  readonly maxPods?: number | undefined
  readonly podPidsLimit?: number | undefined
  /** Skedia's version, as nodeInfo shows it; default v1.33.0. */
  readonly version?: string | undefined
  /** Who may call the kubelet's server: certificate organizations or common names. */
  readonly serverClients?: readonly string[] | undefined
}

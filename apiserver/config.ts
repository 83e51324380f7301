/** What an apiserver is started with, and what it gives back. */
import type { Address, TlsIdentity } from '../platform/network.ts'
import type { Component } from '../platform/powers.ts'
import type { StoreClient } from '../store/client/store-client.ts'
import type { FlowLimits } from './pipeline/flow-control.ts'

export interface ServiceAccountKey {
  /** PEM; signs new tokens. */
  readonly privateKey: string
  /** PEM; all are accepted. */
  readonly publicKeys: readonly string[]
}

export interface ApiserverConfig {
  /** Names this replica: `a1`. */
  readonly name: string
  readonly bindAddresses: readonly Address[]
  /** Where pods reach this replica: the endpoint of Service `kubernetes`. */
  readonly advertiseAddress: Address
  /** The server's certificate, and the authority that client certificates come from. */
  readonly tls: TlsIdentity
  /** PEM of the authority of client certificates, as given to pods (`kube-root-ca.crt`). */
  readonly clientCa: string
  readonly store: StoreClient
  readonly serviceAccountKey: ServiceAccountKey
  readonly serviceAccountIssuer: string
  /** How the apiserver presents itself to kubelets. */
  readonly kubeletClientTls: TlsIdentity
  /** Virtual addresses of Services: `10.96.0.0/16`. */
  readonly serviceCidr: string
  readonly clusterDomain: string
  readonly flowLimits?: FlowLimits
  readonly requestTimeoutMs?: number
  readonly compactionIntervalMs?: number
}

export interface Apiserver extends Component {
  /** Where it listens, one per bind address. */
  readonly addresses: readonly Address[]
  /** True once `/readyz` says ok. */
  isReady(): boolean
}

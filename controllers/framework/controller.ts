/**
 * What a controller is to the manager: a name, and a function that wires it to a context. Wiring happens
 * before the informers start; loops begin when the caches are filled; all ends with the leadership.
 */
import type {
  ApiClient,
  ApiObject,
  EventRecorder,
  Informer,
  InformerScope,
  LeaderElectionTimings,
  WorkQueue,
} from '../../client/index.ts'
import type { Resource } from '../../api/kind.ts'
import type { Powers } from '../../platform/powers.ts'

export type ControllerPowers = Pick<
  Powers,
  'clock' | 'random' | 'crypto' | 'network' | 'log' | 'metrics' | 'fatal'
>

export interface ControllerManagerConfig {
  /** Who this manager is among its stand-bys: c1, c2… */
  readonly identity: string
  readonly client: ApiClient
  /** Names from the catalogue; absent: all. */
  readonly controllers?: readonly string[] | undefined
  /** PEM; signs the tokens of legacy token Secrets. Absent: they are not filled. */
  readonly serviceAccountPrivateKey?: string | undefined
  /** PEM of the cluster's CA, published in every namespace. */
  readonly rootCa: string
  /** Pod addresses, for node IPAM. Absent: nodes keep what they bring. */
  readonly clusterCidr?: string | undefined
  readonly leaderElection?: Partial<LeaderElectionTimings> | undefined
}

/** How a key's reconcile went: done, or look again later though nothing will have changed. */
export interface ReconcileResult {
  readonly requeueAfterMs?: number | undefined
}

export interface Reconciler {
  /** One at a time per key. Reads the caches afresh; a key says where to look, never what happened. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<ReconcileResult | undefined | void>
  /** Keys worked on at once. Default 5. */
  readonly workers?: number | undefined
}

export interface ControllerContext {
  readonly powers: ControllerPowers
  readonly client: ApiClient
  readonly config: ControllerManagerConfig
  /** Aborts when leadership ends. */
  readonly signal: AbortSignal
  informer<T extends ApiObject>(resource: Resource<T>, scope?: InformerScope): Informer<T>
  recorder(component: string): EventRecorder
  /** A queue whose workers begin once the caches are filled. A failed key comes again with back-off. */
  reconciler(name: string, reconciler: Reconciler): WorkQueue
  /** Calls `task` every `periodMs`, first at once, once the caches are filled. Failures are logged. */
  every(name: string, periodMs: number, task: (signal: AbortSignal) => Promise<void>): void
  nowMs(): number
  /** `nowMs` as metav1.Time. */
  now(): string
}

/** One line of the catalogue. */
export interface Controller {
  /** Upstream's name, as `--controllers` takes it. */
  readonly name: string
  readonly start: (context: ControllerContext) => void
}

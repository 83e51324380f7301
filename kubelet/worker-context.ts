/** What all pod workers of a kubelet share. */
import type { Pod, PodStatus, Service } from '../api/types.ts'
import type { ApiClient, EventRecorder } from '../client/index.ts'
import type { Powers } from '../platform/powers.ts'
import type { PodFacts } from './environment.ts'
import type { KubeletConfig } from './kubelet-config.ts'
import type { NodeHost } from './node-host.ts'

export type KubeletPowers = Pick<
  Powers,
  'clock' | 'random' | 'crypto' | 'network' | 'log' | 'metrics' | 'fatal'
>

export interface WorkerContext {
  readonly powers: KubeletPowers
  readonly config: KubeletConfig
  readonly host: NodeHost
  readonly client: ApiClient
  readonly events: EventRecorder
  /** Appended to a pod's first event where containers are simulated. */
  readonly isSimulated: boolean
  readonly nodeMemoryBytes: number
  /** False until the API has been heard: what runs goes on, nothing is started from an old belief. */
  readonly mayStart: () => boolean
  readonly services: () => readonly Service[]
  readonly facts: (pod: Pod, podIP: string) => PodFacts
  /** Has a pod's status written; `isFinished`: nothing of it runs, it may be deleted for good. */
  readonly report: (pod: Pod, status: PodStatus, isFinished: boolean) => void
}

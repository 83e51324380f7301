/** The front door of the client: what components use to speak to the API. */
export {
  type ApiClient,
  type ApiClientConfig,
  type ApiObject,
  type CallOptions,
  type ClientPowers,
  createApiClient,
  type DeleteCallOptions,
  type GetOptions,
  type ListOptions,
  type ListResult,
  type PatchOptions,
  type RawRequest,
  type RawResponse,
  type ResourceClient,
  type SelectorOptions,
  type WatchEvent,
  type WatchOptions,
  type WatchStream,
  type WriteOptions,
} from './api-client.ts'
export { Backoff, type BackoffOptions } from './backoff.ts'
export {
  createEventRecorder,
  type EventRecorder,
  type EventSourceOptions,
  referenceTo,
} from './event-recorder.ts'
export {
  Cache,
  type Informer,
  type InformerHandler,
  type IndexFunction,
  keyOf,
  objectKey,
  splitKey,
} from './informer.ts'
export { createInformers, type Informers, type InformerScope } from './informers.ts'
export {
  formatKubeconfig,
  type FormatKubeconfigOptions,
  type KubeconfigContext,
  KubeconfigError,
  parseKubeconfig,
  type ParseKubeconfigOptions,
} from './kubeconfig.ts'
export {
  type LeaderElection,
  type LeaderElectionOptions,
  type LeaderElectionTimings,
  leaderElectionTimings,
  runLeaderElection,
} from './leader-election.ts'
export { listAll, pageLimit } from './pages.ts'
export { type RateLimit, TokenBucket } from './token-bucket.ts'
export { WorkQueue, type WorkQueueOptions } from './work-queue.ts'

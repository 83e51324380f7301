/** The store's front door for its users: the apiserver and the CLI import nothing else of the store. */
export { createStoreClient, type StoreClientOptions } from './native-client.ts'
export {
  type CallOptions,
  type Compare,
  type KeyValue,
  type MemberStatus,
  type Operation,
  type OperationResult,
  prefixEnd,
  type RangeRequest,
  type RangeResponse,
  type StoreClient,
  StoreError,
  type StoreErrorCode,
  type TxnRequest,
  type TxnResponse,
  type Watch,
  type WatchBatch,
  type WatchEvent,
  type WatchRequest,
} from './store-client.ts'

/** The store's front door for those who run members; its users take `client/index.ts`. */
import { openRaftNode } from '../raft/index.ts'
import type { Powers } from '../platform/powers.ts'
import { type StoreMember, type StoreMemberConfig, startMemberWith } from './server/member.ts'

export type { Backend, BackendHost } from './backend/backend.ts'
export { MemoryBackendHost, type MemoryBackendOptions } from './backend/memory/memory-backend.ts'
export { BackendError } from './errors.ts'
export { DataDirectoryError } from './server/identity.ts'
export type { StoreMember, StoreMemberConfig } from './server/member.ts'

/**
 * Starts a store member; resolves when it serves clients, with or without a leader.
 * @throws DataDirectoryError, BackendError, WalError, NetworkError: each says what to do
 */
export function startStoreMember(powers: Powers, config: StoreMemberConfig): Promise<StoreMember> {
  return startMemberWith((options) => openRaftNode(options), powers, config)
}

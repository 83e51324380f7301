/**
 * The store's errors, sorted by the one question that replication asks: would every member, applying the
 * same entry to the same state, come to the same error?
 *
 *  - yes: a `Refusal`. The entry counts as applied, the proposer gets the code, all members agree.
 *  - no: a `BackendError` (a disk's, never a command's). The member halts rather than diverge.
 */
import { StoreError, type StoreErrorCode } from './client/store-client.ts'

/** A command that every member refuses alike. */
export class Refusal extends StoreError {
  readonly isDeterministic = true
  constructor(code: StoreErrorCode, message: string, options?: { revision?: number }) {
    super(code, message, options)
    this.name = 'Refusal'
  }
}

/** What went wrong beneath this member's state: `corrupt` data, or the disk's own refusal. */
export class BackendError extends Error {
  readonly isDeterministic = false
  readonly code: 'corrupt' | 'io' | 'no-space' | 'locked' | 'unavailable'
  constructor(code: BackendError['code'], message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'BackendError'
    this.code = code
  }
}

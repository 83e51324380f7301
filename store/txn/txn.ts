/**
 * Applies a transaction to the key space: compares, one branch, at most one new revision. Deterministic:
 * everything that can be refused is refused before the first change (etcd 18667: a branch that read a
 * compacted revision was half applied on some members).
 */
import { unreachable } from '../../platform/assert.ts'
import type { Compare, Operation, TxnRequest } from '../client/store-client.ts'
import { Refusal } from '../errors.ts'
import { toKeyRange, toKeyText } from '../mvcc/key.ts'
import type { Mvcc, MvccWrite, RangeResult, RevisionChanges } from '../mvcc/mvcc.ts'
import { recordValue } from '../mvcc/record.ts'
import type { PagedRange } from './txn-codec.ts'
import { checkTxn } from './validate.ts'

/** Results as stored records; the server's boundary turns them into messages. */
export type OperationOutcome =
  | { readonly type: 'put'; readonly previous: Uint8Array | undefined }
  | { readonly type: 'delete'; readonly deleted: number; readonly previous: readonly Uint8Array[] }
  | ({ readonly type: 'range'; readonly revision: number } & RangeResult)

export interface TxnOutcome {
  readonly revision: number
  readonly succeeded: boolean
  /** Empty when nobody asked. */
  readonly results: readonly OperationOutcome[]
  readonly changes: RevisionChanges | undefined
}

export interface TxnState {
  readonly mvcc: Mvcc
  readonly hasLease: (lease: string) => boolean
}

/** Applies `request`. `wantsResults` false skips reads whose answers nobody waits for. @throws Refusal */
export function applyTxn(state: TxnState, request: TxnRequest, wantsResults: boolean): TxnOutcome {
  checkTxn(request)
  const { mvcc } = state
  const succeeded = request.compare.every((compare) => isTrue(mvcc, compare))
  const branch = succeeded ? request.success : request.failure
  checkBranchAgainst(state, branch)
  const write = mvcc.beginWrite()
  const results: OperationOutcome[] = []
  for (const operation of branch) {
    const result = applyOperation(mvcc, write, operation, wantsResults)
    if (wantsResults) results.push(result)
  }
  const changes = write.commit()
  return { revision: mvcc.revision, succeeded, results, changes }
}

/** Answers a transaction without writes from the state as it is. @throws Refusal */
export function readTxn(mvcc: Mvcc, request: TxnRequest): TxnOutcome {
  checkTxn(request)
  const succeeded = request.compare.every((compare) => isTrue(mvcc, compare))
  const branch = succeeded ? request.success : request.failure
  const results = branch.map((operation): OperationOutcome => {
    if (operation.type !== 'range') throw new Refusal('invalid-argument', 'a read-only transaction writes')
    checkRevision(mvcc, operation.revision ?? 0)
    return { type: 'range', revision: mvcc.revision, ...mvcc.range(toQuery(operation)) }
  })
  return { revision: mvcc.revision, succeeded, results, changes: undefined }
}

function isTrue(mvcc: Mvcc, compare: Compare): boolean {
  const key = toKeyText(compare.key)
  if (compare.target === 'value') {
    const record = mvcc.get(key)
    // etcd: a compare of the value of a key that does not exist is false, whatever the operator.
    return record !== undefined && holds(Buffer.compare(recordValue(record), compare.value), compare.operator)
  }
  const head = mvcc.head(key)
  switch (compare.target) {
    case 'mod':
      return holds(head.modRevision - compare.value, compare.operator)
    case 'create':
      return holds(head.createRevision - compare.value, compare.operator)
    case 'version':
      return holds(head.version - compare.value, compare.operator)
    default:
      return unreachable(compare)
  }
}

function holds(difference: number, operator: Compare['operator']): boolean {
  switch (operator) {
    case '=':
      return difference === 0
    case '!=':
      return difference !== 0
    case '<':
      return difference < 0
    case '>':
      return difference > 0
    default:
      return unreachable(operator)
  }
}

function checkBranchAgainst(state: TxnState, branch: readonly Operation[]): void {
  for (const operation of branch) {
    if (operation.type === 'put' && operation.lease !== undefined && !state.hasLease(operation.lease)) {
      throw new Refusal('lease-not-found', `lease ${operation.lease} does not exist; it may have expired`)
    }
    if (operation.type === 'range') checkRevision(state.mvcc, operation.revision ?? 0)
  }
}

/** @throws Refusal `compacted`, `future-revision` */
export function checkRevision(mvcc: Mvcc, revision: number): void {
  if (revision > mvcc.revision) {
    throw new Refusal('future-revision', `revision ${revision} is not reached yet, now is ${mvcc.revision}`)
  }
  if (revision > 0 && revision < mvcc.compactRevision) {
    throw new Refusal(
      'compacted',
      `revision ${revision} was compacted; history starts at ${mvcc.compactRevision}`,
      { revision: mvcc.compactRevision },
    )
  }
}

/** A request as a query of the key space. */
export function toQuery(request: PagedRange, bytesMax?: number): Parameters<Mvcc['range']>[0] {
  return {
    range: toKeyRange(request.key, request.rangeEnd),
    limit: request.limit ?? 0,
    revision: request.revision ?? 0,
    isKeysOnly: request.keysOnly ?? false,
    isCountOnly: request.countOnly ?? false,
    skipsCount: request.skipsCount ?? false,
    ...(bytesMax === undefined ? {} : { bytesMax }),
  }
}

function applyOperation(
  mvcc: Mvcc,
  write: MvccWrite,
  operation: Operation,
  wantsResults: boolean,
): OperationOutcome {
  switch (operation.type) {
    case 'put': {
      const key = toKeyText(operation.key)
      const previous = wantsResults && operation.prevKv ? mvcc.get(key) : undefined
      write.put(key, operation.value, operation.lease)
      return { type: 'put', previous }
    }
    case 'delete': {
      const range = toKeyRange(operation.key, operation.rangeEnd)
      const keys = mvcc.keysIn(range)
      const previous = wantsResults && operation.prevKv ? keys.flatMap((key) => mvcc.get(key) ?? []) : []
      for (const key of keys) write.delete(key)
      return { type: 'delete', deleted: keys.length, previous }
    }
    case 'range': {
      const skip = { records: [], more: false, count: 0 }
      return { type: 'range', revision: 0, ...(wantsResults ? mvcc.range(toQuery(operation)) : skip) }
    }
    default:
      return unreachable(operation)
  }
}

/** Deletes all keys of an ended lease at one revision. */
export function deleteKeys(mvcc: Mvcc, keys: readonly string[]): RevisionChanges | undefined {
  const write = mvcc.beginWrite()
  for (const key of keys) write.delete(key)
  return write.commit()
}

/**
 * What is refused before a transaction is proposed, and once more, alike on every member, before it is
 * applied: limits, and keys that one branch writes twice. Pure. Source: etcd v3rpc/key.go `checkTxnRequest`,
 * `checkIntervals`.
 */
import type { Operation, TxnRequest } from '../client/store-client.ts'
import { Refusal } from '../errors.ts'
import { isInRange, toKeyRange, toKeyText } from '../mvcc/key.ts'
import { describeKey } from '../mvcc/record.ts'

/** Operations in one branch, and compares, at most. */
export const operationsMax = 128
/** Bytes of a request at most: 1.5 MiB, etcd's `--max-request-bytes`. */
export const requestBytesMax = 1.5 * 1024 * 1024

/** @throws Refusal `request-too-large` */
export function checkRequestSize(sizeBytes: number): void {
  if (sizeBytes > requestBytesMax) {
    throw new Refusal(
      'request-too-large',
      `the request has ${sizeBytes} bytes, at most ${requestBytesMax} are taken; send smaller values`,
    )
  }
}

/** @throws Refusal `too-many-operations`, `invalid-argument`, `duplicate-key` */
export function checkTxn(request: TxnRequest): void {
  const most = Math.max(request.compare.length, request.success.length, request.failure.length)
  if (most > operationsMax) {
    throw new Refusal(
      'too-many-operations',
      `the transaction has ${most} operations in one list, at most ${operationsMax} are taken`,
    )
  }
  for (const { key } of [...request.compare, ...request.success, ...request.failure]) {
    if (key.length === 0) throw new Refusal('invalid-argument', 'a key is not given')
  }
  checkBranch(request.success)
  checkBranch(request.failure)
}

function checkBranch(operations: readonly Operation[]): void {
  const puts = new Set<string>()
  for (const operation of operations) {
    if (operation.type !== 'put') continue
    const key = toKeyText(operation.key)
    if (puts.has(key)) throw duplicate(key)
    puts.add(key)
  }
  if (puts.size === 0) return
  for (const operation of operations) {
    if (operation.type !== 'delete') continue
    const range = toKeyRange(operation.key, operation.rangeEnd)
    for (const key of puts) if (isInRange(range, key)) throw duplicate(key)
  }
}

function duplicate(key: string): Refusal {
  return new Refusal('duplicate-key', `key ${describeKey(key)} is written twice in one transaction`)
}

/** Whether no branch writes: such a transaction takes the read path. */
export function isReadOnly(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every((operation) => operation.type === 'range')
}

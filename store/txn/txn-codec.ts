/**
 * A transaction as bytes. The client encodes it once; the same bytes travel in the socket, in the log
 * entry and to the followers. Format 1 (msgpack, no records):
 *
 *   [1, compares, success, failure]
 *   compare = [key, operator, target, value]
 *   put     = [0, key, value, lease | nil, prevKv]
 *   delete  = [1, key, rangeEnd | nil, prevKv]
 *   range   = [2, key, rangeEnd | nil, limit, revision, keysOnly, countOnly, skipsCount]
 */
import { Packr } from 'msgpackr'
import { messageOf } from '../../platform/assert.ts'
import type { Compare, Operation, RangeRequest, TxnRequest } from '../client/store-client.ts'
import { Refusal } from '../errors.ts'
import {
  parseBytes,
  parseCount,
  parseFlag,
  parseLeaseId,
  parseList,
  parseOptionalBytes,
  parseText,
} from '../parse.ts'

const format = 1
const operators = ['=', '!=', '<', '>'] as const
const targets = ['mod', 'create', 'version', 'value'] as const

const packr = new Packr({ useRecords: false })

/** Encodes a request. The bytes are the caller's. */
export function encodeTxn(request: TxnRequest): Uint8Array {
  return packr.pack([
    format,
    request.compare.map((compare) => [
      compare.key,
      operators.indexOf(compare.operator),
      targets.indexOf(compare.target),
      compare.value,
    ]),
    request.success.map(operationCells),
    request.failure.map(operationCells),
  ])
}

function operationCells(operation: Operation): readonly unknown[] {
  switch (operation.type) {
    case 'put':
      return [0, operation.key, operation.value, operation.lease ?? null, operation.prevKv ?? false]
    case 'delete':
      return [1, operation.key, operation.rangeEnd ?? null, operation.prevKv ?? false]
    case 'range':
      return [2, ...rangeCells(operation)]
  }
}

/**
 * A range request as a list of cells; `serializable` travels apart. `skipsCount`: the count is known from the
 * page before (counting at an old revision walks the range).
 */
export function rangeCells(request: PagedRange): readonly unknown[] {
  return [
    request.key,
    request.rangeEnd ?? null,
    request.limit ?? 0,
    request.revision ?? 0,
    request.keysOnly ?? false,
    request.countOnly ?? false,
    request.skipsCount ?? false,
  ]
}

/** A range, or a later page of one. */
export type PagedRange = RangeRequest & { readonly skipsCount?: boolean }

/** @throws Refusal `invalid-argument` */
export function decodeTxn(bytes: Uint8Array): TxnRequest {
  const cells = parseList(unpack(bytes), 'transaction')
  if (cells[0] !== format) {
    throw new Refusal('invalid-argument', `transaction format ${String(cells[0])} is not known here`)
  }
  return {
    compare: parseList(cells[1], 'compares').map(parseCompare),
    success: parseList(cells[2], 'success operations').map(parseOperation),
    failure: parseList(cells[3], 'failure operations').map(parseOperation),
  }
}

function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes)
  } catch (cause) {
    throw new Refusal('invalid-argument', `transaction is no msgpack: ${messageOf(cause)}`)
  }
}

function parseCompare(value: unknown): Compare {
  const cells = parseList(value, 'compare')
  const key = parseBytes(cells[0], 'compare.key')
  const operator = operators[parseCount(cells[1], 'compare.operator')]
  const target = targets[parseCount(cells[2], 'compare.target')]
  if (operator === undefined) throw new Refusal('invalid-argument', 'compare.operator is not known')
  if (target === undefined) throw new Refusal('invalid-argument', 'compare.target is not known')
  if (target === 'value') return { key, operator, target, value: parseBytes(cells[3], 'compare.value') }
  return { key, operator, target, value: parseCount(cells[3], 'compare.value') }
}

function parseOperation(value: unknown): Operation {
  const cells = parseList(value, 'operation')
  switch (cells[0]) {
    case 0:
      return {
        type: 'put',
        key: parseBytes(cells[1], 'put.key'),
        value: parseBytes(cells[2], 'put.value'),
        lease: cells[3] === null ? undefined : parseLeaseId(cells[3], 'put.lease'),
        prevKv: parseFlag(cells[4]),
      }
    case 1:
      return {
        type: 'delete',
        key: parseBytes(cells[1], 'delete.key'),
        ...withRangeEnd(cells[2]),
        prevKv: parseFlag(cells[3]),
      }
    case 2:
      return { type: 'range', ...parseRange(cells.slice(1)) }
    default:
      throw new Refusal('invalid-argument', `operation ${parseText(String(cells[0]), 'type')} is not known`)
  }
}

/** The inverse of `rangeCells`. @throws Refusal `invalid-argument` */
export function parseRange(cells: readonly unknown[]): PagedRange {
  return {
    key: parseBytes(cells[0], 'range.key'),
    ...withRangeEnd(cells[1]),
    limit: parseCount(cells[2], 'range.limit'),
    revision: parseCount(cells[3], 'range.revision'),
    keysOnly: parseFlag(cells[4]),
    countOnly: parseFlag(cells[5]),
    skipsCount: parseFlag(cells[6]),
  }
}

function withRangeEnd(value: unknown): { readonly rangeEnd?: Uint8Array } {
  const rangeEnd = parseOptionalBytes(value, 'rangeEnd')
  return rangeEnd === undefined ? {} : { rangeEnd }
}

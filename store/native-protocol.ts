/**
 * The native protocol between store clients and members: msgpack frames over a framed connection. A frame
 * is a list of messages; a message is a list whose first cell names it. Requests carry an id that the
 * answer repeats; answers come in any order. Version 1.
 *
 *   client → member                             member → client
 *   ["hello", version]                          ["hello", version, clusterId, memberId, name]
 *                                               ["leader", leaderId | nil, term, host | nil, port]
 *   ["range", id, serializable, …range cells]   ["range", id, revision, records, more, count]
 *   ["txn", id, transaction bytes]              ["txn", id, revision, succeeded, results]
 *   ["lease-grant", id, ttlMs]                  ["lease", id, lease id]
 *   ["lease-revoke" | "lease-keep-alive", id, lease id]   ["done", id]
 *   ["compact", id, revision]                   ["done", id]
 *   ["status", id]                              ["status", id, …]
 *   ["watch", id, key, rangeEnd | nil, startRevision, prevKv, progress]
 *                                               ["watched", id, first revision]
 *                                               ["events", id, revision, [[record, previous | nil], …]]
 *   ["progress" | "unwatch", id]                ["unwatched", id, code, text, revision | nil]
 *   ["ping", id]                                ["done", id]
 *                                               ["error", id, code, text, revision | nil]
 *
 * After its hello a member tells of each change of leader at once, so that clients need not ask.
 */
import { Packr } from 'msgpackr'
import { messageOf } from '../platform/assert.ts'
import type { MemberStatus, StoreErrorCode } from './client/store-client.ts'
import { Refusal } from './errors.ts'
import { parseCount, parseList, parseMs, parseOptionalText, parseText } from './parse.ts'

export const protocolVersion = 1

/** Frames to a member at most; a request is at most 1.5 MiB. */
export const requestFrameBytesMax = 4 * 1024 * 1024
/** Frames from a member at most. Ranges come in pages far below; a transaction's reads may be large. */
export const answerFrameBytesMax = 512 * 1024 * 1024

export type Message = readonly unknown[]

/** `not-leader` never leaves the client: it asks the leader instead. */
export type WireErrorCode = StoreErrorCode | 'not-leader'

const packr = new Packr({ useRecords: false })

export function encodeMessages(messages: readonly Message[]): Uint8Array {
  return packr.pack(messages)
}

/** @throws Refusal `invalid-argument` when the frame is no list of lists */
export function decodeMessages(frame: Uint8Array): readonly Message[] {
  let decoded: unknown
  try {
    decoded = packr.unpack(frame)
  } catch (error) {
    throw new Refusal(
      'invalid-argument',
      `a frame of ${frame.length} bytes is no msgpack: ${messageOf(error)}`,
    )
  }
  return parseList(decoded, 'frame').map((message) => parseList(message, 'message'))
}

export interface LeaderHint {
  readonly leaderId: string | undefined
  readonly term: number
  /** Where the leader takes clients, when known. */
  readonly host: string | undefined
  readonly port: number
}

export function leaderMessage(hint: LeaderHint): Message {
  return ['leader', hint.leaderId ?? null, hint.term, hint.host ?? null, hint.port]
}

export function parseLeader(message: Message): LeaderHint {
  return {
    leaderId: parseOptionalText(message[1], 'leader id'),
    term: parseCount(message[2], 'term'),
    host: parseOptionalText(message[3], 'host'),
    port: parseCount(message[4], 'port'),
  }
}

export interface MemberHello {
  readonly clusterId: string
  readonly memberId: string
  readonly name: string
}

export function helloMessage(hello: MemberHello): Message {
  return ['hello', protocolVersion, hello.clusterId, hello.memberId, hello.name]
}

/** @throws Refusal when the other side speaks another version */
export function parseHello(message: Message): MemberHello {
  checkVersion(message)
  return {
    clusterId: parseText(message[2], 'cluster id'),
    memberId: parseText(message[3], 'member id'),
    name: parseText(message[4], 'member name'),
  }
}

/** @throws Refusal when the other side speaks another version */
export function checkVersion(message: Message): void {
  if (message[0] !== 'hello' || message[1] !== protocolVersion) {
    throw new Refusal(
      'invalid-argument',
      `the other side speaks version ${String(message[1])} of the store's protocol, this one ${protocolVersion}`,
    )
  }
}

export function statusMessage(id: number, status: MemberStatus): Message {
  return [
    'status',
    id,
    status.id,
    status.name,
    status.role,
    status.leaderId ?? null,
    status.term,
    status.commitIndex,
    status.appliedIndex,
    status.revision,
    status.compactRevision,
    status.dbSizeBytes,
    status.fsyncP99Ms,
    status.version,
    status.lastChange,
  ]
}

export function parseStatus(message: Message): MemberStatus {
  return {
    id: parseText(message[2], 'id'),
    name: parseText(message[3], 'name'),
    role: parseText(message[4], 'role'),
    leaderId: parseOptionalText(message[5], 'leader id'),
    term: parseCount(message[6], 'term'),
    commitIndex: parseCount(message[7], 'commit index'),
    appliedIndex: parseCount(message[8], 'applied index'),
    revision: parseCount(message[9], 'revision'),
    compactRevision: parseCount(message[10], 'compact revision'),
    dbSizeBytes: parseCount(message[11], 'size'),
    fsyncP99Ms: parseMs(message[12], 'fsync'),
    version: parseText(message[13], 'version'),
    lastChange: parseText(message[14], 'last change'),
  }
}

const codes: Readonly<Record<WireErrorCode, true>> = {
  compacted: true,
  'future-revision': true,
  'no-leader': true,
  timeout: true,
  'too-many-requests': true,
  'unknown-outcome': true,
  'no-space': true,
  'request-too-large': true,
  'too-many-operations': true,
  'duplicate-key': true,
  'lease-not-found': true,
  corrupt: true,
  'invalid-argument': true,
  closed: true,
  'not-leader': true,
}

export interface WireError {
  readonly code: WireErrorCode
  readonly text: string
  readonly revision: number | undefined
}

function isCode(value: string): value is WireErrorCode {
  return Object.hasOwn(codes, value)
}

/** The error in an `error` or `unwatched` message. */
export function parseError(message: Message): WireError {
  const code = parseText(message[2], 'error code')
  return {
    // A code of a later release: whether something was written is not known.
    code: isCode(code) ? code : 'unknown-outcome',
    text: parseText(message[3], 'error text'),
    revision: typeof message[4] === 'number' ? message[4] : undefined,
  }
}

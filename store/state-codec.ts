/**
 * All state that does not lie in records: positions, membership, leases. It is small and written whole:
 * with each batch (without leases, to tell how far this member had come), into each checkpoint and at the
 * head of each snapshot (with leases). Format 1, msgpack without records, followed by nothing:
 *
 *   [1, index, term, revision, compactRevision, leaseClockMs, confState | nil, members, leases | nil]
 */
import { Packr } from 'msgpackr'
import { crc32c } from '../platform/crc32c.ts'
import { type ConfState, type LogIndex, type Term, toLogIndex, toMemberId, toTerm } from '../raft/types.ts'
import type { StoreState } from './apply.ts'
import { type MemberAttributes, parseMember } from './command.ts'
import { BackendError } from './errors.ts'
import type { Lease } from './lease/lease-table.ts'
import { parseCount, parseFlag, parseList, parseMs, parseText } from './parse.ts'

const format = 1
const packr = new Packr({ useRecords: false })

export interface StatePoint {
  readonly index: LogIndex
  readonly term: Term
  readonly revision: number
  readonly compactRevision: number
  readonly leaseClockMs: number
  readonly confState: ConfState | undefined
  readonly members: readonly MemberAttributes[]
  readonly leases: readonly Lease[]
}

/** The state's point, sealed by a CRC32C. */
export function encodeStatePoint(state: StoreState, options: { withLeases: boolean }): Uint8Array {
  const body = packr.pack([
    format,
    state.index,
    state.term,
    state.mvcc.revision,
    state.mvcc.compactRevision,
    state.leases.clockMs,
    state.confState ? confStateCells(state.confState) : null,
    [...state.members.values()].map(({ id, name, clientHost, clientPort }) => [
      id,
      name,
      clientHost,
      clientPort,
    ]),
    options.withLeases
      ? state.leases.list().map(({ id, ttlMs, expiresAtMs }) => [id, ttlMs, expiresAtMs])
      : null,
  ])
  const bytes = new Uint8Array(4 + body.length)
  new DataView(bytes.buffer).setUint32(0, crc32c(body))
  bytes.set(body, 4)
  return bytes
}

function confStateCells(conf: ConfState): readonly unknown[] {
  return [conf.voters, conf.votersOutgoing, conf.learners, conf.learnersNext, conf.autoLeave]
}

/** `what` names it in the message. @throws BackendError `corrupt` */
export function decodeStatePoint(bytes: Uint8Array, what: string): StatePoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const body = bytes.subarray(4)
  if (bytes.length < 5 || view.getUint32(0) !== crc32c(body)) {
    throw new BackendError('corrupt', `${what} is harmed: its checksum does not match`)
  }
  const cells = parseList(packr.unpack(body), what)
  if (cells[0] !== format) {
    throw new BackendError('corrupt', `${what} has format ${String(cells[0])}, which is not known here`)
  }
  return {
    index: toLogIndex(parseCount(cells[1], 'index')),
    term: toTerm(parseCount(cells[2], 'term')),
    revision: parseCount(cells[3], 'revision'),
    compactRevision: parseCount(cells[4], 'compact revision'),
    leaseClockMs: parseMs(cells[5], 'lease clock'),
    confState: cells[6] === null ? undefined : parseConfState(cells[6]),
    members: parseList(cells[7], 'members').map((member) => parseMember(parseList(member, 'member'))),
    leases: cells[8] === null ? [] : parseList(cells[8], 'leases').map(parseLease),
  }
}

function parseIds(value: unknown, what: string): ConfState['voters'] {
  return parseList(value, what).map((id) => toMemberId(parseText(id, 'member id')))
}

function parseConfState(value: unknown): ConfState {
  const cells = parseList(value, 'conf state')
  return {
    voters: parseIds(cells[0], 'voters'),
    votersOutgoing: parseIds(cells[1], 'outgoing voters'),
    learners: parseIds(cells[2], 'learners'),
    learnersNext: parseIds(cells[3], 'next learners'),
    autoLeave: parseFlag(cells[4]),
  }
}

function parseLease(value: unknown): Lease {
  const cells = parseList(value, 'lease')
  return {
    id: parseText(cells[0], 'lease id'),
    ttlMs: parseCount(cells[1], 'ttl'),
    expiresAtMs: parseMs(cells[2], 'lease end'),
  }
}

/** Sets everything but the records, which have been loaded before. */
export function restoreStatePoint(state: StoreState, point: StatePoint): void {
  state.index = point.index
  state.term = point.term
  state.confState = point.confState
  state.compactIndex = point.index
  state.leases.advance(point.leaseClockMs)
  for (const member of point.members) state.members.set(member.id, member)
  for (const lease of point.leases) state.leases.restore(lease)
  state.mvcc.finishLoad(point)
}

/**
 * Messages as bytes. A frame is a msgpack array of messages, a message an array that begins with its type's
 * number and its term; sender and receiver are those of the connection. Field order is the format: it is
 * versioned by the handshake. Entries travel as columns, so that a batch costs three arrays, not one per entry.
 *
 * `useRecords: false`: a frame must be readable by itself, whatever was lost before it.
 */
import { Packr } from 'msgpackr'
import type { Message } from '../message.ts'
import type { ConfState, Entry, EntryKind, LogIndex, MemberId, Term } from '../types.ts'
import { toLogIndex, toMemberId, toTerm } from '../types.ts'

/** A frame from a peer is not what this version speaks. */
export class FrameError extends Error {
  readonly code = 'E_RAFT_FRAME'
  constructor(message: string) {
    super(`cannot read a raft frame: ${message}`)
    this.name = 'FrameError'
  }
}

const kinds: readonly EntryKind[] = ['normal', 'empty', 'conf-change']
const packr = new Packr({ useRecords: false })

/** Any plain value as bytes. */
export function pack(value: unknown): Uint8Array {
  return packr.pack(value)
}

/** @throws FrameError */
export function unpack(frame: Uint8Array): unknown {
  // A view that is no Buffer: then the bytes within are none either, whose `slice` would not copy.
  const view = new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength)
  try {
    return packr.unpack(view)
  } catch (error) {
    throw new FrameError(error instanceof Error ? error.message : String(error))
  }
}

/** One frame for messages of one sender to one receiver. */
export function encodeMessages(messages: readonly Message[]): Uint8Array {
  return pack(messages.map(encodeMessage))
}

function encodeMessage(m: Message): readonly unknown[] {
  switch (m.type) {
    case 'append':
      return [1, m.term, m.prevIndex, m.prevTerm, m.commitIndex, ...encodeEntries(m.entries)]
    case 'append-accepted':
      return [2, m.term, m.matchIndex]
    case 'append-rejected':
      return [3, m.term, m.prevIndex, m.hintIndex, m.hintTerm]
    case 'heartbeat':
      return [4, m.term, m.commitIndex, m.readId]
    case 'heartbeat-response':
      return [5, m.term, m.readId, m.commitIndex]
    case 'vote':
      return [6, m.term, m.isPre, m.isTransfer, m.lastIndex, m.lastTerm]
    case 'vote-response':
      return [7, m.term, m.isPre, m.isGranted, m.commitIndex, m.commitTerm]
    case 'snapshot':
      return [8, m.term, m.meta.index, m.meta.term, encodeConfState(m.meta.confState)]
    case 'stale-term':
      return [9, m.term]
    case 'timeout-now':
      return [10, m.term]
    case 'read-index':
      return [11, m.term, m.requestId]
    case 'read-index-response':
      return [12, m.term, m.requestId, m.index]
  }
}

function encodeEntries(entries: readonly Entry[]): readonly unknown[] {
  const terms: Term[] = []
  const kindCodes: number[] = []
  const data: Uint8Array[] = []
  let isUniform = true
  for (const entry of entries) {
    const kind = kinds.indexOf(entry.kind)
    isUniform &&= entry.term === entries[0]?.term && kind === 0
    terms.push(entry.term)
    kindCodes.push(kind)
    data.push(entry.data)
  }
  // The usual batch is commands of one term: say so once.
  return isUniform ? [terms[0] ?? 0, 0, data] : [terms, kindCodes, data]
}

/**
 * The messages of a frame that `from` sent to `to`. Entry data are views into `frame`.
 * @throws FrameError
 */
export function decodeMessages(
  frame: Uint8Array,
  ends: { from: MemberId; to: MemberId },
): readonly Message[] {
  return list(unpack(frame)).map((value) => decodeMessage(list(value), ends))
}

function decodeMessage(f: readonly unknown[], ends: { from: MemberId; to: MemberId }): Message {
  const envelope = { ...ends, term: term(f[1]) }
  switch (f[0]) {
    case 1:
      return { ...envelope, type: 'append', ...decodeAppend(f) }
    case 2:
      return { ...envelope, type: 'append-accepted', matchIndex: index(f[2]) }
    case 3:
      return {
        ...envelope,
        type: 'append-rejected',
        prevIndex: index(f[2]),
        hintIndex: index(f[3]),
        hintTerm: term(f[4]),
      }
    case 4:
      return { ...envelope, type: 'heartbeat', commitIndex: index(f[2]), readId: number(f[3]) }
    case 5:
      return { ...envelope, type: 'heartbeat-response', readId: number(f[2]), commitIndex: index(f[3]) }
    case 6:
      return {
        ...envelope,
        type: 'vote',
        isPre: flag(f[2]),
        isTransfer: flag(f[3]),
        lastIndex: index(f[4]),
        lastTerm: term(f[5]),
      }
    case 7:
      return { ...envelope, type: 'vote-response', ...decodeVoteResponse(f) }
    case 8:
      return {
        ...envelope,
        type: 'snapshot',
        meta: { index: index(f[2]), term: term(f[3]), confState: decodeConfState(f[4]) },
      }
    case 9:
      return { ...envelope, type: 'stale-term' }
    case 10:
      return { ...envelope, type: 'timeout-now' }
    case 11:
      return { ...envelope, type: 'read-index', requestId: number(f[2]) }
    case 12:
      return { ...envelope, type: 'read-index-response', requestId: number(f[2]), index: index(f[3]) }
    default:
      throw new FrameError(`unknown message type ${String(f[0])}`)
  }
}

function decodeAppend(f: readonly unknown[]): {
  readonly prevIndex: LogIndex
  readonly prevTerm: Term
  readonly commitIndex: LogIndex
  readonly entries: readonly Entry[]
} {
  const prevIndex = index(f[2])
  const terms = f[5]
  const codes = f[6]
  const entries = list(f[7]).map((data, i): Entry => {
    const kind = kinds[Array.isArray(codes) ? number(codes[i]) : number(codes)]
    if (!kind) throw new FrameError('unknown entry kind')
    return {
      index: toLogIndex(prevIndex + 1 + i),
      term: term(Array.isArray(terms) ? terms[i] : terms),
      kind,
      data: bytes(data),
    }
  })
  return { prevIndex, prevTerm: term(f[3]), commitIndex: index(f[4]), entries }
}

function decodeVoteResponse(f: readonly unknown[]) {
  return { isPre: flag(f[2]), isGranted: flag(f[3]), commitIndex: index(f[4]), commitTerm: term(f[5]) }
}

/** A membership as plain arrays. */
export function encodeConfState(conf: ConfState): readonly unknown[] {
  return [conf.voters, conf.votersOutgoing, conf.learners, conf.learnersNext, conf.autoLeave]
}

/** @throws FrameError */
export function decodeConfState(value: unknown): ConfState {
  const f = list(value)
  return {
    voters: ids(f[0]),
    votersOutgoing: ids(f[1]),
    learners: ids(f[2]),
    learnersNext: ids(f[3]),
    autoLeave: flag(f[4]),
  }
}

export function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new FrameError(`expected a list, found ${typeof value}`)
  return value
}

export function number(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new FrameError(`expected a natural number, found ${String(value)}`)
  }
  return value
}

export function text(value: unknown): string {
  if (typeof value !== 'string') throw new FrameError(`expected a text, found ${typeof value}`)
  return value
}

export function bytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new FrameError(`expected bytes, found ${typeof value}`)
  return value
}

function flag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new FrameError(`expected true or false, found ${String(value)}`)
  return value
}

function ids(value: unknown): readonly MemberId[] {
  return list(value).map((id) => toMemberId(text(id)))
}

const term = (value: unknown): Term => toTerm(number(value))
const index = (value: unknown): LogIndex => toLogIndex(number(value))

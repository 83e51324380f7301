/**
 * A snapshot on its own connection, after the handshake:
 *
 *   sender    begin ─ chunk 0 ─ chunk 1 ─ … ─ end
 *   receiver            ack 0     ack 1         installing … installing ─ installed | refused
 *
 * Both sides hear something within `stallMs` while the other lives: the receiver acknowledges each chunk and
 * repeats `installing` while it switches over. Silence means that the other machine is gone.
 *
 * A chunk is numbered and carries its CRC-32C: TLS protects the wire, this protects from what happens to
 * bytes between disk and wire on either side. At most `windowChunks` are on their way unacknowledged.
 */
import { crc32c } from '../../platform/crc32c.ts'
import type { SnapshotMeta } from '../state-machine.ts'
import {
  bytes,
  decodeConfState,
  encodeConfState,
  FrameError,
  list,
  number,
  pack,
  text,
  unpack,
} from '../transport/codec.ts'
import type { Term } from '../types.ts'
import { toLogIndex, toTerm } from '../types.ts'

export const windowChunks = 8
/** A side that hears nothing for so long gives up; the leader then tries again. */
export const stallMs = 3000
/** How often a receiver says that it is still switching over. */
export const installingMs = 500

export type SnapshotFrame =
  | { readonly type: 'begin'; readonly senderTerm: Term; readonly meta: SnapshotMeta }
  | { readonly type: 'chunk'; readonly number: number; readonly data: Uint8Array }
  | { readonly type: 'end'; readonly chunks: number }
  | { readonly type: 'ack'; readonly number: number }
  | { readonly type: 'installing' }
  | { readonly type: 'installed' }
  | { readonly type: 'refused'; readonly reason: string }

export function encodeSnapshotFrame(frame: SnapshotFrame): Uint8Array {
  switch (frame.type) {
    case 'begin': {
      const { index, term, confState } = frame.meta
      return pack(['begin', frame.senderTerm, index, term, encodeConfState(confState)])
    }
    case 'chunk':
      return pack(['chunk', frame.number, crc32c(frame.data), frame.data])
    case 'end':
      return pack(['end', frame.chunks])
    case 'ack':
      return pack(['ack', frame.number])
    case 'installing':
    case 'installed':
      return pack([frame.type])
    case 'refused':
      return pack(['refused', frame.reason])
  }
}

/** @throws FrameError, also for a chunk whose checksum is wrong */
export function decodeSnapshotFrame(frame: Uint8Array): SnapshotFrame {
  const f = list(unpack(frame))
  switch (f[0]) {
    case 'begin': {
      const meta = {
        index: toLogIndex(number(f[2])),
        term: toTerm(number(f[3])),
        confState: decodeConfState(f[4]),
      }
      return { type: 'begin', senderTerm: toTerm(number(f[1])), meta }
    }
    case 'chunk': {
      const data = bytes(f[3])
      if (crc32c(data) !== number(f[2]))
        throw new FrameError(`snapshot chunk ${number(f[1])} fails its checksum`)
      return { type: 'chunk', number: number(f[1]), data }
    }
    case 'end':
      return { type: 'end', chunks: number(f[1]) }
    case 'ack':
      return { type: 'ack', number: number(f[1]) }
    case 'installing':
      return { type: 'installing' }
    case 'installed':
      return { type: 'installed' }
    case 'refused':
      return { type: 'refused', reason: text(f[1]) }
    default:
      throw new FrameError(`unknown snapshot frame ${String(f[0])}`)
  }
}

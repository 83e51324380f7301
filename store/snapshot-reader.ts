/**
 * Reads a consistent copy of the applied state for a peer that is too far behind. Which records there are
 * is taken from the index at once; their bytes are read chunk by chunk from a backend snapshot, so writes
 * and compaction go on meanwhile.
 */
import { assert } from '../platform/assert.ts'
import type { SnapshotReader } from '../raft/state-machine.ts'
import type { StoreState } from './apply.ts'
import type { BackendSnapshot } from './backend/backend.ts'
import { readRecord } from './record-source.ts'
import { SnapshotEncoder } from './snapshot-stream.ts'
import { encodeStatePoint } from './state-codec.ts'

export interface SnapshotReaderOptions {
  readonly state: StoreState
  readonly snapshot: BackendSnapshot
  readonly path: string
}

export function openSnapshotReader(options: SnapshotReaderOptions): SnapshotReader {
  const { state, snapshot, path } = options
  const { index, term, confState } = state
  assert(confState !== undefined, 'a snapshot is taken of a state without membership')
  const encoder = new SnapshotEncoder()
  const point = encodeStatePoint(state, { withLeases: true })
  const places = state.mvcc.places()
  const order = places.inOrder()
  let part: 'state' | 'records' | 'end' | 'over' = 'state'
  const nextRecord = () => {
    const next = order.next()
    if (next.done) return undefined
    return { place: next.value, record: readRecord(snapshot, next.value, path) }
  }
  return {
    meta: { index, term, confState },
    read: (bytesMax) => {
      if (part === 'state') {
        part = 'records'
        return encoder.state(point)
      }
      if (part === 'records') {
        const frame = encoder.records(nextRecord, bytesMax)
        if (frame) return frame
        part = 'end'
      }
      if (part === 'over') return undefined
      part = 'over'
      return encoder.end(places.length)
    },
    close: () => snapshot.close(),
  }
}

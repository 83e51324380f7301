/**
 * Installing a snapshot, from the follower's side.
 *
 *   stream complete ─▶ snapshotArrived ─┬─ not newer than the commit index ──▶ acknowledge what is there
 *                                       ├─ the log has that very entry ──────▶ commit up to it, install nothing
 *                                       └─ else ─▶ installing ─▶ snapshotInstalled ─▶ the log begins after it
 *                                                           └──▶ snapshotRefused ───▶ as before
 *
 * While `installing` no append is taken, nothing is applied and this member does not campaign: the state
 * machine is being exchanged beneath. Votes and heartbeats go on. Source: Raft paper 7.
 */
import { assert } from '../platform/assert.ts'
import { checkConfState } from './conf-change.ts'
import type { SnapshotArrived } from './message.ts'
import type { FollowerRole, RaftState } from './state.ts'
import { leaderIdOf } from './state.ts'
import type { LogIndex, MemberId } from './types.ts'

/** Decides about a complete snapshot; when it is needed, `outbox.install` tells the driver to switch over. */
export function stepSnapshot(state: RaftState, follower: FollowerRole, message: SnapshotArrived): void {
  const { log } = state
  const { meta } = message
  if (state.installing) return
  if (meta.index <= log.commitIndex) {
    acknowledge(state, message.from, log.commitIndex)
  } else if (log.matches(meta)) {
    log.commitTo(meta.index)
    follower.verifiedIndex = meta.index
    acknowledge(state, message.from, meta.index)
  } else {
    state.installing = { meta, from: message.from }
    state.outbox.install = meta
  }
}

/** The state machine stands at the snapshot, durably. */
export function snapshotInstalled(state: RaftState): void {
  const { installing, log } = state
  assert(installing !== undefined, 'a snapshot was installed that nobody asked for')
  const { meta, from } = installing
  checkConfState(meta.confState)
  state.installing = undefined
  log.restore(meta)
  state.confState = meta.confState
  state.confIndex = meta.index
  if (state.role.kind === 'follower') state.role.verifiedIndex = meta.index
  if (leaderIdOf(state) === from) acknowledge(state, from, meta.index)
}

/** The state machine would not take the snapshot; the old state stands. The leader will try again. */
export function snapshotRefused(state: RaftState): void {
  assert(state.installing !== undefined, 'a snapshot was refused that nobody asked for')
  state.installing = undefined
}

function acknowledge(state: RaftState, to: MemberId, matchIndex: LogIndex): void {
  state.outbox.promises.push({ type: 'append-accepted', from: state.id, to, term: state.term, matchIndex })
}

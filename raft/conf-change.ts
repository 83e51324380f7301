/**
 * Membership changes as pure functions from one `ConfState` to the next.
 *
 *   one change, `auto`      conf ────────────────▶ conf'           the majorities of both always overlap
 *   several, or not `auto`  conf ─▶ conf' + conf ─▶ conf'          joint: both majorities must agree meanwhile
 *
 * A membership takes effect when its entry is *applied*, as in etcd-io/raft and unlike the paper. That is
 * safe because at most one change is unapplied at a time, a member with a committed but unapplied change
 * does not campaign, and a leader proposes one only after an entry of its own term is committed (Ongaro's
 * erratum of 2015). Source: Raft paper 6, dissertation 4; etcd-io/raft confchange.
 */
import { assert } from '../platform/assert.ts'
import * as joint from './quorum/joint.ts'
import type { ConfState, MemberId } from './types.ts'
import { toMemberId } from './types.ts'

export interface SingleChange {
  readonly type: 'add-voter' | 'add-learner' | 'remove'
  readonly id: MemberId
}

/** Without `changes`: leave the joint configuration. */
export interface ConfChange {
  /** `auto`: joint only when needed, then left by itself; `implicit`: joint, left by itself; `explicit`: joint until told. */
  readonly transition: 'auto' | 'implicit' | 'explicit'
  readonly changes: readonly SingleChange[]
}

export type ConfChangeResult =
  | { readonly ok: true; readonly confState: ConfState }
  | { readonly ok: false; readonly reason: string }

/** The configuration of a new cluster. */
export function initialConfState(voters: readonly MemberId[]): ConfState {
  return { voters: [...voters].sort(), votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }
}

/** The membership after `change`, or why it cannot be made. */
export function changeMembership(conf: ConfState, change: ConfChange): ConfChangeResult {
  const isLeaving = change.changes.length === 0
  if (isLeaving) {
    return joint.isJoint(conf)
      ? checked(leaveJoint(conf))
      : refused('there is no joint configuration to leave')
  }
  if (joint.isJoint(conf)) return refused('a joint configuration must be left first')
  const isSimple = change.transition === 'auto' && change.changes.length === 1
  const entered = isSimple
    ? conf
    : { ...conf, votersOutgoing: conf.voters, autoLeave: change.transition !== 'explicit' }
  return checked(change.changes.reduce(applyOne, entered))
}

function applyOne(conf: ConfState, change: SingleChange): ConfState {
  const { id } = change
  const voters = without(conf.voters, id)
  const learners = without(conf.learners, id)
  const learnersNext = without(conf.learnersNext, id)
  if (change.type === 'add-voter') return { ...conf, voters: withMember(voters, id), learners, learnersNext }
  if (change.type === 'remove') return { ...conf, voters, learners, learnersNext }
  // A voter of the outgoing half cannot be a learner at the same time: it becomes one when the half is left.
  return conf.votersOutgoing.includes(id)
    ? { ...conf, voters, learners, learnersNext: withMember(learnersNext, id) }
    : { ...conf, voters, learners: withMember(learners, id), learnersNext }
}

function leaveJoint(conf: ConfState): ConfState {
  const learners = [...new Set([...conf.learners, ...conf.learnersNext])].sort()
  return { voters: conf.voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false }
}

function without(ids: readonly MemberId[], id: MemberId): readonly MemberId[] {
  return ids.filter((other) => other !== id)
}

function withMember(ids: readonly MemberId[], id: MemberId): readonly MemberId[] {
  return [...ids, id].sort()
}

function refused(reason: string): ConfChangeResult {
  return { ok: false, reason }
}

function checked(confState: ConfState): ConfChangeResult {
  if (confState.voters.length === 0) return refused('no voter would be left')
  checkConfState(confState)
  return { ok: true, confState }
}

/** Asserts what must hold of every membership. */
export function checkConfState(conf: ConfState): void {
  const both = (a: readonly MemberId[], b: readonly MemberId[]) => a.filter((id) => b.includes(id))
  assert(
    both(conf.learners, joint.allVoters(conf)).length === 0,
    () => `learner and voter: ${JSON.stringify(conf)}`,
  )
  const strays = conf.learnersNext.filter((id) => !conf.votersOutgoing.includes(id))
  assert(strays.length === 0, () => `learnersNext outside of votersOutgoing: ${JSON.stringify(conf)}`)
  assert(joint.isJoint(conf) || !conf.autoLeave, () => `autoLeave while not joint: ${JSON.stringify(conf)}`)
}

/** The data of a `conf-change` entry: versioned JSON, for such entries are rare and people read them. */
export function encodeConfChange(change: ConfChange): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version: 1, ...change }))
}

const transitions = ['auto', 'implicit', 'explicit'] as const
const changeTypes = ['add-voter', 'add-learner', 'remove'] as const

/** @throws Error when the data is not a membership change that this version knows */
export function decodeConfChange(data: Uint8Array): ConfChange {
  const parsed: unknown = JSON.parse(new TextDecoder().decode(data))
  if (!isRecord(parsed) || parsed['version'] !== 1 || !Array.isArray(parsed['changes'])) {
    throw new Error(`membership change: expected version 1 with changes, found ${JSON.stringify(parsed)}`)
  }
  const transition = transitions.find((known) => known === parsed['transition'])
  if (!transition) throw new Error(`membership change: unknown transition ${String(parsed['transition'])}`)
  return { transition, changes: parsed['changes'].map(decodeSingle) }
}

function decodeSingle(value: unknown): SingleChange {
  const type = isRecord(value) ? changeTypes.find((known) => known === value['type']) : undefined
  if (!isRecord(value) || !type || typeof value['id'] !== 'string') {
    throw new Error(`membership change: cannot read ${JSON.stringify(value)}`)
  }
  return { type, id: toMemberId(value['id']) }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

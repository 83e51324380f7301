/**
 * `skedia status` as data: a pure function of what the supervisor knows of its processes and what they say
 * of themselves. The field names are part of the command's contract (`status -o json`).
 */
import type { MemberStatus } from '../../store/client/index.ts'
import type { ClusterFile } from '../cluster/cluster-file.ts'
import type { HealthStatus } from '../health/health-server.ts'
import type { ProcessView } from './supervised-process.ts'

export interface MemberRow {
  readonly name: string
  readonly pid: number | null
  /** `leader`, `follower`, `candidate`, …; `down`, `paused` or `silent` when it does not answer. */
  readonly role: string
  readonly term: number | null
  readonly commitIndex: number | null
  readonly appliedIndex: number | null
  /** Entries that the leader has committed and this member has not applied. */
  readonly lag: number | null
  readonly fsyncP99Ms: number | null
  readonly upMs: number | null
  /** Leads, or follows the one who does: it counts for the quorum. */
  readonly healthy: boolean
  /** Its links are cut by `skedia cut`. */
  readonly cut: boolean
  readonly restarts: number
  readonly lastChange: string | null
}

export interface ProcessRow {
  readonly name: string
  readonly kind: string
  readonly pid: number | null
  readonly ready: boolean
  /** Null where nobody leads. */
  readonly leading: boolean | null
  readonly state: string
  readonly restarts: number
  readonly upMs: number | null
}

export interface ClusterStatus {
  readonly name: string
  readonly dir: string
  readonly endpoint: string
  readonly kubeconfig: string
  readonly runtime: { readonly kind: string; readonly reason?: string }
  readonly members: readonly MemberRow[]
  readonly processes: readonly ProcessRow[]
  readonly quorum: boolean
  /** How many more members may be lost before writes stop. */
  readonly toleratesLosing: number
  readonly leader: string | null
}

/** What is known of one process. */
export interface Observation {
  readonly view: ProcessView
  /** Undefined when it did not answer. */
  readonly health: HealthStatus | undefined
  readonly isCut: boolean
}

/** Puts the observations together. */
export function clusterStatus(input: {
  readonly cluster: ClusterFile
  readonly dir: string
  readonly endpoint: string
  readonly kubeconfig: string
  readonly observations: readonly Observation[]
  readonly nowMs: number
}): ClusterStatus {
  const { cluster, observations } = input
  const members = observations.filter((one) => one.view.kind === 'store')
  const leader = leaderAmong(members)
  const leaderStatus = leader && memberStatusOf(leader)
  const following = members.filter((one) => follows(one, leaderStatus)).length
  const majority = Math.floor(members.length / 2) + 1
  const hasQuorum = leader !== undefined && following >= majority
  return {
    name: cluster.name,
    dir: input.dir,
    endpoint: input.endpoint,
    kubeconfig: input.kubeconfig,
    runtime: cluster.runtime,
    members: members.map((one) => memberRow(one, leaderStatus, input.nowMs)),
    processes: observations
      .filter((one) => one.view.kind !== 'store')
      .map((one) => processRow(one, input.nowMs)),
    quorum: hasQuorum,
    toleratesLosing: hasQuorum ? following - majority : 0,
    leader: leader?.view.name ?? null,
  }
}

/** The member that leads: of several that say so, the one with the highest term; a cut one does not count. */
function leaderAmong(members: readonly Observation[]): Observation | undefined {
  let best: Observation | undefined
  for (const one of members) {
    const status = memberStatusOf(one)
    if (status?.role !== 'leader' || one.isCut) continue
    if (best === undefined || status.term > (memberStatusOf(best)?.term ?? 0)) best = one
  }
  return best
}

function follows(one: Observation, leader: MemberStatus | undefined): boolean {
  const status = memberStatusOf(one)
  return status !== undefined && leader !== undefined && !one.isCut && status.leaderId === leader.id
}

/** The member's own status, when it answered. The store verb puts it into `/status` as `detail`. */
export function memberStatusOf(one: Observation): MemberStatus | undefined {
  const detail = one.health?.detail
  return isMemberStatus(detail) ? detail : undefined
}

function isMemberStatus(value: unknown): value is MemberStatus {
  return (
    typeof value === 'object' &&
    value !== null &&
    'role' in value &&
    'commitIndex' in value &&
    'term' in value
  )
}

function memberRow(one: Observation, leader: MemberStatus | undefined, nowMs: number): MemberRow {
  const status = memberStatusOf(one)
  return {
    name: one.view.name,
    pid: one.view.pid ?? null,
    role: status?.role ?? silentRole(one.view),
    term: status?.term ?? null,
    commitIndex: status?.commitIndex ?? null,
    appliedIndex: status?.appliedIndex ?? null,
    lag: status && leader ? Math.max(0, leader.commitIndex - status.appliedIndex) : null,
    fsyncP99Ms: status?.fsyncP99Ms ?? null,
    upMs: upMs(one.view, nowMs),
    healthy: follows(one, leader),
    cut: one.isCut,
    restarts: one.view.restarts,
    lastChange: status?.lastChange ?? null,
  }
}

function processRow(one: Observation, nowMs: number): ProcessRow {
  return {
    name: one.view.name,
    kind: one.view.kind,
    pid: one.view.pid ?? null,
    ready: one.health?.ready ?? false,
    leading: one.health?.leading ?? null,
    state: one.health === undefined ? silentRole(one.view) : one.health.ready ? 'ready' : 'starting',
    restarts: one.view.restarts,
    upMs: upMs(one.view, nowMs),
  }
}

function upMs(view: ProcessView, nowMs: number): number | null {
  return view.startedMs === undefined ? null : Math.round(nowMs - view.startedMs)
}

/** The word for a process that does not answer. */
function silentRole(view: ProcessView): string {
  if (view.isPaused) return 'paused'
  if (view.phase === 'waiting') return `restarting (${view.lastExit ?? 'ended'})`
  return view.phase === 'running' ? 'silent' : 'down'
}

import t from 'tap'
import { planCluster } from '../cluster/cluster-plan.ts'
import { renderStatus } from '../output/status-text.ts'
import { clusterStatus, type Observation } from './cluster-status.ts'

const cluster = planCluster({
  name: 'skedia',
  id: 'abc123',
  token: 't',
  createdAt: '2026-01-01T00:00:00Z',
  skediaVersion: '0.1.0',
  shape: { members: 3, apiservers: 1, nodes: 1, fakeNodes: 0 },
  basePort: 6443,
  runtime: { kind: 'fake', reason: 'runc missing' },
  networkIndex: undefined,
})

interface Seen {
  readonly role?: string
  readonly term?: number
  readonly leaderId?: string
  readonly applied?: number
  readonly commit?: number
  readonly isPaused?: boolean
  readonly isCut?: boolean
}

/** A member as it is seen; without a role it does not answer. */
function member(name: string, seen: Seen): Observation {
  const isDown = seen.role === undefined && !seen.isPaused
  return {
    view: {
      name,
      kind: 'store',
      phase: isDown ? 'down' : 'running',
      pid: isDown ? undefined : 7,
      isPaused: seen.isPaused ?? false,
      restarts: 0,
      lastExit: undefined,
      startedMs: isDown ? undefined : 1000,
      failuresInRow: 0,
    },
    health:
      seen.role === undefined
        ? undefined
        : {
            name,
            ready: true,
            leading: seen.role === 'leader',
            detail: {
              id: name,
              role: seen.role,
              term: seen.term ?? 2,
              leaderId: seen.leaderId,
              commitIndex: seen.commit ?? 10,
              appliedIndex: seen.applied ?? 10,
              fsyncP99Ms: 0.4,
              lastChange: 'won',
            },
          },
    isCut: seen.isCut ?? false,
  }
}

function statusOf(observations: readonly Observation[]) {
  return clusterStatus({
    cluster,
    dir: '/d',
    endpoint: 'https://127.0.0.1:6443',
    kubeconfig: '/d/kubeconfig',
    observations,
    nowMs: 61_000,
  })
}

void t.test('three members, one leader: one more may be lost', async (t) => {
  const status = statusOf([
    member('m1', { role: 'follower', leaderId: 'm2', applied: 8 }),
    member('m2', { role: 'leader', leaderId: 'm2' }),
    member('m3', { role: 'follower', leaderId: 'm2' }),
  ])
  t.equal(status.quorum, true)
  t.equal(status.toleratesLosing, 1)
  t.equal(status.leader, 'm2')
  t.equal(status.members[0]?.lag, 2)
  t.match(renderStatus(status, ''), /m2 leads term 2 · 3 of 3 members up · can lose 1 more member/)
})

void t.test('two of three: a quorum that tolerates no more', async (t) => {
  const status = statusOf([
    member('m1', {}),
    member('m2', { role: 'leader', leaderId: 'm2' }),
    member('m3', { role: 'follower', leaderId: 'm2' }),
  ])
  t.equal(status.quorum, true)
  t.equal(status.toleratesLosing, 0)
  t.match(renderStatus(status, ' --name x'), /skedia start m1 --name x/)
})

void t.test('one of three: no quorum, and the text says what to type', async (t) => {
  const status = statusOf([
    member('m1', {}),
    member('m2', { isPaused: true }),
    member('m3', { role: 'follower' }),
  ])
  t.equal(status.quorum, false)
  t.equal(status.toleratesLosing, 0)
  const text = renderStatus(status, '')
  t.match(text, /no quorum: 1 of 3 members up/)
  t.match(text, /skedia start m1/)
  t.match(text, /skedia resume m2/)
})

void t.test('a deposed leader that was cut off and still believes to lead does not count', async (t) => {
  const status = statusOf([
    member('m1', { role: 'leader', leaderId: 'm1', term: 2, isCut: true }),
    member('m2', { role: 'leader', leaderId: 'm2', term: 3 }),
    member('m3', { role: 'follower', leaderId: 'm2', term: 3 }),
  ])
  t.equal(status.leader, 'm2')
  t.equal(status.toleratesLosing, 0)
})

void t.test('a follower that follows somebody else is no part of the quorum', async (t) => {
  const status = statusOf([
    member('m1', { role: 'leader', leaderId: 'm1' }),
    member('m2', { role: 'candidate' }),
    member('m3', { role: 'follower', leaderId: 'm2' }),
  ])
  t.equal(status.quorum, false)
})

void t.test('the fake runtime is said plainly', async (t) => {
  t.match(
    renderStatus(statusOf([member('m1', { role: 'leader', leaderId: 'm1' })]), ''),
    /SIMULATED by the fake runtime \(runc missing\)/,
  )
})

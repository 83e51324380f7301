import t from 'tap'
import { simIdentity, SimWorld, type SimProcess } from '../../platform/sim/index.ts'
import type { RaftMember, RaftNode } from '../raft-node.ts'
import { toMemberId } from '../types.ts'
import { FakeDisk, FakeStateMachine } from './state-machine.fixture.ts'
import { openRaftNode } from './open-raft-node.ts'
import type { RaftTuning } from './tuning.ts'

const names = ['m1', 'm2', 'm3']
const small: Partial<RaftTuning> = { walSegmentBytes: 64 * 1024, snapshotEntries: 100, catchUpEntries: 50 }

class Member {
  readonly world: SimWorld
  readonly member: RaftMember
  readonly all: readonly RaftMember[]
  readonly disk = new FakeDisk()
  readonly tuning: Partial<RaftTuning>
  process: SimProcess | undefined
  node: RaftNode | undefined
  machine: FakeStateMachine | undefined

  constructor(world: SimWorld, member: RaftMember, all: readonly RaftMember[], tuning: Partial<RaftTuning>) {
    this.world = world
    this.member = member
    this.all = all
    this.tuning = tuning
  }

  start(): void {
    const { name, id, peerAddress } = this.member
    const process = this.world.startProcess({ name, machine: this.world.machine(name) })
    this.process = process
    const stateMachine = new FakeStateMachine(process.powers.clock, this.disk)
    this.machine = stateMachine
    openRaftNode({
      powers: process.powers,
      id,
      clusterId: 'c0ffee',
      directory: '/data',
      members: this.all,
      listenPeer: peerAddress,
      tls: simIdentity('peers', name),
      stateMachine,
      tuning: this.tuning,
    }).then(
      (node) => {
        if (process === this.process) this.node = node
      },
      (error: unknown) => this.world.violate(`${name}: ${String(error)}`),
    )
  }

  kill(): void {
    if (this.process) this.world.kill(this.process)
    this.node = undefined
  }
}

function cluster(
  seed: bigint,
  count = 3,
  tuning: Partial<RaftTuning> = small,
): { world: SimWorld; members: Member[] } {
  const world = new SimWorld(seed)
  const all = names.slice(0, count).map((name, i) => {
    return { id: toMemberId(`000000000000000${i + 1}`), name, peerAddress: { host: name, port: 2380 } }
  })
  const members = all.map((member) => new Member(world, member, all, tuning))
  for (const member of members) member.start()
  return { world, members }
}

function leaderOf(members: readonly Member[]): Member | undefined {
  return members.find(({ node }) => node?.status().role === 'leader')
}

const bytes = (text: string) => new TextEncoder().encode(text)

void t.test('three members elect one leader and replicate to all', async (t) => {
  const { world, members } = cluster(1n)
  t.ok(await world.runUntil(() => leaderOf(members) !== undefined, 2000))
  const leader = leaderOf(members)
  for (let i = 0; i < 50; i += 1) t.ok(leader?.node?.propose(bytes(`c${i}`)).accepted)
  t.ok(await world.runUntil(() => members.every(({ machine }) => machine?.commands.length === 50), 1000))
  t.same(world.violations, [])
})

void t.test('a single member elects itself at once and commits alone', async (t) => {
  const { world, members } = cluster(2n, 1)
  t.ok(await world.runUntil(() => leaderOf(members) !== undefined, 100, 1))
  t.ok(leaderOf(members)?.node?.propose(bytes('x')).accepted)
  t.ok(await world.runUntil(() => members[0]?.machine?.commands.length === 1, 100, 1))
})

/**
 * One store member, from data directory to client port: the store's front door on the server's side.
 *
 *   lock → identity → state back to its checkpoint → Raft replays its WAL → clients
 */
import type { Clock } from '../../platform/clock.ts'
import type { Address, TlsIdentity } from '../../platform/network.ts'
import type { Component, Powers } from '../../platform/powers.ts'
import type { RaftMember, RaftNode, RaftTuning, StateMachine } from '../../raft/index.ts'
import type { MemberId } from '../../raft/types.ts'
import type { BackendHost } from '../backend/backend.ts'
import { createLevelHost } from '../backend/level/level-backend.ts'
import type { MemberStatus } from '../client/store-client.ts'
import { openStoreMachine } from '../machine-boot.ts'
import type { StoreMachine } from '../state-machine.ts'
import { Chores } from './chores.ts'
import { type Identity, lockDirectory, memberIdOf, openIdentity } from './identity.ts'
import { type NativeServer, startNativeServer } from './native/native-server.ts'
import { defaultLimits, StoreService } from './service.ts'

/** The release that `status` tells. */
const version = '0.1.0'

export interface StoreMemberConfig {
  readonly name: string
  /** Holds identity, WAL, state. One member's alone. */
  readonly dataDir: string
  /** Every initial member with its peer address, this one included. */
  readonly initialCluster: readonly { readonly name: string; readonly address: Address }[]
  readonly initialClusterToken: string
  readonly listenPeer: Address
  /** Where clients connect (native protocol). Port 0: any. */
  readonly listenClient: Address
  /** Told to clients instead of `listenClient`. */
  readonly advertiseClient?: Address
  /** Server certificate for clients, and the authority of theirs. */
  readonly tls: TlsIdentity
  readonly peerTls: TlsIdentity
  /** `level`, or a host that outlives the member (the harness's). */
  readonly backend: 'level' | BackendHost
  /** Default 8 GiB. */
  readonly quotaBackendBytes?: number
  readonly raftTuning?: RaftTuningOptions
  /** Default 5,000. */
  readonly progressEveryMs?: number
  /** Default 2,000. */
  readonly leaderlessMs?: number
}

/** Passed on to Raft as it is. */
export type RaftTuningOptions = Partial<RaftTuning>

export interface StoreMember extends Component {
  readonly id: MemberId
  readonly clusterId: string
  /** Where clients connect. */
  readonly address: Address
  status(): MemberStatus
  /** Raft and state machine, for the harness's checkers. Read only. */
  readonly inspect: { readonly raft: RaftNode; readonly machine: StoreMachine }
  /** Hands leadership to another member; resolves when one leads. */
  transferLeadership(to?: string): Promise<void>
}

/** Opens Raft around a state machine; `openRaftNode` but for its edges. */
export type OpenRaft = (options: {
  readonly powers: Powers
  readonly id: MemberId
  readonly clusterId: string
  readonly directory: string
  readonly members: readonly RaftMember[]
  readonly listenPeer: Address
  readonly tls: TlsIdentity
  readonly stateMachine: StateMachine
  readonly tuning: RaftTuningOptions
}) => Promise<RaftNode>

/**
 * Starts a member; resolves when clients are served (a leader may still be missing).
 * @throws DataDirectoryError, BackendError, NetworkError, or Raft's own: each says what to do
 */
export async function startMemberWith(
  openRaft: OpenRaft,
  powers: Powers,
  config: StoreMemberConfig,
): Promise<StoreMember> {
  const undo: (() => Promise<void> | void)[] = []
  try {
    return await start(openRaft, powers, config, undo)
  } catch (error) {
    for (const step of undo.reverse()) await step()
    throw error
  }
}

async function start(
  openRaft: OpenRaft,
  powers: Powers,
  config: StoreMemberConfig,
  undo: (() => Promise<void> | void)[],
): Promise<StoreMember> {
  const { dataDir, name, initialClusterToken: clusterToken } = config
  const lock = lockDirectory(powers.disk, dataDir)
  undo.push(() => lock.release())
  const identity = openIdentity(powers, { directory: dataDir, name, clusterToken })
  const host =
    config.backend === 'level' ? createLevelHost({ directory: dataDir, clock: powers.clock }) : config.backend
  const machine = await openStoreMachine(powers, { directory: dataDir, host })
  undo.push(() => machine.close())
  const wiring: { service?: StoreService; server?: NativeServer; chores?: Chores } = {}
  wireMachine(machine, wiring)
  const raft = await openRaft({
    powers,
    id: identity.memberId,
    clusterId: identity.clusterId,
    directory: dataDir,
    members: membersOf(powers, config),
    listenPeer: config.listenPeer,
    tls: config.peerTls,
    stateMachine: machine,
    tuning: config.raftTuning ?? {},
  })
  undo.push(() => raft.close())
  const service = new StoreService(powers, {
    machine,
    raft,
    version,
    self: { id: identity.memberId, name, ...clientAddress(config.advertiseClient ?? config.listenClient) },
    limits: { ...defaultLimits, quotaBytes: config.quotaBackendBytes ?? defaultLimits.quotaBytes },
  })
  wiring.service = service
  const chores = new Chores(powers, {
    service,
    machine,
    progressEveryMs: config.progressEveryMs ?? 5_000,
    leaderlessMs: config.leaderlessMs ?? 2_000,
  })
  wiring.chores = chores
  const server = await startNativeServer(powers.network, {
    address: config.listenClient,
    tls: config.tls,
    service,
    hello: { clusterId: identity.clusterId, memberId: identity.memberId, name },
    onWatch: () => chores.pumpSoon(),
  })
  wiring.server = server
  service.onFlush = () => server.flush()
  watchLeadership(raft, {
    clock: powers.clock,
    service,
    server,
    self: { identity, address: config.advertiseClient ?? server.address },
  })
  chores.start()
  return makeMember({ powers, identity, machine, raft, service, server, chores, lock })
}

function clientAddress({ host, port }: Address): {
  readonly clientHost: string
  readonly clientPort: number
} {
  return { clientHost: host, clientPort: port }
}

function membersOf(powers: Powers, config: StoreMemberConfig): readonly RaftMember[] {
  return config.initialCluster.map(({ name, address }) => ({
    id: memberIdOf(powers.crypto, { clusterToken: config.initialClusterToken, name }),
    name,
    peerAddress: address,
  }))
}

/** Raft applies entries before the service stands: what it does then concerns nobody yet. */
function wireMachine(machine: StoreMachine, wiring: { service?: StoreService; chores?: Chores }): void {
  machine.events = {
    wantsResults: (index, term) => wiring.service?.wantsResults(index, term) ?? false,
    onApplied: (outcomes, changes) => {
      wiring.service?.applied(outcomes, changes)
      wiring.chores?.pumpSoon()
    },
    onReplaced: () => {
      wiring.service?.replaced()
      wiring.chores?.pumpSoon()
    },
  }
}

interface LeadershipWatch {
  readonly clock: Clock
  readonly service: StoreService
  readonly server: NativeServer
  readonly self: { readonly identity: Identity; readonly address: Address }
}

/** Every change of leader goes to the clients at once; a new leader says in the log where clients find it. */
function watchLeadership(raft: RaftNode, { clock, service, server, self }: LeadershipWatch): void {
  const announce = () => {
    const { memberId: id, name } = self.identity
    service.command({ kind: 'announce', member: { id, name, ...clientAddress(self.address) } }, () =>
      server.tellLeader(),
    )
  }
  const onChange = () => {
    const { role, term } = raft.status()
    const wasLeading = service.leases.isLeading
    service.leases.lead(role === 'leader' ? term : undefined)
    if (role === 'leader' && !wasLeading) clock.setTimer(0, announce)
    server.tellLeader()
  }
  raft.onLeadershipChange = onChange
  onChange()
}

interface Parts {
  readonly powers: Powers
  readonly identity: Identity
  readonly machine: StoreMachine
  readonly raft: RaftNode
  readonly service: StoreService
  readonly server: NativeServer
  readonly chores: Chores
  readonly lock: { release(): void }
}

function makeMember(parts: Parts): StoreMember {
  const { identity, machine, raft, service, server, chores, lock } = parts
  let closing: Promise<void> | undefined
  const close = async () => {
    chores.close()
    await raft.close()
    service.close()
    await server.close()
    await machine.close()
    lock.release()
  }
  return {
    id: identity.memberId,
    clusterId: identity.clusterId,
    address: server.address,
    status: () => service.status(),
    inspect: { raft, machine },
    transferLeadership: (to) => {
      const member = raft.status().confState.voters.find((id) => id === to)
      return raft.transferLeadership(member)
    },
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

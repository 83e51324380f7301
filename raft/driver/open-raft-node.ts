/** Raft's way in: builds a member from powers and starts it. */
import type { Address, TlsIdentity } from '../../platform/network.ts'
import type { RaftMember, RaftNode } from '../raft-node.ts'
import { RawNode } from '../raw-node.ts'
import type { Restored } from '../raw-node.ts'
import type { StateMachine } from '../state-machine.ts'
import { Transport } from '../transport/transport.ts'
import type { MemberId } from '../types.ts'
import { toLogIndex, toTerm } from '../types.ts'
import { WalError } from '../wal/recovery.ts'
import { Wal } from '../wal/wal.ts'
import { reconcile } from './boot.ts'
import type { DriverParts, RaftPowers } from './driver.ts'
import { Driver } from './driver.ts'
import { Identity } from './identity.ts'
import { createRaftMetrics } from './metrics.ts'
import type { RaftTuning } from './tuning.ts'
import { completeTuning, coreOptions } from './tuning.ts'

export interface RaftNodeOptions {
  readonly powers: RaftPowers
  readonly id: MemberId
  readonly clusterId: string
  /** The WAL and the identity live in `<directory>/wal`. */
  readonly directory: string
  /** The initial voters with their addresses, this member among them; all members must be given the same ids. */
  readonly members: readonly RaftMember[]
  readonly listenPeer: Address
  readonly tls: TlsIdentity
  /** Must stand at what it has applied durably or not; see `StateMachine.applied`. */
  readonly stateMachine: StateMachine
  readonly tuning?: Partial<RaftTuning>
}

/**
 * Opens the WAL, checks it against the state machine, listens for peers and takes part. Resolves as soon as the
 * member takes part, whether or not there is a leader yet.
 * @throws WalError when the directory is damaged, foreign or does not fit the state machine; DiskError;
 *   NetworkError when the peer address cannot be listened on; RangeError for tuning that cannot work
 */
export async function openRaftNode(options: RaftNodeOptions): Promise<RaftNode> {
  const { powers, id, clusterId } = options
  const { random, disk } = powers
  const tuning = completeTuning(options.tuning)
  const directory = `${options.directory}/wal`
  disk.makeDirectory(directory)
  const lock = disk.lock(directory)
  let wal: Wal | undefined
  try {
    const identity = Identity.open({ disk, random, directory, clusterId, memberId: id })
    const listener: WalListener = { durable: () => {}, failed: (error) => powers.fatal(error) }
    wal = openWal(options, { directory, tuning, listener })
    if (identity.isInitialised && !wal.recovered) throw missingWal(directory)
    const restored = restore(options, wal, directory)
    await initialise(wal, identity, listener)
    const driver = createDriver(options, {
      tuning,
      wal,
      identity,
      restored,
      listener,
      release: () => lock.release(),
    })
    await driver.start()
    return driver
  } catch (error) {
    wal?.close()
    lock.release()
    throw error
  }
}

/** Who hears of the WAL: at first nobody, then the driver, which needs the WAL to be built. */
interface WalListener {
  durable: (sequence: number) => void
  failed: (error: Error) => void
}

function openWal(
  options: RaftNodeOptions,
  parts: { readonly directory: string; readonly tuning: RaftTuning; readonly listener: WalListener },
): Wal {
  const { directory, tuning, listener } = parts
  const { clock, random, disk, log } = options.powers
  const wal = new Wal({
    disk,
    clock,
    random: random.fork('wal'),
    directory,
    clusterId: options.clusterId,
    memberId: options.id,
    segmentBytes: tuning.walSegmentBytes,
    onDurable: (sequence) => listener.durable(sequence),
    onError: (error) => listener.failed(error),
  })
  if (wal.recovered && wal.recovered.cutBytes > 0) {
    log.warn('cut a torn WAL tail that was never acknowledged', { directory, bytes: wal.recovered.cutBytes })
  }
  return wal
}

/** What the core starts from, by WAL and state machine together. */
function restore(options: RaftNodeOptions, wal: Wal, directory: string): Restored {
  const voters = options.members.map((member) => member.id)
  const applied = options.stateMachine.applied()
  const restored = reconcile({ recovered: wal.recovered, applied, voters, directory })
  const { index, term } = restored.entries.at(-1) ?? restored.offset
  wal.resetTo({ index, term })
  return restored
}

function createDriver(
  options: RaftNodeOptions,
  parts: {
    readonly tuning: RaftTuning
    readonly wal: Wal
    readonly identity: Identity
    readonly restored: Restored
    readonly listener: WalListener
    readonly release: () => void
  },
): Driver {
  const { powers, id, members, stateMachine } = options
  const { tuning, wal, identity, restored, listener, release } = parts
  const core = new RawNode({
    id,
    core: coreOptions(tuning),
    random: powers.random.fork('raft'),
    restored,
    nowMs: powers.clock.monotonicMs(),
  })
  const metrics = createRaftMetrics(powers.metrics)
  const transport: DriverParts['transport'] = (handlers) => createTransport(options, identity, handlers)
  const driver = new Driver({ powers, tuning, core, wal, members, stateMachine, metrics, release, transport })
  listener.durable = (sequence) => {
    metrics.fsyncSeconds.observe(wal.latencies.last / 1000)
    driver.durable(sequence)
  }
  listener.failed = (error) => driver.walFailed(error)
  return driver
}

function createTransport(
  options: RaftNodeOptions,
  identity: Identity,
  handlers: Parameters<DriverParts['transport']>[0],
): Transport {
  const { powers, id, clusterId, members, listenPeer, tls } = options
  const { clock, random, network, log } = powers
  return new Transport({
    clock,
    random: random.fork('transport'),
    network,
    log,
    tls,
    listenPeer,
    members,
    rules: {
      clusterId,
      id,
      storeUuid: identity.storeUuid,
      rememberStore: (peer, storeUuid) => identity.rememberStore(peer, storeUuid),
    },
    onMessages: (messages) => handlers.receive(messages),
    onLost: (peer) => handlers.peerLost(peer),
    onGone: (peer) => handlers.peerGone(peer),
    onSnapshotConnection: (from, connection) => handlers.snapshots.accept(from, connection),
  })
}

/** A new WAL becomes visible as such: a first frame on the disk, then the mark that there is one. */
function initialise(wal: Wal, identity: Identity, listener: WalListener): Promise<void> {
  if (wal.recovered) {
    identity.markInitialised()
    return Promise.resolve()
  }
  return new Promise((resolve, reject) => {
    listener.failed = reject
    wal.mark({ index: toLogIndex(0), term: toTerm(0) }, () => {
      identity.markInitialised()
      resolve()
    })
  })
}

function missingWal(directory: string): WalError {
  return new WalError(
    'E_WAL_CORRUPT',
    `cannot start with ${directory}: raft.json says that this member has run before, but there are no WAL segments. ` +
      'Its votes and acknowledgements are lost. Restore the segments, or remove this member from the cluster and ' +
      'add it anew with an empty data directory.',
  )
}

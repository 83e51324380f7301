/** Raft's way in: builds a member from powers and starts it. */
import type { Address, TlsIdentity } from '../../platform/network.ts'
import type { RaftMember, RaftNode } from '../raft-node.ts'
import { RawNode } from '../raw-node.ts'
import type { StateMachine } from '../state-machine.ts'
import { Transport } from '../transport/transport.ts'
import type { MemberId } from '../types.ts'
import { toLogIndex, toTerm } from '../types.ts'
import { WalError } from '../wal/recovery.ts'
import { Wal } from '../wal/wal.ts'
import { reconcile } from './boot.ts'
import type { RaftPowers } from './driver.ts'
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
  const { powers, id, clusterId, members, stateMachine } = options
  const { clock, random, disk, network, log } = powers
  const tuning = completeTuning(options.tuning)
  const directory = `${options.directory}/wal`
  disk.makeDirectory(directory)
  const lock = disk.lock(directory)
  let wal: Wal | undefined
  try {
    const identity = Identity.open({ disk, random, directory, clusterId, memberId: id })
    const early = { durable: (_sequence: number) => {}, failed: (error: Error): void => powers.fatal(error) }
    const opened = new Wal({
      disk,
      clock,
      random: random.fork('wal'),
      directory,
      clusterId,
      memberId: id,
      segmentBytes: tuning.walSegmentBytes,
      onDurable: (sequence) => early.durable(sequence),
      onError: (error) => early.failed(error),
    })
    wal = opened
    const { recovered } = opened
    if (identity.isInitialised && !recovered) throw missingWal(directory)
    if (recovered && recovered.cutBytes > 0) {
      log.warn('cut a torn WAL tail that was never acknowledged', { directory, bytes: recovered.cutBytes })
    }
    const voters = members.map((member) => member.id)
    const restored = reconcile({ recovered, applied: stateMachine.applied(), voters, directory })
    const { index, term } = restored.entries.at(-1) ?? restored.offset
    opened.resetTo({ index, term })
    await initialise(opened, identity, early)
    const core = new RawNode({
      id,
      core: coreOptions(tuning),
      random: random.fork('raft'),
      trace: log,
      restored,
      nowMs: clock.monotonicMs(),
    })
    const metrics = createRaftMetrics(powers.metrics)
    const driver = new Driver({
      powers,
      tuning,
      core,
      wal: opened,
      members,
      stateMachine,
      metrics,
      release: () => lock.release(),
      transport: (handlers) =>
        new Transport({
          clock,
          random: random.fork('transport'),
          network,
          log,
          tls: options.tls,
          listenPeer: options.listenPeer,
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
        }),
    })
    early.durable = (sequence) => {
      metrics.fsyncSeconds.observe(opened.latencies.last / 1000)
      driver.durable(sequence)
    }
    early.failed = (error) => driver.walFailed(error)
    await driver.start()
    return driver
  } catch (error) {
    wal?.close()
    lock.release()
    throw error
  }
}

/** A new WAL becomes visible as such: a first frame on the disk, then the mark that there is one. */
function initialise(
  wal: Wal,
  identity: Identity,
  early: { durable: (sequence: number) => void; failed: (error: Error) => void },
): Promise<void> {
  if (wal.recovered) {
    identity.markInitialised()
    return Promise.resolve()
  }
  return new Promise((resolve, reject) => {
    early.failed = reject
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

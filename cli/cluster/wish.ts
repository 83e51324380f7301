/** What `skedia up` was asked for, and the cluster that it becomes together with what is there already. */
import type { Powers } from '../../platform/powers.ts'
import { formatTime, sleep } from '../../platform/clock.ts'
import { CliError } from '../cli-error.ts'
import { chooseNetworkIndex } from '../network/node-network.ts'
import type { Shell } from '../shell.ts'
import { version } from '../version.ts'
import type { ClusterFile, ClusterShape, RuntimeChoice } from './cluster-file.ts'
import { hostPorts, planCluster, type PlanWish } from './cluster-plan.ts'
import { allClusters } from './location.ts'
import { busyPorts, chooseBasePort, holderOf, type NamedPort, type PortHolder } from './ports.ts'

/** What the flags say; undefined: as it was, or the default. */
export interface UpWish {
  readonly name: string
  readonly members?: number | undefined
  readonly apiservers?: number | undefined
  readonly nodes?: number | undefined
  readonly fakeNodes?: number | undefined
  readonly basePort?: number | undefined
}

/** How long the ports of an earlier run may take to become free. */
const settleTimeoutMs = 1_000

const defaultShape: ClusterShape = { members: 3, apiservers: 2, nodes: 1, fakeNodes: 0 }

/** The cluster as it shall be, and the port that stood in the way, if one did. @throws CliError */
export async function settleCluster(
  powers: Powers,
  shell: Shell,
  options: {
    readonly wish: UpWish
    readonly dir: string
    readonly existing: ClusterFile | undefined
    readonly runtime: RuntimeChoice
  },
): Promise<{ readonly cluster: ClusterFile; readonly conflict: PortHolder | undefined }> {
  const { wish, existing, runtime } = options
  const others = allClusters(shell, powers.files).filter((found) => found.dir !== options.dir)
  const networkIndex =
    runtime.kind === 'fake'
      ? undefined
      : await settleNetwork(
          powers,
          existing,
          others.map((one) => one.cluster),
        )
  const plan = (basePort: number): PlanWish => ({
    name: existing?.name ?? wish.name,
    id: existing?.id ?? hex(powers.random.bytes(3)),
    token: existing?.token ?? hex(powers.random.bytes(16)),
    createdAt: existing?.createdAt ?? formatTime(powers.clock.wallMs()),
    skediaVersion: version,
    shape: settleShape(wish, existing),
    basePort,
    runtime,
    networkIndex,
  })
  if (existing && (wish.basePort ?? existing.basePort) === existing.basePort) {
    const same = planCluster(plan(existing.basePort))
    const busy = await stillBusy(powers, hostPorts(same))
    if (busy === undefined) return { cluster: same, conflict: undefined }
    const conflict = { ...busy, holder: await holderOf(powers.processes, busy.port) }
    const { basePort } = await chooseBasePort(powers, searchOptions(undefined))
    return { cluster: planCluster(plan(basePort)), conflict }
  }
  const { basePort, conflict } = await chooseBasePort(powers, searchOptions(wish.basePort))
  return { cluster: planCluster(plan(basePort)), conflict }

  function searchOptions(wished: number | undefined) {
    return {
      wished,
      name: existing?.name ?? wish.name,
      reserved: new Set(others.flatMap((found) => hostPorts(found.cluster).map((named) => named.port))),
      plan: (basePort: number) => hostPorts(planCluster(plan(basePort))),
    }
  }
}

/**
 * A port that stays busy. A process of an earlier run that was just killed may hold its sockets for a moment
 * after its main thread is gone: that is no reason to move a cluster.
 */
async function stillBusy(powers: Powers, ports: readonly NamedPort[]): Promise<NamedPort | undefined> {
  const deadlineMs = powers.clock.monotonicMs() + settleTimeoutMs
  for (;;) {
    const [busy] = await busyPorts(powers, ports)
    if (busy === undefined || powers.clock.monotonicMs() > deadlineMs) return busy
    await sleep(powers.clock, 20)
  }
}

/** Members are fixed at creation; everything else may grow and shrink from one start to the next. */
function settleShape(wish: UpWish, existing: ClusterFile | undefined): ClusterShape {
  const before = existing?.shape ?? defaultShape
  const shape = {
    members: wish.members ?? before.members,
    apiservers: wish.apiservers ?? before.apiservers,
    nodes: wish.nodes ?? before.nodes,
    fakeNodes: wish.fakeNodes ?? before.fakeNodes,
  }
  if (existing === undefined || existing.shape.members === shape.members) return shape
  throw new CliError({
    code: 'E_MEMBERS_FIXED',
    message: `cluster ${existing.name} cannot become one of ${shape.members} members`,
    found: `it was made with ${existing.shape.members}, and its data is spread over those`,
    fixes: [
      { command: `skedia up --name ${existing.name}`, why: `with its ${existing.shape.members} members` },
      { command: `skedia up --name other --members ${shape.members}`, why: 'a new cluster' },
    ],
  })
}

async function settleNetwork(
  powers: Powers,
  existing: ClusterFile | undefined,
  others: readonly ClusterFile[],
): Promise<number> {
  if (existing?.network !== undefined) return existing.network.index
  return chooseNetworkIndex(powers, new Set(others.flatMap((cluster) => cluster.network?.index ?? [])))
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

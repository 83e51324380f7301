/**
 * Choosing ports: the wished block when it is free; else, when the user named no base, the next block that
 * is, with a note that says so. A port counts as taken when something listens on it now or when another
 * cluster of this machine has it in its `cluster.json`, for its process may just be down.
 */
import type { Network } from '../../platform/network.ts'
import { NetworkError } from '../../platform/network.ts'
import type { Processes } from '../../platform/processes.ts'
import { CliError } from '../cli-error.ts'
import { portBlockSize } from './cluster-plan.ts'

export const defaultBasePort = 6443
/** Blocks tried before giving up. */
const blocksMax = 64

export interface NamedPort {
  readonly name: string
  readonly port: number
}

/** Who holds a port, as far as can be seen. */
export interface PortHolder extends NamedPort {
  readonly holder: string
}

export interface PortPowers {
  readonly network: Network
  readonly processes: Processes
}

/** Those of `ports` on which loopback already answers to someone. */
export async function busyPorts(
  powers: PortPowers,
  ports: readonly NamedPort[],
): Promise<readonly NamedPort[]> {
  const checked = await Promise.all(
    ports.map(async (named) => ((await isFree(powers.network, named.port)) ? undefined : named)),
  )
  return checked.filter((named) => named !== undefined)
}

async function isFree(network: Network, port: number): Promise<boolean> {
  try {
    const listener = await network.listenBytes({
      address: { host: '127.0.0.1', port },
      onConnection: (connection) => connection.cancel(),
    })
    await listener.close()
    return true
  } catch (error) {
    if (error instanceof NetworkError && (error.code === 'EADDRINUSE' || error.code === 'EACCES'))
      return false
    throw error
  }
}

/** `pid 4121 (etcd)`, or `another process` where the system does not tell. */
export async function holderOf(processes: Processes, port: number): Promise<string> {
  try {
    const { stdout } = await processes.run({
      command: 'ss',
      args: ['-Hltnp', `sport = :${port}`],
      timeoutMs: 2_000,
      allowFailure: true,
    })
    const match = /\(\("([^"]+)",pid=(\d+)/.exec(stdout)
    return match === null ? 'another process' : `pid ${match[2]} (${match[1]})`
  } catch {
    return 'another process' // no ss on this machine
  }
}

/** Finds a base from which `plan`'s ports are all free, and what stood in the way of the first. */
export async function chooseBasePort(
  powers: PortPowers,
  options: {
    /** Set when the user named it: then a conflict is an error. */
    readonly wished: number | undefined
    /** Ports that other clusters keep for themselves. */
    readonly reserved: ReadonlySet<number>
    /** The ports of a cluster at that base. */
    readonly plan: (basePort: number) => readonly NamedPort[]
    /** The cluster's name, for the command that is proposed. */
    readonly name: string
  },
): Promise<{ readonly basePort: number; readonly conflict: PortHolder | undefined }> {
  let conflict: PortHolder | undefined
  const first = options.wished ?? defaultBasePort
  for (let block = 0; block < blocksMax; block += 1) {
    const basePort = first + block * portBlockSize
    const ports = options.plan(basePort)
    const kept = ports.find((named) => options.reserved.has(named.port))
    const busy = kept ?? (await busyPorts(powers, ports))[0]
    if (busy === undefined) return { basePort, conflict }
    const holder = kept ? 'another cluster of this machine' : await holderOf(powers.processes, busy.port)
    if (options.wished !== undefined)
      throw portInUse({ ...busy, holder }, { name: options.name, basePort: basePort + portBlockSize })
    conflict ??= { ...busy, holder }
  }
  throw portInUse(conflict ?? { name: 'f1', port: first, holder: 'another process' }, {
    name: options.name,
    basePort: first + 10_000,
  })
}

/** The error of a port that somebody else holds. */
export function portInUse(
  held: PortHolder,
  other: { readonly name: string; readonly basePort: number },
): CliError {
  return new CliError({
    code: 'E_PORT_IN_USE',
    message: `${held.name} cannot listen on 127.0.0.1:${held.port}`,
    found: `held by ${held.holder}`,
    fixes: [
      { command: `skedia up --name ${other.name} --base-port ${other.basePort}`, why: 'another port range' },
      { command: 'skedia ls', why: 'the clusters of this machine' },
    ],
  })
}

/**
 * Makes and removes the kernel objects of `network-plan`. Both are idempotent: what is there already is
 * taken as it is, what is gone already is not missed; anything else that the kernel says is an error.
 */
import { messageOf } from '../../platform/assert.ts'
import type { Files } from '../../platform/files.ts'
import { ProcessError, type Processes } from '../../platform/processes.ts'
import { CliError } from '../cli-error.ts'
import type { ClusterNetwork } from '../cluster/cluster-file.ts'
import { networksMax } from '../cluster/cluster-plan.ts'
import { hostLines, hostRules, hostRulesRemoval, nodeLines, removalLines } from './network-plan.ts'

export interface NetworkPowers {
  readonly processes: Processes
  readonly files: Files
}

const forwardingPath = '/proc/sys/net/ipv4/ip_forward'
const commandTimeoutMs = 10_000

/** Makes the bridge, the namespaces, their cables, routes and the host's table. @throws CliError E_NETWORK_SETUP */
export async function ensureNodeNetwork(
  powers: NetworkPowers,
  network: ClusterNetwork,
  markerPath: string,
): Promise<void> {
  enableForwarding(powers.files, markerPath)
  const rules = runTool(powers, 'nft', ['-f', '-'], hostRules(network))
  await batch(powers, [], hostLines(network), alreadyDone)
  await Promise.all(
    network.nodes.map((node) =>
      batch(powers, [`--net=/run/netns/${node.namespace}`], nodeLines(network, node), alreadyDone),
    ),
  )
  await Promise.all(network.nodes.map((node) => forwardInside(powers, node.namespace)))
  await rules
}

/** Removes all of it. Processes inside the namespaces must have ended. */
export async function removeNodeNetwork(
  powers: NetworkPowers,
  network: ClusterNetwork,
  markerPath: string,
): Promise<void> {
  await runTool(powers, 'nft', ['-f', '-'], hostRulesRemoval(network))
  await batch(powers, [], removalLines(network), alreadyGone)
  if (!powers.files.exists(markerPath)) return
  if (!otherNetworkStands(powers.files)) powers.files.write(forwardingPath, '0', { append: true })
  powers.files.remove(markerPath)
}

/** Whether another cluster's bridge stands, wherever its directory may be. */
function otherNetworkStands(files: Files): boolean {
  return files.list('/sys/class/net').some((name) => /^sk[0-9a-f]{6}br$/.test(name))
}

/** The lowest address range that neither another cluster nor a route of this machine uses. @throws CliError */
export async function chooseNetworkIndex(powers: NetworkPowers, taken: ReadonlySet<number>): Promise<number> {
  const { stdout } = await runTool(powers, 'ip', ['-4', 'route', 'show'], '')
  for (let index = 0; index < networksMax; index += 1) {
    const isRouted = stdout
      .split('\n')
      .some((line) => line.startsWith(`10.${64 + index}.`) || line.startsWith(`10.${244 - index}.`))
    if (!isRouted && !taken.has(index)) return index
  }
  throw new CliError({
    code: 'E_NETWORK_SETUP',
    message: 'no address range is left for another cluster',
    found: `all of 10.64-95 and 10.213-244 are taken`,
    fixes: [{ command: 'skedia ls', why: 'then: skedia down --purge --name …' }],
  })
}

/** Packets of nodes and pods leave the machine only when the host forwards; remembers that it was we who switched it on. */
function enableForwarding(files: Files, markerPath: string): void {
  if (files.readText(forwardingPath).trim() === '1') return
  files.write(forwardingPath, '1', { append: true })
  files.write(markerPath, 'net.ipv4.ip_forward was 0 before this cluster\n')
}

async function forwardInside(powers: NetworkPowers, namespace: string): Promise<void> {
  await runTool(
    powers,
    'nsenter',
    [`--net=/run/netns/${namespace}`, 'sh', '-c', `echo 1 > ${forwardingPath}`],
    '',
  )
}

const alreadyDone = /File exists|already assigned/
const alreadyGone = /Cannot find device|No such file or directory|No such device|Invalid argument/

/** One `ip` process for many lines; goes on after an error and then judges all of them. */
async function batch(
  powers: NetworkPowers,
  nsenter: readonly string[],
  lines: readonly string[],
  harmless: RegExp,
): Promise<void> {
  const [command, args] = nsenter.length > 0 ? ['nsenter', [...nsenter, 'ip']] : ['ip', []]
  const result = await runTool(
    powers,
    command,
    [...args, '-force', '-batch', '-'],
    `${lines.join('\n')}\n`,
    true,
  )
  const problems = result.stderr
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('Command failed') && !harmless.test(line))
  if (problems.length > 0) throw setupError(problems.join('; '))
}

async function runTool(
  powers: NetworkPowers,
  command: string,
  args: readonly string[],
  input: string,
  allowFailure = false,
) {
  try {
    return await powers.processes.run({ command, args, input, timeoutMs: commandTimeoutMs, allowFailure })
  } catch (error) {
    throw setupError(
      messageOf(error),
      error instanceof ProcessError && error.code === 'ENOENT' ? command : undefined,
    )
  }
}

function setupError(found: string, missing?: string): CliError {
  return new CliError({
    code: 'E_NETWORK_SETUP',
    message: 'cannot set up the network of the nodes',
    found: missing === undefined ? found : `the command ${missing} is missing`,
    fixes: [
      { command: 'apt-get install iproute2 nftables util-linux', why: 'what it needs' },
      { command: 'skedia up --runtime fake', why: 'without real pods' },
    ],
  })
}

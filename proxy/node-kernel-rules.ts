/** `KernelRules` on a real machine: nft, iptables-restore, conntrack, in this process's network namespace. */
import type { Processes } from '../platform/processes.ts'
import type { KernelRules } from './kernel-rules.ts'
import type { StaleFlow } from './stale-flows.ts'

const timeoutMs = 30_000
const bridgeSwitch = '/proc/sys/net/bridge/bridge-nf-call-iptables'
const forwardSwitch = '/proc/sys/net/ipv4/ip_forward'

/** `namespace`: a file such as /run/netns/x to work in instead of the process's own namespace. */
export function createKernelRules(
  processes: Processes,
  options: { readonly namespace?: string } = {},
): KernelRules {
  const run = (command: string, args: readonly string[], input?: string, allowFailure?: boolean) => {
    const call = options.namespace
      ? { command: 'nsenter', args: [`--net=${options.namespace}`, command, ...args] }
      : { command, args }
    return processes.run({
      ...call,
      timeoutMs,
      ...(input === undefined ? {} : { input }),
      ...(allowFailure ? { allowFailure } : {}),
    })
  }
  const turnOn = async (path: string): Promise<boolean> => {
    const script = `[ "$(cat ${path} 2>/dev/null)" = 1 ] || { echo 1 > ${path}; } 2>/dev/null`
    const { code } = await run('sh', ['-c', script], undefined, true)
    return code === 0
  }
  return {
    async nft(script) {
      await run('nft', ['-f', '-'], script)
    },
    async iptablesRestore(input) {
      await run('iptables-restore', ['--noflush', '-w', '5'], input)
    },
    async iptablesSave() {
      const [nat, filter] = [
        await run('iptables-save', ['-t', 'nat']),
        await run('iptables-save', ['-t', 'filter']),
      ]
      return `\n${nat.stdout}\n${filter.stdout}`
    },
    async deleteFlow(flow) {
      // Exits with 1 when there was nothing to delete.
      await run('conntrack', conntrackArgs(flow), undefined, true)
    },
    filterBridges: () => turnOn(bridgeSwitch),
    forwardPackets: () => turnOn(forwardSwitch),
  }
}

function conntrackArgs({ originalIp, nodePort, endpointIp }: StaleFlow): readonly string[] {
  const args = ['-D', '-p', 'udp']
  if (originalIp !== undefined) args.push('--orig-dst', originalIp)
  if (nodePort !== undefined) args.push('--dport', String(nodePort))
  if (endpointIp !== undefined) args.push('--dst-nat', endpointIp)
  return args
}

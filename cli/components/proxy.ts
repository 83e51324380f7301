/** `skedia proxy`: one Service proxy, with kube-proxy's flags. Programs the network namespace that it runs in. */
import { Option } from 'commander'
import { createKernelRules, startProxy } from '../../proxy/index.ts'
import type { Verb } from '../verb.ts'
import { addApiAccessFlags, type ApiAccessFlags, apiClientFrom } from './api-access.ts'
import { addComponentFlags, type ComponentFlags } from './component-flags.ts'
import { runComponent } from './run-component.ts'

interface ProxyFlags extends ComponentFlags, ApiAccessFlags {
  readonly hostnameOverride: string
  readonly proxyMode: 'nftables' | 'iptables' | 'none'
  readonly clusterCidr?: string
}

/** The verb. */
export const proxy: Verb = {
  define: (command, choose) => {
    addApiAccessFlags(command)
      .requiredOption('--hostname-override <name>', "the Node object's name")
      .addOption(
        new Option('--proxy-mode <mode>', 'how Services get into the kernel; none: not at all')
          .choices(['nftables', 'iptables', 'none'])
          .default('nftables'),
      )
      .option('--cluster-cidr <cidr>', 'traffic from elsewhere is masqueraded')
    addComponentFlags(command).action(() =>
      choose((shell) => {
        const flags = command.opts<ProxyFlags>()
        return runComponent({
          shell,
          name: flags.hostnameOverride.replace(/^n(\d+)$/, 'p$1'),
          flags,
          start: async (powers) => {
            const client = await apiClientFrom(powers, flags, 'skedia-proxy')
            const running = await startProxy(powers, {
              nodeName: flags.hostnameOverride,
              client,
              mode: flags.proxyMode,
              clusterCidr: flags.clusterCidr ?? '',
              kernel: createKernelRules(powers.processes),
            })
            return {
              close: async () => {
                await running.close()
                client.close()
              },
            }
          },
        })
      }),
    )
  },
}

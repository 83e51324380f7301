/** `skedia front`: one stable TCP address before several apiservers. */
import { createNodeFiles } from '../../platform/node/files.ts'
import type { Address } from '../../platform/network.ts'
import { startFront } from '../front/front.ts'
import type { Verb } from '../verb.ts'
import { addComponentFlags, type ComponentFlags, parseAddress, readFlagFile } from './component-flags.ts'
import { runComponent } from './run-component.ts'

interface FrontFlags extends ComponentFlags {
  readonly listenAddress: Address
  readonly backends: readonly Address[]
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

/** The verb. */
export const front: Verb = {
  define: (command, choose) => {
    command
      .requiredOption('--listen-address <ip:port>', 'where clients connect', parseAddress)
      .requiredOption('--backends <ip:port,…>', 'the apiservers', (text: string) =>
        text.split(',').map(parseAddress),
      )
      .requiredOption('--ca-file <file>', 'whom to trust when asking /readyz')
      .requiredOption('--cert-file <file>', 'the client certificate for /readyz')
      .requiredOption('--key-file <file>', 'its key')
    addComponentFlags(command).action(() =>
      choose((shell) => {
        const flags = command.opts<FrontFlags>()
        const files = createNodeFiles()
        return runComponent({
          shell,
          name: 'front',
          flags,
          start: async (powers) => {
            const running = await startFront(powers, {
              listen: flags.listenAddress,
              backends: flags.backends,
              tls: {
                certificateAuthority: readFlagFile(files, '--ca-file', flags.caFile),
                certificate: readFlagFile(files, '--cert-file', flags.certFile),
                privateKey: readFlagFile(files, '--key-file', flags.keyFile),
              },
            })
            return {
              close: () => running.close(),
              isReady: () => running.isReady(),
              detail: () => running.describe(),
            }
          },
        })
      }),
    )
  },
}

/** `skedia controller-manager`: one controller manager, with kube-controller-manager's flags. */
import { startControllerManager } from '../../controllers/index.ts'
import { createNodeFiles } from '../../platform/node/files.ts'
import type { Verb } from '../verb.ts'
import { addApiAccessFlags, type ApiAccessFlags, apiClientFrom } from './api-access.ts'
import { addComponentFlags, type ComponentFlags, readFlagFile } from './component-flags.ts'
import {
  addLeaderElectionFlags,
  type LeaderElectionFlags,
  leaderElectionTimingsOf,
} from './leader-election-flags.ts'
import { runComponent } from './run-component.ts'

interface ControllerManagerFlags extends ComponentFlags, ApiAccessFlags, LeaderElectionFlags {
  readonly controllers: string
  readonly rootCaFile: string
  readonly serviceAccountPrivateKeyFile?: string
  readonly clusterCidr?: string
}

/** The verb. */
export const controllerManager: Verb = {
  define: (command, choose) => {
    addApiAccessFlags(command)
      .option('--controllers <name,…>', '* is all, -name leaves one out', '*')
      .requiredOption('--root-ca-file <file>', 'published in every namespace as kube-root-ca.crt')
      .option('--service-account-private-key-file <file>', 'signs the tokens of token Secrets')
      .option('--cluster-cidr <cidr>', "the pods' addresses")
    addLeaderElectionFlags(command, 'controller-manager')
    addComponentFlags(command).action(() =>
      choose((shell) => {
        const flags = command.opts<ControllerManagerFlags>()
        const files = createNodeFiles()
        return runComponent({
          shell,
          name: flags.identity,
          flags,
          start: async (powers) => {
            const client = await apiClientFrom(powers, flags, 'skedia-controller-manager')
            const key = flags.serviceAccountPrivateKeyFile
            const manager = await startControllerManager(powers, {
              identity: flags.identity,
              client,
              controllers: flags.controllers.split(','),
              rootCa: readFlagFile(files, '--root-ca-file', flags.rootCaFile),
              ...(key === undefined
                ? {}
                : {
                    serviceAccountPrivateKey: readFlagFile(files, '--service-account-private-key-file', key),
                  }),
              clusterCidr: flags.clusterCidr,
              leaderElection: leaderElectionTimingsOf(flags),
            })
            return {
              isLeading: () => manager.isLeading(),
              detail: () => manager.status(),
              close: async () => {
                await manager.close()
                client.close()
              },
            }
          },
        })
      }),
    )
  },
}

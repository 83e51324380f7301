/** `skedia kubeconfig`: the path of the cluster's kubeconfig, or its text. */
import { clusterPaths } from '../cluster/cluster-file.ts'
import { exitCodes } from '../cli-error.ts'
import type { Verb } from '../verb.ts'
import { addClusterFlags, type ClusterFlags, openCluster } from './cluster-flags.ts'

/** The verb. */
export const kubeconfig: Verb = {
  define: (command, choose) => {
    addClusterFlags(command)
      .option('--raw', 'the file itself')
      .action(() =>
        choose(async (shell) => {
          const flags = command.opts<ClusterFlags & { raw?: boolean }>()
          const { powers, found } = openCluster(shell, flags)
          const path = clusterPaths(found.dir).kubeconfig
          shell.stdout.write(flags.raw ? powers.files.readText(path) : `${path}\n`)
          return exitCodes.ok
        }),
      )
  },
}

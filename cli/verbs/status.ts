/** `skedia status`: exit code 69 without a quorum, also when the cluster does not run. */
import { Option } from 'commander'
import { CliError, exitCodes } from '../cli-error.ts'
import { renderStatus } from '../output/status-text.ts'
import { connectControl, notRunning } from '../supervisor/control-client.ts'
import type { Verb } from '../verb.ts'
import { addClusterFlags, type ClusterFlags, nameFlag, openCluster } from './cluster-flags.ts'

/** The verb. */
export const status: Verb = {
  define: (command, choose) => {
    addClusterFlags(command)
      .addOption(new Option('-o, --output <form>', 'text or json').choices(['text', 'json']).default('text'))
      .option('--json', 'the same as -o json')
      .action(() =>
        choose(async (shell) => {
          const flags = command.opts<ClusterFlags & { output: string; json?: boolean }>()
          const { powers, found } = openCluster(shell, flags)
          const control = connectControl(powers, found)
          if (control === undefined) {
            const { message, found: seen, fixes } = notRunning(found)
            throw new CliError({
              code: 'E_NOT_RUNNING',
              message,
              found: seen,
              fixes,
              exitCode: exitCodes.noQuorum,
            })
          }
          const current = await control.status()
          control.close()
          const isJson = flags.json || flags.output === 'json'
          shell.stdout.write(
            isJson
              ? `${JSON.stringify({ v: 1, ...current }, undefined, 2)}\n`
              : renderStatus(current, nameFlag(found)),
          )
          return current.quorum ? exitCodes.ok : exitCodes.noQuorum
        }),
      )
  },
}

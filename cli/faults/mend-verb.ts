/** What `start`, `resume` and `heal` have in common: mend one process and wait until it serves again. */
import { sleep } from '../../platform/clock.ts'
import { CliError, exitCodes } from '../cli-error.ts'
import type { ClusterStatus } from '../supervisor/cluster-status.ts'
import { clusterPaths } from '../cluster/cluster-file.ts'
import { demandControl } from '../supervisor/control-client.ts'
import { lastError } from '../supervisor/log-files.ts'
import type { Action } from '../supervisor/supervisor.ts'
import type { Verb } from '../verb.ts'
import { addClusterFlags, type ClusterFlags, nameFlag, openCluster } from '../verbs/cluster-flags.ts'

const readyTimeoutMs = 15_000
const pollMs = 50

/** The verb that does `action`. */
export function mendVerb(options: { readonly action: Action; readonly done: string }): Verb {
  return {
    define: (command, choose) => {
      addClusterFlags(command)
        .argument('<target>', 'leader, or a process: m1, a1, c1, s1, n1, p1, f1')
        .option('--json', 'the outcome as one JSON object')
        .action((target: string) =>
          choose(async (shell) => {
            const flags = command.opts<ClusterFlags & { json?: boolean }>()
            const { powers, found } = openCluster(shell, flags)
            const control = demandControl(powers, found)
            const startMs = powers.clock.monotonicMs()
            const acted = await control.act(options.action, target)
            let status = await control.status()
            while (!serves(status, acted.name)) {
              if (powers.clock.monotonicMs() - startMs > readyTimeoutMs)
                throw notServing(
                  acted.name,
                  nameFlag(found),
                  lastError(powers.files, `${clusterPaths(found.dir).logs}/${acted.name}.log`),
                )
              await sleep(powers.clock, pollMs)
              status = await control.status()
            }
            control.close()
            const ms = Math.round(powers.clock.monotonicMs() - startMs)
            const { quorum, toleratesLosing } = status
            shell.stdout.write(
              flags.json
                ? `${JSON.stringify({ v: 1, type: options.action, name: acted.name, readyMs: ms, quorum, toleratesLosing })}\n`
                : ` ✓ ${acted.name} ${options.done} and serves after ${ms} ms · can lose ${toleratesLosing}\n`,
            )
            return exitCodes.ok
          }),
        )
    },
  }
}

function serves(status: ClusterStatus, name: string): boolean {
  const member = status.members.find((row) => row.name === name)
  // Without a leader a member can do no more than answer.
  if (member !== undefined) return status.quorum ? member.healthy : member.term !== null && !member.cut
  return status.processes.some((row) => row.name === name && row.ready)
}

function notServing(name: string, flag: string, reason: string | undefined): CliError {
  return new CliError({
    code: 'E_TIMEOUT',
    message: `${name} does not serve yet`,
    found: `not ready after ${readyTimeoutMs / 1000} s${reason === undefined ? '' : `; its log says: ${reason}`}`,
    fixes: [{ command: `skedia logs ${name}${flag}`, why: 'what it says' }],
  })
}

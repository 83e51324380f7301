/**
 * `skedia down`: stops a cluster as Ctrl-C does. With `--purge` nothing of it is left: no process, network
 * namespace, mount, control group, kernel rule, route or file.
 */
import { sleep } from '../../platform/clock.ts'
import { createNodePowers } from '../../platform/node/powers.ts'
import type { Powers } from '../../platform/powers.ts'
import { CliError, exitCodes } from '../cli-error.ts'
import { clusterPaths } from '../cluster/cluster-file.ts'
import { allClusters, type FoundCluster } from '../cluster/location.ts'
import { removeNodes, endPods } from '../network/node-cleanup.ts'
import type { Shell } from '../shell.ts'
import { connectControl } from '../supervisor/control-client.ts'
import { endLeftovers } from '../supervisor/leftovers.ts'
import type { Verb } from '../verb.ts'
import { addClusterFlags, type ClusterFlags, openCluster } from './cluster-flags.ts'

interface DownFlags extends ClusterFlags {
  readonly purge?: boolean
  readonly all?: boolean
  readonly json?: boolean
}

/** How long a cluster may take to stop in order before it is killed. */
const stopTimeoutMs = 30_000
const pollMs = 20

/** The verb. */
export const down: Verb = {
  define: (command, choose) => {
    addClusterFlags(command)
      .option('--purge', 'remove everything that the cluster left, its data too')
      .option('--all', 'every cluster of this machine')
      .option('--json', 'one JSON object per cluster')
      .action(() => choose((shell) => runDown(shell, command.opts<DownFlags>())))
  },
}

async function runDown(shell: Shell, flags: DownFlags): Promise<number> {
  const powers = createNodePowers({ component: 'cli', logLevel: 'silent' })
  const targets = flags.all ? allClusters(shell, powers.files) : [openCluster(shell, flags).found]
  for (const found of targets) {
    const startMs = powers.clock.monotonicMs()
    await stopCluster(powers, found)
    if (flags.purge) await purge(powers, shell, found)
    const ms = Math.round(powers.clock.monotonicMs() - startMs)
    shell.stdout.write(
      flags.json ? `${JSON.stringify(resultOf(found, flags, ms))}\n` : sentence(found, flags, ms),
    )
  }
  if (targets.length === 0 && !flags.json) shell.stdout.write('no clusters\n')
  return exitCodes.ok
}

function resultOf(found: FoundCluster, flags: DownFlags, ms: number) {
  return { v: 1, type: 'down', name: found.cluster.name, purged: flags.purge === true, ms }
}

function sentence(found: FoundCluster, flags: DownFlags, ms: number): string {
  const { name } = found.cluster
  return flags.purge
    ? ` ${name} removed in ${ms} ms · nothing left\n`
    : ` ${name} stopped in ${ms} ms · all data kept in ${found.dir}\n`
}

/** Asks the supervisor; ends by force what does not stop, and what a killed supervisor left. */
async function stopCluster(powers: Powers, found: FoundCluster): Promise<void> {
  const control = connectControl(powers, found)
  if (control !== undefined) {
    await control.stop()
    const deadlineMs = powers.clock.monotonicMs() + stopTimeoutMs
    while (control.isAlive()) {
      if (powers.clock.monotonicMs() > deadlineMs) powers.processes.kill(control.supervisorPid, 'SIGKILL')
      await sleep(powers.clock, pollMs)
    }
    control.close()
  }
  await endLeftovers(powers, clusterPaths(found.dir).children)
  await endPods(powers, found)
}

async function purge(powers: Powers, shell: Shell, found: FoundCluster): Promise<void> {
  if (found.cluster.network !== undefined && shell.uid !== 0) {
    throw new CliError({
      code: 'E_PERMISSION',
      message: `cannot remove the nodes of cluster ${found.cluster.name}`,
      found: 'its network namespaces and mounts belong to root',
      fixes: [{ command: `sudo ${shell.entry} down --purge --dir ${found.dir}` }],
    })
  }
  await removeNodes(powers, found)
  powers.files.remove(found.dir)
}
